"""Run a command as a process of its own and measure it from outside."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parent.parent
KIBIBYTE = 1024  # the unit of ru_maxrss on Linux


class CommandFailed(Exception):
    """A measured command ended with an exit code other than 0."""


@dataclass(frozen=True)
class Measured:
    """One finished process: wall time in seconds, peak resident memory in bytes, standard output."""

    seconds: float
    peak_memory: int
    output: str

    @property
    def result(self) -> dict:
        """The JSON object in the last line of the output."""
        return json.loads(self.output.strip().splitlines()[-1])


def module_command(module: str, *arguments: object) -> list[str]:
    """The command that runs a module with this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def measure(command: Sequence[str]) -> Measured:
    """Run a command in the repository's folder to its end; raises `CommandFailed` with the end of its error output."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, cwd=REPOSITORY, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (output, errors):
            stream.seek(0)
        if process.returncode != 0:
            raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}: {errors.read()[-2000:]}")
        return Measured(seconds, usage.ru_maxrss * KIBIBYTE, output.read())


def interleaved(commands: dict[str, Callable[[int], Sequence[str]]], repeats: int) -> dict[str, list[Measured]]:
    """Run all commands in turn, and that `repeats` times; each gets the number of the repeat to choose its folders."""
    runs: dict[str, list[Measured]] = {name: [] for name in commands}
    for repeat in range(repeats):
        for name, command in commands.items():
            runs[name].append(measure(command(repeat)))
            print(f"{name}, run {repeat + 1} of {repeats}: {runs[name][-1].seconds:.2f} s", file=sys.stderr)
    return runs


def median_seconds(runs: list[Measured]) -> float:
    """Median wall time of whole processes in seconds."""
    return median(run.seconds for run in runs)


def median_result(runs: list[Measured], key: str) -> float:
    """Median of one number that the processes printed."""
    return median(run.result[key] for run in runs)
