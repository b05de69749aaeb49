"""settings.ini is the only place where the package's metadata stands, and what is installed follows it."""

import configparser
import re
from importlib import metadata

import pytest
from support import TOP

import imgclass_course

PARSER = configparser.ConfigParser(interpolation=None, delimiters=("=",))
PARSER.read(TOP / "settings.ini", encoding="utf-8")
SETTINGS = PARSER["DEFAULT"]


def requirement_names(text: str) -> set[str]:
    """Return the names in a list of requirements, as package indexes spell them."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    return {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in lines}


def test_version_is_that_of_settings() -> None:
    assert imgclass_course.__version__ == metadata.version("imgclass_course") == SETTINGS["version"]


def test_installed_metadata_is_that_of_settings() -> None:
    installed = metadata.metadata("imgclass_course")
    assert installed["Summary"] == SETTINGS["description"] and installed["Author"] == SETTINGS["author"]
    assert installed["Requires-Python"].startswith(f">={SETTINGS['min_python']}")


# What each extra holds, by the names in settings.ini.
EXTRAS = {
    "hub": ("hub",),
    "course": ("hub", "course"),
    "demo": ("demo",),
    "export": ("export",),
    "serve": ("serve",),
    "ray": ("ray",),
    "torch": ("torch",),
    "dev": ("hub", "course", "demo", "export", "serve", "ray", "dev"),
}


def test_installed_requirements_are_those_of_settings() -> None:
    installed = metadata.requires("imgclass_course")
    plain = requirement_names("\n".join(line for line in installed if "extra ==" not in line))
    assert plain == requirement_names(SETTINGS["requirements"])
    assert set(metadata.metadata("imgclass_course").get_all("Provides-Extra")) == set(EXTRAS)
    for extra, parts in EXTRAS.items():
        lines = "\n".join(line for line in installed if re.search(f"extra == .{extra}.", line))
        expected = [requirement_names(SETTINGS[f"{part}_requirements"]) for part in parts]
        assert requirement_names(lines) == set().union(*expected), extra


def test_light_to_install_as_a_library() -> None:
    lessons_only = {"jupyterlab", "ipykernel", "imaug", "opencv-python", "opencv-python-headless", "tensorboard"}
    lessons_only |= {"setuptools", "tensorflow-hub", "tf-keras", "scikit-image"}
    assert not lessons_only & requirement_names(SETTINGS["requirements"])


def test_entry_point_runs_the_command_line() -> None:
    from imgclass_course.cli import main

    (entry,) = metadata.entry_points(group="console_scripts", name="imgclass")
    assert entry.value in SETTINGS["console_scripts"] and entry.load() is main


@pytest.mark.parametrize(
    "name", ["setup.py", "pyproject.toml", "imgclass_course/__init__.py", "imgclass_course/cli.py"]
)
def test_no_second_copy_of_the_metadata(name: str) -> None:
    text = (TOP / name).read_text(encoding="utf-8")
    for key in ("version", "description", "author"):
        assert SETTINGS[key] not in text, f"{name} repeats {key} of settings.ini"
    assert not re.search(r"^\[project\]", text, re.MULTILINE)
    for line in SETTINGS["requirements"].splitlines():
        requirement = line.strip()
        if re.search("[<>=]", requirement) and not requirement.startswith("#"):
            assert requirement not in text, f"{name} repeats {requirement}"


def test_the_parts_that_travel_with_the_package_are_there() -> None:
    from imgclass_course.foundation.assets import EMBEDDED
    from imgclass_course.foundation.files import assets_folder

    assert {"report.html", "imagenet_labels.tsv", f"{EMBEDDED}_imagenet.npz"} <= {
        path.name for path in assets_folder().iterdir()
    }
    assert (assets_folder().parent / "py.typed").is_file()
