"""Fill a folder, such as a USB stick, with all that a laptop without network needs for the workshop.

    python scripts/build_stick.py STICK                                   # three systems, Python 3.11 to 3.13
    python scripts/build_stick.py STICK --platform windows --python 3.12  # less; both may be named several times

It holds the course as a wheel, the wheels of everything that it needs, `install.py` and a note. This machine needs the
network; what is there already is not fetched again. uv says which packages another system needs, and pip fetches them.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
EXTRAS = "course,demo"
ARM = ("arm64", "universal2")
# The name that uv knows a system by, and the tags of wheels that pip may take for it.
PLATFORMS = {
    "linux": (
        "x86_64-manylinux_2_28",
        [f"manylinux_2_{minor}_x86_64" for minor in range(5, 29)] + ["manylinux2014_x86_64"],
    ),
    "macos": ("aarch64-apple-darwin", [f"macosx_{major}_0_{arch}" for major in (11, 12, 13, 14) for arch in ARM]),
    "windows": ("x86_64-pc-windows-msvc", ["win_amd64"]),
}
PYTHONS = ("3.11", "3.12", "3.13")


def build_wheel(folder: Path) -> Path:
    """Build the wheel of the course into `folder`, in place of an older one, and return it."""
    for old in folder.glob("imgclass_course-*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(TOP)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("imgclass_course-*.whl"))


def list_packages(wheel: Path, platform: str, python: str) -> list[str]:
    """Return what the course needs on another system, as "name==version"."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-platform", PLATFORMS[platform][0], "--python-version", python]
    command += ["--constraint", str(TOP / "constraints.txt"), "-"]
    wanted = f"imgclass_course[{EXTRAS}] @ {wheel.as_uri()}"
    found = subprocess.run(command, input=wanted, text=True, capture_output=True, check=True).stdout
    return [line for line in found.splitlines() if "==" in line]


def fetch(packages: list[str], platform: str, python: str, folder: Path) -> None:
    """Fetch the wheels of packages that are not in `folder` yet."""
    if not packages:
        return
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp", "--find-links", str(folder)]
    for tag in PLATFORMS[platform][1]:
        command += ["--platform", tag]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as requirements:
        requirements.write("\n".join(packages))
        requirements.flush()
        subprocess.run([*command, "--dest", str(folder), "--requirement", requirements.name], check=True)


def fill(wheel: Path, platform: str, python: str, there: frozenset[str] = frozenset()) -> frozenset[str]:
    """Fetch what another system needs beside the wheel of the course, but for what is `there`; return all of it."""
    packages = frozenset(list_packages(wheel, platform, python))
    print(f"{platform}, Python {python}: {len(packages - there)} packages", flush=True)
    fetch(sorted(packages - there), platform, python, wheel.parent)
    return packages


def main() -> None:
    """Read the command line and fill the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stick", type=Path, help="the folder to fill")
    parser.add_argument("--platform", action="append", choices=PLATFORMS, help="a system of the laptops")
    parser.add_argument("--python", action="append", choices=PYTHONS, help="a Python of the laptops")
    flags = parser.parse_args()
    stick = flags.stick.resolve()
    wheels = stick / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    wheel = build_wheel(wheels)
    for platform, python in product(flags.platform or PLATFORMS, flags.python or PYTHONS):
        try:
            late = fill(wheel, platform, f"{python}.99")
            fill(wheel, platform, f"{python}.0", late)  # some packages ask for a late patch: earlier ones for these
        except subprocess.CalledProcessError as error:
            sys.exit(f"build_stick.py: {platform}, Python {python}: {error.stderr or 'pip could not fetch everything'}")
    for path in sorted((Path(__file__).parent / "stick").iterdir()):
        shutil.copy(path, stick)
    shutil.copy(TOP / "constraints.txt", stick)
    files = [path for path in stick.rglob("*") if path.is_file()]
    print(f"{flags.stick}: {len(files)} files, {sum(path.stat().st_size for path in files) / 1e9:.1f} GB")


if __name__ == "__main__":
    main()
