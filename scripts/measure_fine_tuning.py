"""Train what lesson 14 shows and cannot train within a minute.

    python -m scripts.measure_fine_tuning               every draw: imgclass_course/exercises/fine_tuning_trials.json
    python -m scripts.measure_fine_tuning backbones     imgclass_course/exercises/fine_tuning_backbones.json

Pictures, draws, sizes and the start of the last layer are those of the lesson. Each training ends after a fixed number
of epochs and is judged once, on pictures that it never saw: nothing is chosen by them. A draw takes about five
minutes on two quiet cores; trainings that the file has already are not done again.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from imgclass_course.backbones import load_backbone
from imgclass_course.bottlenecks import extract
from imgclass_course.course_data import dataset_folder
from imgclass_course.depth_trials import (
    BATCH_SIZE,
    PictureSet,
    block_layer,
    block_vectors,
    compile_with,
    draw_pictures,
    load_pictures,
    logistic_layer,
    with_layer,
)
from imgclass_course.scratch import scratch_network

if TYPE_CHECKING:
    import keras

TRIALS = Path(__file__).resolve().parent.parent / "imgclass_course" / "exercises" / "fine_tuning_trials.json"
BACKBONES = TRIALS.with_name("fine_tuning_backbones.json")
COMPARED = ("mobilenet_v1_100_224", "efficientnet_lite2_260")
FOLDS = 5
DRAWS = 4
# Folder, pixels, and how many of a class are few and many.
SETS = {"clip art": ("clipart", 128, 5, 20), "textile": ("textile", 224, 10, 70)}
EPOCHS = {"few": 16, "many": 8}
SCRATCH_EPOCHS = {"few": 60, "many": 15}
RATE = 1e-4
STARTS = (13, 12, 10, 7, 1)  # of the freezing search: the first block that learns

Row = dict[str, Any]
Rows = tuple[np.ndarray, np.ndarray]  # of pictures to learn from, and of the test
Stages = list[tuple[Callable[[], Any], int]]  # what makes an optimizer, and its epochs
Training = tuple[Row, Callable[[], float]]  # what it is, and what does it


def adam() -> "keras.optimizers.Optimizer":
    """Return Adam at a small rate."""
    import keras

    return keras.optimizers.Adam(RATE)


def sgd() -> "keras.optimizers.Optimizer":
    """Return SGD with momentum, at a rate at which it is about as quick."""
    import keras

    return keras.optimizers.SGD(10 * RATE, momentum=0.9)


def network_from(block: int | None, image_size: int) -> "keras.Model":
    """Return MobileNet of which the blocks from this one on learn; block 1 means all of it, None means nothing."""
    first = {None: None, 1: "conv1"}.get(block, f"conv_dw_{block}")
    return load_backbone("mobilenet_v1_100_224", image_size=image_size).model(trainable_from=first)


def share_right(model: "keras.Model", inputs: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of a network."""
    return float((model.predict(inputs, batch_size=32, verbose=0).argmax(axis=1) == labels).mean())


def tune(pictures: PictureSet, draw: Rows, last: np.ndarray, block: int, stages: Stages, seed: int) -> float:
    """Train the blocks from `block` on, stage by stage, and judge the network on the test pictures.

    draw: rows to learn from, and rows of the test; last: [n, d], the frozen vectors that the last layer starts from.
    What stays frozen is computed once.
    """
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    network = network_from(block, pictures.images.shape[1])
    inputs = pictures.images
    if block > 1:
        middle = network.get_layer(block_layer(block - 1)).output
        inputs = keras.Model(network.input, middle).predict(inputs, batch_size=32, verbose=0)
        network = keras.Model(middle, network.output)
    rows, test = draw
    model = with_layer(network, *logistic_layer(last[rows], pictures.labels[rows]))
    for make_optimizer, epochs in stages:
        compile_with(model, make_optimizer()).fit(inputs[rows], pictures.labels[rows], BATCH_SIZE, epochs, verbose=0)
    return share_right(model, inputs[test], pictures.labels[test])


