"""Measured rows with their targets, and the Markdown file that shows them."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "pillow", "scikit-learn")
GIBIBYTE = 2**30


@dataclass(frozen=True)
class Target:
    """A bound that a value should keep, in the value's unit."""

    limit: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        """Whether the value keeps the bound."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        """The bound in words."""
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"


@dataclass(frozen=True)
class Row:
    """One measured value; `detail` says how it came about."""

    name: str
    value: float
    unit: str
    target: Target | None = None
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        return None if self.target is None else self.target.met(self.value)

    @property
    def verdict(self) -> str:
        """`met`, or by how much the target was missed; empty without a target."""
        if self.target is None:
            return ""
        missing = abs(self.value - self.target.limit)
        return "met" if self.met else f"**missed by {number(missing)}** ({missing / self.target.limit:.0%})"


def number(value: float) -> str:
    """A value with three significant digits, thousands in full."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def section(title: str, rows: Sequence[Row], pictures: int, repeats: int) -> str:
    """One heading with a table of rows, and when and how often it was measured."""
    how = f"Measured {date.today().isoformat()}, {pictures:,} pictures; medians are of {repeats} interleaved runs."
    head = ["| what | value | unit | target | verdict | how |", "|---|---|---|---|---|---|"]
    lines = [
        f"| {row.name} | {number(row.value)} | {row.unit} | {row.target or ''} | {row.verdict} | {row.detail} |"
        for row in rows
    ]
    return "\n".join([f"## {title}", "", how, "", *head, *lines, ""])


def earlier_sections(path: Path) -> dict[str, str]:
    """The sections of a results file by title, as they stand there; none where there is no file."""
    parts = path.read_text().split("\n## ")[1:] if path.exists() else []
    return {part.splitlines()[0]: f"## {part.rstrip()}\n" for part in parts}


def processor_name() -> str:
    """The processor's model name, from Linux if it tells."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def machine() -> str:
    """Processor, cores that this process may use, and memory, in one line."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE
    return f"{processor_name()}, {cores} cores, {memory:.0f} GiB memory, {platform.system()}"


def installed_version(package: str) -> str:
    """The installed version of a package, or `not installed`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def versions() -> str:
    """Python and the packages that matter for speed, in one line."""
    packages = [f"{package} {installed_version(package)}" for package in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *packages])


def summary(sections: Sequence[str]) -> str:
    """How many targets were met, and the names of those that were missed."""
    cells = [line.split(" | ") for text in sections for line in text.splitlines() if line.startswith("| ")]
    judged = [row for row in cells if row[4].startswith(("met", "**missed"))]
    missed = [row[0].removeprefix("| ") for row in judged if row[4] != "met"]
    text = f"{len(judged) - len(missed)} of {len(judged)} targets met."
    return f"{text} Missed: {'; '.join(missed)}." if missed else text


def write_markdown(path: Path, sections: dict[str, str]) -> None:
    """Write the results file: the sections measured now, and the others as an earlier run left them."""
    texts = list({**earlier_sections(path), **sections}.values())
    intro = [
        "# Benchmark results",
        "",
        "Written by `python -m benchmarks.run`; do not edit. What each line means stands in [README.md](README.md).",
        "",
        f"- machine: {machine()}",
        f"- versions: {versions()}",
        f"- {summary(texts)}",
        "",
    ]
    path.write_text("\n".join([*intro, *texts]))
