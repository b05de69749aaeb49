"""Checks of the exercises of lesson 05."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from imgclass_course.exercises import answered, bands, call, exercise, expect, number

if TYPE_CHECKING:
    import keras

TESTING_PERCENTAGE, STEPS = 25, 100
PER_CLASS, DRAWS = 5, 5
CLOTH_CLASSES = ("desserts", "fruit")  # on the cloth in training, and not
ROUNDED = 0.0006  # how far three decimals may be from the share that they stand for
PERCENT = "An accuracy is a share, from 0 to 1. Yours looks like percent: leave the 100 away."


def _train_head(network: "keras.Model") -> None:
    for weight in network.layers[-1].weights:
        weight.assign_add(np.ones(weight.shape))


def _call_in_training_mode(network: "keras.Model") -> None:
    network(np.eye(3, dtype=np.float32), training=True)


def _move_by_a_hair(network: "keras.Model") -> None:
    kernel = network.layers[0].kernel
    kernel.assign_add(np.full(kernel.shape, 1e-6))


TRAININGS: dict[str, tuple[Callable, int]] = {  # what is done to the network, and how many weight arrays that changes
    "the head": (_train_head, 2),
    "nothing": (lambda network: None, 0),
    "averages": (_call_in_training_mode, 2),
    "a hair": (_move_by_a_hair, 1),
}


def _changed(answer: Callable, name: str) -> tuple[float, "keras.Model"]:
    """Return what the attendee's function counts in one of `TRAININGS`, and the network."""
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])
    runs = []

    def train() -> None:
        runs.append(name)
        TRAININGS[name][0](network)

    count = number(call(answer, network, train), "The count")
    expect(bool(runs), "Your function never calls `train()`, so whatever it compares, nothing has happened between.")
    return count, network


@exercise("Copy the values of all of `network.weights` as arrays, call `train()`, and compare bit for bit.")
def count_changed(answer: Callable[["keras.Model", Callable[[], None]], int]) -> str:
    """Exercise 1: count the weight arrays that a training changes."""
    counts = {name: _changed(answer, name) for name in TRAININGS}
    found = {name: count for name, (count, _) in counts.items()}
    head = counts["the head"][1].layers[-1]
    expect(
        found["the head"] != 0,
        "I added 1 to every weight of the last layer, and you saw no change. Variables compared with themselves are "
        "always equal: `before` has to be a copy.",
    )
    expect(
        found["the head"] != 1, "I changed one layer, and that layer has two arrays, kernel and bias. Count the arrays."
    )
    expect(
        found["the head"] != head.count_params(),
        f"You counted the single numbers, {head.count_params()} of them. Count the arrays in which one changed.",
    )
    expect(
        found["averages"] != 0,
        "I called the network in training mode, and you saw no change. The running averages of batch normalisation "
        "moved: they are among `network.weights`, but not among `network.trainable_weights`.",
    )
    expect(
        found["a hair"] != 0,
        "I moved a kernel by a millionth, and you saw no change. Frozen is not `allclose`: not one bit may differ.",
    )
    for name, (_, truth) in TRAININGS.items():
        expect(found[name] == truth, f"A training that changes {truth} arrays: you counted {found[name]:g}.")
    return (
        "It sees the head change, running averages that no gradient moved, and a change by a millionth; and it counts "
        "nothing where nothing changed. Only a test that can fail proves that a network is frozen."
    )


def _five(answers: Sequence[float]) -> list[float]:
    """Return the attendee's accuracies as numbers."""
    answers = answers.tolist() if hasattr(answers, "tolist") else answers
    expect(
        isinstance(answers, list | tuple) and len(answers) == DRAWS,
        f"{DRAWS} accuracies are wanted, one per draw: a list.",
    )
    answered(*answers)
    values = [number(answer, "An accuracy") for answer in answers]
    expect(max(values) <= 1, PERCENT)
    expect(min(values) >= 0, "No accuracy is below 0.")
    return values


def _are_shares_of(values: Sequence[float], count: int) -> bool:
    """Return whether `values` can be shares of `count` pictures, rounded to three decimals or better."""
    return all(abs(value - round(value * count) / count) < ROUNDED for value in values)


def _split_sizes() -> dict[str, int]:
    from imgclass_course.datasets import ImageFolder, dataset_folder

    folder = ImageFolder.scan(dataset_folder(), testing_percentage=TESTING_PERCENTAGE, seed=0)
    return folder.counts().sum().to_dict()


