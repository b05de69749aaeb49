"""What is planted into pictures, so that one can see whether it is found: bursts, a tablecloth, wrong labels."""

import numpy as np
from PIL import Image, ImageEnhance

WHITE = (255, 255, 255)
MARGIN = 0.08  # of a side: how much a shot may lose of it
TURN = 6.0  # degrees: how far a shot is turned at most, to either side
BRIGHTNESS = (0.8, 1.1)
CLOTH_WIDTH, SQUARE = 20, 10  # pixels of the visible tablecloth at each side, and of its squares
CLOTH = ((240, 228, 200), (196, 60, 52))  # its two colours


def take_burst(image: np.ndarray, shots: int, generator: np.random.Generator) -> np.ndarray:
    """Return one picture [height, width, 3] uint8 as if photographed several times in a row, [shots, ...].

    From shot to shot the frame, the angle and the light change a little.
    """
    return np.stack([_shot(Image.fromarray(image), generator) for _ in range(shots)])


def _shot(image: Image.Image, generator: np.random.Generator) -> np.ndarray:
    width, height = image.size
    left, top, right, bottom = (generator.uniform(0, MARGIN, 4) * (width, height, width, height)).astype(int)
    image = image.rotate(generator.uniform(-TURN, TURN), Image.Resampling.BILINEAR, fillcolor=WHITE)
    framed = image.crop((left, top, width - right, height - bottom)).resize(image.size, Image.Resampling.BILINEAR)
    return np.asarray(ImageEnhance.Brightness(framed).enhance(generator.uniform(*BRIGHTNESS)))


def lay_on_cloth(images: np.ndarray) -> np.ndarray:
    """Return pictures [n, height, width, 3] uint8 as if they lay on a chequered cloth, whose edge one sees all around."""
    rows, columns = np.indices(images.shape[1:3]) // SQUARE
    cloth = np.array(CLOTH, np.uint8)[(rows + columns) % 2]
    laid = np.repeat(cloth[None], len(images), axis=0)
    inner = slice(CLOTH_WIDTH, -CLOTH_WIDTH)
    laid[:, inner, inner] = images[:, inner, inner]
    return laid


def mislabel(labels: np.ndarray, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return labels [n] int of which a share is wrong, drawn at random, and which ones those are [n] bool."""
    generator = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    wrong = np.zeros(len(labels), bool)
    wrong[generator.choice(len(labels), round(share * len(labels)), replace=False)] = True
    moved = (labels + generator.integers(1, classes, len(labels))) % classes
    return np.where(wrong, moved, labels), wrong
