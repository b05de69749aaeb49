"""Add up what is in the image of deploy/Dockerfile, and fail where it is more than the image may have.

    python scripts/measure_image.py ENVIRONMENT

ENVIRONMENT is what deploy/install.sh made; scripts/check_service.sh makes one and measures it, without Docker.
"""

import sys
from pathlib import Path

MAX_BYTES = 300_000_000
# python:3.12-slim for amd64 takes 119.25 MB on disk, of whichever kind, says repos/python/local/3.12-slim.md in
# docker-library/repo-info (commit 6cb269b). This is the larger kind.
BASE_BYTES = round(119.25 * 2**20)
BLOCK = 512  # bytes, the unit of st_blocks
SHOWN = 8


def disk_usage(path: Path) -> int:
    """Return the bytes that a file or folder takes on disk, as du counts them; links are not followed."""
    own = path.lstat().st_blocks * BLOCK
    inside = path.iterdir() if path.is_dir() and not path.is_symlink() else ()
    return own + sum(map(disk_usage, inside))


def main() -> int:
    """Print the largest parts and the sum; return 1 where it is too much."""
    environment = Path(sys.argv[1])
    (packages,) = environment.glob("lib/python*/site-packages")
    if any((packages / name).exists() for name in ("tensorflow", "keras")):
        print("TensorFlow is in the image")
        return 1
    parts = {f"  {path.name}": disk_usage(path) for path in packages.iterdir()}
    largest = dict(sorted(parts.items(), key=lambda part: -part[1])[:SHOWN])
    whole = disk_usage(environment)
    for name, count in {
        "python:3.12-slim": BASE_BYTES,
        "environment": whole,
        **largest,
        "image": BASE_BYTES + whole,
    }.items():
        print(f"{name:32} {count / 1e6:7.1f} MB")
    if BASE_BYTES + whole > MAX_BYTES:
        print(f"The image may have {MAX_BYTES / 1e6:.0f} MB")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