def from_scratch(pictures: PictureSet, draw: Rows, epochs: int, seed: int) -> float:
    """Train a network that starts from random weights."""
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    rows, test = draw
    network = scratch_network(len(pictures.classes), pictures.images.shape[1], seed)
    model = compile_with(network, keras.optimizers.Adam())
    model.fit(pictures.images[rows], pictures.labels[rows], BATCH_SIZE, epochs, verbose=0)
    return share_right(model, pictures.images[test], pictures.labels[test])


def resized(draw: Rows, last: np.ndarray, sizes: list[tuple[int, int]], seed: int) -> float:
    """Train the whole network on drawings of one size after the other, and judge it on those of the last one.

    sizes: pixels and epochs of each stage.
    """
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    (rows, test), weights = draw, None
    for size, epochs in sizes:
        pictures = load_pictures("clipart", size)
        network = network_from(1, size)
        model = with_layer(network, *logistic_layer(last[rows], pictures.labels[rows]))
        if weights is not None:
            model.set_weights(weights)
        compile_with(model, adam()).fit(pictures.images[rows], pictures.labels[rows], BATCH_SIZE, epochs, verbose=0)
        weights = model.get_weights()
    return share_right(model, pictures.images[test], pictures.labels[test])


def scenarios(seed: int, sets: dict[str, PictureSet], vectors: dict[str, np.ndarray]) -> Iterator[Training]:
    """Yield the trainings of a draw on each set, few and many, from scratch and from several blocks on."""
    for name, (_, _, few, many) in SETS.items():
        pictures, last = sets[name], vectors[name]
        draw = draw_pictures(pictures.labels, few, many, seed)
        for count, known in (("few", draw.few), ("many", draw.many)):
            what, rows = {"pictures": name, "count": count, "draw": seed}, (known, draw.test)
            epochs = SCRATCH_EPOCHS[count]
            yield {**what, "way": "from scratch"}, partial(from_scratch, pictures, rows, epochs, seed)
            for block in STARTS if (name, count) == ("clip art", "many") else (12, 1):
                stages = [(adam, EPOCHS[count])]
                yield {**what, "way": f"from block {block}"}, partial(tune, pictures, rows, last, block, stages, seed)


def recipes(seed: int, pictures: PictureSet, last: np.ndarray) -> Iterator[Training]:
    """Yield the trainings of a draw of many drawings with other optimizers, and with other sizes."""
    draw = draw_pictures(pictures.labels, *SETS["clip art"][2:], seed)
    what, rows = {"pictures": "clip art", "count": "many", "draw": seed}, (draw.many, draw.test)
    ways: dict[str, Stages] = {"Adam": [(adam, 12)], "Adam, then SGD": [(adam, 8), (sgd, 4)], "SGD": [(sgd, 12)]}
    for way, stages in ways.items():
        yield {**what, "way": way}, partial(tune, pictures, rows, last, 12, stages, seed)
    yield {**what, "way": "64, then 128 pixels"}, partial(resized, rows, last, [(64, 8), (128, 6)], seed)


def compare_backbones() -> None:
    """Ask each backbone for all drawings over folds, frozen, and write of each whether it was right: 1 or 0."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = {}
    for name in COMPARED:
        features = extract(dataset_folder("clipart"), backbone=name)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        answers = cross_val_predict(model, features.X, features.y, cv=folds)
        found[name] = "".join("1" if right else "0" for right in answers == features.y)
    BACKBONES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Run the trainings that the file has not yet, and write it, a line for each."""
    if sys.argv[1:] == ["backbones"]:
        compare_backbones()
        return
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS
    rows: list[Row] = json.loads(TRIALS.read_text(encoding="utf-8")) if TRIALS.exists() else []
    sets = {name: load_pictures(folder, size) for name, (folder, size, _, _) in SETS.items()}
    vectors = {name: block_vectors(pictures.images, [13])[13][:, 0] for name, pictures in sets.items()}
    for seed in range(draws):
        todo = [*scenarios(seed, sets, vectors), *recipes(seed, sets["clip art"], vectors["clip art"])]
        for row, train in tqdm(todo, desc=f"draw {seed}"):
            if any(row == {name: known[name] for name in row} for known in rows):
                continue
            rows.append({**row, "accuracy": round(train(), 4)})
            lines = ",\n".join(json.dumps(one) for one in rows)
            TRIALS.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
