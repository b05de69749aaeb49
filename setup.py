"""Package imgclass_course: its metadata is read from settings.ini, its files are the library, nbs/ and data/."""

import configparser
from pathlib import Path

from setuptools import find_packages, setup

TOP = Path(__file__).resolve().parent
LICENCES = {"apache2": "Apache-2.0"}
EXTRAS = ("hub", "course", "demo", "export", "serve", "ray", "torch", "dev")


def read_settings() -> configparser.SectionProxy:
    """Return the one section of settings.ini."""
    # "=" is the only delimiter, so that the ":" of an entry point or of an address needs no escape.
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read(TOP / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def split_lines(text: str) -> list[str]:
    """Return the lines of `text` that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def list_classifiers(first: str, last: str) -> list[str]:
    """Return the classifiers of the Pythons from `first` to `last`, such as "3.10" and "3.13"."""
    minors = range(int(first.split(".")[1]), int(last.split(".")[1]) + 1)
    python = "Programming Language :: Python :: 3"
    versions = [python, *(f"{python}.{minor}" for minor in minors)]
    return ["Framework :: Jupyter", "Intended Audience :: Education", *versions]


def python_range(first: str, last: str) -> str:
    """Return the range of Pythons as pip reads it: from `first` up to every patch release of `last`."""
    return f">={first},<3.{int(last.split('.')[1]) + 1}"


def list_extras(settings: configparser.SectionProxy) -> dict[str, list[str]]:
    """Return the requirements of each extra; those of the lessons and of developers hold others whole."""
    extras = {extra: split_lines(settings[f"{extra}_requirements"]) for extra in EXTRAS}
    extras["course"] += extras["hub"]
    extras["dev"] += [line for extra in ("course", "demo", "export", "serve", "ray") for line in extras[extra]]
    return extras


settings = read_settings()
name = settings["lib_name"]
setup(
    name=name,
    version=settings["version"],
    description=settings["description"],
    long_description=(TOP / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    license_expression=LICENCES[settings["license"]],
    license_files=["LICENSE", "NOTICE"],
    keywords=settings["keywords"].split(),
    classifiers=list_classifiers(settings["min_python"], settings["max_python"]),
    python_requires=python_range(settings["min_python"], settings["max_python"]),
    install_requires=split_lines(settings["requirements"]),
    extras_require=list_extras(settings),
    entry_points={
        "console_scripts": split_lines(settings["console_scripts"]),
        "nbdev": [f"{name}={name}._modidx:d"],
    },
    # The lessons and the small data sets travel inside the package, so that they are there after `pip install`.
    packages=[*find_packages(include=[name, f"{name}.*"]), f"{name}.notebooks", f"{name}.data"],
    package_dir={name: name, f"{name}.notebooks": "nbs", f"{name}.data": "data"},
    package_data={
        name: ["py.typed", "assets/*", "assets/labconfig/*"],
        f"{name}.exercises": ["*.json"],
        f"{name}.notebooks": ["*.ipynb", "images/*"],
        f"{name}.data": ["**/*"],
    },
    include_package_data=False,
    zip_safe=False,
)
