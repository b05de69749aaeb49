"""Take the picture that each lesson is remembered by out of the executed notebooks, for the table in the README.

    python scripts/build_images.py                       # write nbs/images/NN_name.png
    python scripts/build_images.py --report report.html  # also take a picture of a report, with Chromium

The pictures are small copies of what the lessons drew.
"""

import argparse
import base64
import io
import subprocess
import tempfile
from pathlib import Path

import nbformat
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parent.parent / "nbs"
WIDTH = 260  # pixels
RESULT = ("00_first_classifier", 3)  # the picture that the README opens with, larger
RESULT_WIDTH = 720
# Which of a lesson's drawings it is, counted from 0.
CHOSEN = {
    "00_first_classifier": 3,
    "01_images": 0,
    "02_learning": 13,
    "03_cnn_basics": 5,
    "04_pretrained_networks": 16,
    "05_transfer_learning": 0,
    "06_your_own_pictures": 2,
    "07_datasets": 0,
    "08_measuring": 11,
    "09_bottlenecks": 1,
    "10_training_runs": 0,
    "11_learning_rate": 3,
    "12_regularization": 5,
    "13_augmentation": 1,
    "14_fine_tuning": 5,
    "15_imbalance": 14,
    "16_ensembles": 2,
    "17_antialiasing": 1,
    "18_trust": 24,
    "19_deployment": 12,
    "20_scaling_out": 2,
    "21_pytorch": 4,
    "A2_backbones": 0,
}
CHROMIUM = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")


def drawings(notebook: Path) -> list[bytes]:
    """Return the PNG files among the outputs of a notebook, in order."""
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    data = [output.get("data", {}) for cell in cells for output in cell.outputs]
    return [base64.b64decode(kinds["image/png"]) for kinds in data if "image/png" in kinds]


def shrink(png: bytes, target: Path, width: int = WIDTH) -> None:
    """Write a copy of a picture that is `width` pixels wide, in at most 256 colours."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(image.height * width / image.width)
    image.resize((width, height), Image.Resampling.LANCZOS).quantize(256).save(target, optimize=True)


def photograph(report: Path, target: Path) -> None:
    """Take a picture of a report as a browser shows it. Raises `FileNotFoundError` where there is no Chromium."""
    with tempfile.TemporaryDirectory() as profile:
        shot = Path(profile) / "shot.png"
        flags = (f"--user-data-dir={profile}", "--window-size=1000,2320", f"--screenshot={shot}")
        subprocess.run([*CHROMIUM, *flags, report.resolve().as_uri()], check=True, capture_output=True)
        Image.open(shot).convert("RGB").quantize(256).save(target, optimize=True)


def main() -> None:
    """Read the flags and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path, help="a report.html to photograph as nbs/images/report.png")
    flags = parser.parse_args()
    images = NOTEBOOKS / "images"
    images.mkdir(exist_ok=True)
    for name, number in CHOSEN.items():
        shrink(drawings(NOTEBOOKS / f"{name}.ipynb")[number], images / f"{name}.png")
    name, number = RESULT
    shrink(drawings(NOTEBOOKS / f"{name}.ipynb")[number], images / "result.png", RESULT_WIDTH)
    if flags.report:
        photograph(flags.report, images / "report.png")


if __name__ == "__main__":
    main()
