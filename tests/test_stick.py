"""The stick for laptops without network: what its install script says, and that it needs no index."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import TOP

STICK = TOP / "scripts" / "stick"
sys.path.insert(0, str(STICK))
import install  # noqa: E402


def run_main(monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """Run the script for `folder`, and return the sentence that it ends on."""
    monkeypatch.setattr(sys, "argv", ["install.py", str(folder)])
    with pytest.raises(SystemExit) as stopped:
        install.main()
    return str(stopped.value)


def test_another_python_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install, "FIRST", (3, 99))
    monkeypatch.setattr(install, "LAST", (3, 99))
    assert "The stick is for 3.99 to 3.99" in run_main(monkeypatch, tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_half_a_stick_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install, "HERE", tmp_path)
    monkeypatch.setattr(install, "LAST", (3, 99))
    assert "copy the whole stick" in run_main(monkeypatch, tmp_path / "home")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "constraints.txt").write_text("")
    assert "A package is missing on the stick" in run_main(monkeypatch, tmp_path / "home")


def make_wheel(folder: Path, name: str, extras: str = "") -> None:
    """Write the smallest wheel that pip installs: one module of this name."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"NAME = {name!r}")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{extras}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_installs_from_its_wheels_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (tmp_path / "constraints.txt").write_text("")
    make_wheel(wheels, "imgclass_course", "Provides-Extra: course\nProvides-Extra: demo\n")
    make_wheel(wheels, "opencv_python_headless")
    monkeypatch.setattr(install, "HERE", tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/nowhere")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    install.install(tmp_path / "environment")
    python = install.programs(tmp_path / "environment") / "python"
    asked = [python, "-I", "-c", "import imgclass_course; print(imgclass_course.NAME)"]
    said = subprocess.run(asked, capture_output=True, cwd=tmp_path)
    assert said.stdout.split() == [b"imgclass_course"]


@pytest.mark.parametrize(("system", "folder"), [("win32", "Scripts"), ("linux", "bin"), ("darwin", "bin")])
def test_programs_of_each_system(monkeypatch: pytest.MonkeyPatch, system: str, folder: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert install.programs(Path("environment")) == Path("environment") / folder
