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


def section(title: str, rows: Sequence[Row]) -> str:
    """One heading with a table of rows."""
    head = ["| what | value | unit | target | verdict | how |", "|---|---|---|---|---|---|"]
    lines = [
        f"| {row.name} | {number(row.value)} | {row.unit} | {row.target or ''} | {row.verdict} | {row.detail} |"
        for row in rows
    ]
    return "\n".join([f"## {title}", "", *head, *lines, ""])


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


def summary(rows: Sequence[Row]) -> str:
    """How many targets were met, and the names of those that were missed."""
    judged = [row for row in rows if row.target is not None]
    missed = [row.name for row in judged if not row.met]
    text = f"{len(judged) - len(missed)} of {len(judged)} targets met."
    return f"{text} Missed: {'; '.join(missed)}." if missed else text


def write_markdown(path: Path, sections: dict[str, Sequence[Row]], pictures: int, repeats: int) -> None:
    """Write the results file."""
    rows = [row for section_rows in sections.values() for row in section_rows]
    intro = [
        "# Benchmark results",
        "",
        "Written by `python -m benchmarks.run`; do not edit. What each line means stands in [README.md](README.md).",
        "",
        f"- date: {date.today().isoformat()}",
        f"- machine: {machine()}",
        f"- versions: {versions()}",
        f"- pictures: {pictures:,}; times are medians of {repeats} interleaved runs, each a process of its own",
        f"- {summary(rows)}",
        "",
    ]
    body = [section(title, section_rows) for title, section_rows in sections.items()]
    path.write_text("\n".join([*intro, *body]))