@exercise(
    "`pd.Series(train.y).groupby(train.y).sample(5, random_state=seed)` draws five of each kind; its `index` holds their "
    "rows. `train.select(rows)` gives `few`, and `fit(few, steps=100, seed=seed).head` is the layer to measure on `test`."
)
def few_pictures(answers: Sequence[float]) -> str:
    """Exercise 2: test accuracies of heads trained on five pictures per class, one per draw."""
    values, band, sizes = _five(answers), bands("transfer"), _split_sizes()
    mean = float(np.mean(values))
    expect(
        mean not in band["few_on_training"],
        f"Every picture right, in each of {DRAWS} draws? You measured on the pictures that you trained on.",
    )
    expect(
        len(set(values)) > 1,
        f"{DRAWS} times the same number: each draw has to draw other pictures. Give it a seed of its own.",
    )
    expect(
        _are_shares_of(values, sizes["test"]) or not _are_shares_of(values, sizes["validation"]),
        f"These are shares of {sizes['validation']} pictures, which is the validation split. Judge on the "
        f"{sizes['test']} test pictures.",
    )
    expect(
        mean not in band["few_in_all"],
        f"A mean of {mean:.2f} is what {PER_CLASS} pictures in all give: most classes were never seen. Draw "
        f"{PER_CLASS} of each class.",
    )
    expect(
        mean not in band["all_training"],
        f"A mean of {mean:.2f} is what all {sizes['train']} training pictures give. Train on the drawn ones only.",
    )
    expect(
        mean in band["few"],
        f"The mean of your draws is {mean:.2f}. Of {band['few'].seeds} seeds, each with {DRAWS} draws, none came out "
        "like that: look at how you draw, train and measure.",
    )
    pictures, accuracy = PER_CLASS * 10 / sizes["train"], mean / band["all_training"].mean
    return (
        f"{mean:.2f} on average, and {band['all_training'].mean:.2f} with all {sizes['train']} training pictures: "
        f"{pictures:.0%} of the pictures give {accuracy:.0%} of the accuracy. Your draws differ by "
        f"{max(values) - min(values):.2f} among themselves, so one draw alone says little."
    )


def on_cloth(image: np.ndarray) -> np.ndarray:
    """Return a picture with the edge of a chequered tablecloth around it, as the lesson's function does."""
    rows, columns = np.indices(image.shape[:2]) // 8
    cloth = np.repeat(((rows + columns) % 2 * 255)[:, :, None], 3, axis=2).astype(np.uint8)
    cloth[12:-12, 12:-12] = image[12:-12, 12:-12]
    return cloth


def _share(answer: float, what: str) -> float:
    value = number(answer, what)
    expect(value <= 1, PERCENT)
    expect(value >= 0, "No accuracy is below 0.")
    return value


@exercise(
    "Two sets of vectors: in one the desserts lie on the cloth, in the other the fruit does. Train one layer, on the "
    "training pictures of the first; measure it on the test pictures of both."
)
def tablecloth(as_trained: float, exchanged: float) -> str:
    """Exercise 3: test accuracy with the cloth as in training, and with the cloth exchanged."""
    first, second = _share(as_trained, "The first accuracy"), _share(exchanged, "The second accuracy")
    band, (dessert, fruit) = bands("transfer"), CLOTH_CLASSES
    expect(
        not (first in band["cloth_exchanged"] and second in band["cloth_as_trained"]),
        "The right two numbers in the wrong order: first with the cloth as in training.",
    )
    expect(
        first in band["cloth_as_trained"],
        f"With the cloth as in training {first:.2f} is too little for a head that learnt the cloth. Did the {dessert} "
        "lie on it in training, and in the test as well?",
    )
    expect(
        second not in band["cloth_as_trained"],
        "Nearly all right both times: the second time the cloth was where training had it. Exchange it in the test "
        "only, and do not train again.",
    )
    expect(
        second not in band["cloth_taken_away"] and second not in band["cloth_everywhere"],
        f"{second:.2f} comes out when all test pictures are alike, with the cloth or without, or when no cloth was there "
        f"in training. Exchange it: the {fruit} on the cloth, the {dessert} without.",
    )
    expect(
        second in band["cloth_exchanged"],
        f"Exchanged, {second:.2f} is more than in any of {band['cloth_exchanged'].seeds} seeds.",
    )
    return (
        f"From {first:.2f} to {second:.2f}, where guessing gives about a half: it looks at the tablecloth. Trained "
        f"without any cloth it gets {band['bare'].mean:.2f}, so nothing forced it; the cloth was just easier. And "
        "nothing in the first number warns you, since test pictures from the same table share the cloth."
    )
