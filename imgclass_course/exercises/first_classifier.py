"""Checks of the exercises of lesson 00."""

from collections import Counter
from typing import Any

from imgclass_course.exercises import Off, describe, exercise, expect, number

KINDS = ("birds", "bugs", "clothes", "desserts", "drinks", "flowers", "fruit", "homes", "mammals", "vehicles")
DRAWINGS = 459
FEW_TESTED = 0.16  # of all pictures, where a quarter is asked for
OWN_PICTURES = 10
CUP = "drinks"  # the kind of drawings that a cup of coffee fits


def _trained(result: Any, what: str) -> Counter:  # whatever the attendee gives
    """Return how many pictures of each class a training used. Raises `Off` for anything but a training's result."""
    try:
        rows = result.features.rows
        return Counter(rows.loc[rows["view"] == 0, "label"])
    except Exception:
        wanted = f"{what} has to be the whole of what `retrain` returned"
        raise Off(f"{wanted}, and this is {describe(result)}.") from None


def _accuracy(result: Any) -> Any:
    """Return the accuracy on the test pictures. Raises `Off` where there are none, or hardly any."""
    counts = _trained(result, "Each result")
    tested = len(result.pictures("test"))
    expect(
        tested >= FEW_TESTED * counts.total(),
        f"Only {tested} of {counts.total()} pictures judge here, so luck decides. Set a quarter aside, as above: "
        "`testing_percentage=25`.",
    )
    return result.evaluate("test").accuracy


def _interval(accuracy: Any) -> str:
    low, high = accuracy.interval
    return f"{accuracy.value:.0%} ({low:.0%} to {high:.0%})"


@exercise(
    "`[::2]` takes every second of a list. Take it of the pictures and of the labels, then call "
    "`retrain(half, half_labels, testing_percentage=25)`."
)
def half_the_pictures(guess: float, result: Any) -> str:
    """Exercise 1: the accuracy after training on every second drawing, guessed and measured."""
    expected = number(guess, "Your guess")
    expect(0 <= expected <= 1, "Your guess has to be a share from 0 to 1: write 0.5 for 50 %.")
    counts = _trained(result, "The result")
    missing = [kind for kind in KINDS if not counts[kind]]
    expect(
        not missing,
        f"There is not one picture of {', '.join(missing)} in it. The list is sorted by kind, so its first half holds "
        "only the first kinds.",
    )
    share = counts.total() / DRAWINGS
    expect(share < 0.75, f"You trained on {counts.total()} of the {DRAWINGS} drawings, which is all or most of them.")
    expect(share > 0.25, f"You trained on {counts.total()} of the {DRAWINGS} drawings: that is far less than half.")
    accuracy = _accuracy(result)
    low, high = accuracy.interval
    came_true = "which agrees" if low <= expected <= high else "too hopeful" if expected > high else "too careful"
    return (
        f"{_interval(accuracy)} of the test pictures are named rightly. You guessed {expected:.0%}: {came_true}. Compare "
        "the interval with the one above: do the two overlap? Then so few test pictures cannot tell what the other half "
        "was worth, and lesson 08 says how many could."
    )


def _pair(result: Any, what: str) -> tuple[str, ...]:
    """Return the two kinds that a training knew."""
    kinds = tuple(sorted(_trained(result, what)))
    expect(len(kinds) == 2, f"{what} knows {len(kinds)} kinds. Train it on two: `list_drawings` takes their names.")
    expect(set(kinds) <= set(KINDS), f"{what} knows {' and '.join(kinds)}. Choose two of the ten kinds of drawings.")
    return kinds


@exercise(
    "`retrain(*showing.list_drawings('birds', 'homes'), testing_percentage=25)` trains on one pair. Which kinds look alike, "
    "and which have nothing in common?"
)
def easy_and_hard(easy: Any, hard: Any) -> str:
    """Exercise 2: a pair of kinds that is told apart easily, and one that is harder."""
    pairs = [_pair(easy, "The first"), _pair(hard, "The second")]
    expect(pairs[0] != pairs[1], f"Both are {' and '.join(pairs[0])}. Choose another pair for one of them.")
    first, second = _accuracy(easy), _accuracy(hard)
    named = [f"{' and '.join(pair)}: {_interval(found)}" for pair, found in zip(pairs, (first, second), strict=True)]
    shown = "; ".join(named)
    expect(
        first.value != second.value,
        f"{shown}. These two pairs are equally hard, as far as the test pictures can say. Try another one.",
    )
    expect(
        first.value > second.value, f"{shown}. What you thought hard was the easier one. Exchange them, or try others."
    )
    overlap = first.interval[0] <= second.interval[1]
    luck = "The intervals overlap, so this may be luck" if overlap else "The intervals do not overlap: that is no luck"
    return f"{shown}. {luck}. And mind the ruler: between two kinds, blind guessing gets about half right, not a tenth."


@exercise(
    "`pictures + mine` and `labels + ['cats'] * 10` are the drawings and ten pictures more. Train on these with "
    "`testing_percentage=25`."
)
def own_class(guess: str, result: Any) -> str:
    """Exercise 3: an eleventh class of ten pictures, and what the coffee cup is called now."""
    import skimage.data

    counts = _trained(result, "The result")
    own = sorted(set(counts) - set(KINDS))
    expect(len(own) > 0, "There is no class of your own in it: give your pictures a label that no drawing has.")
    expect(len(own) == 1, f"Your pictures have {len(own)} labels: {', '.join(own)}. Give all of them the same one.")
    expect(
        set(KINDS) <= set(counts),
        f"The drawings are missing. Without them there is little to tell {own[0]} from: train on both together.",
    )
    expect(counts[own[0]] >= OWN_PICTURES, f"It knows {counts[own[0]]} pictures of {own[0]}; give it {OWN_PICTURES}.")
    expect(
        isinstance(guess, str) and guess in counts,
        f"Your guess has to be one of its classes, as text, such as {own[0]!r}. It has no other answers to give.",
    )
    said = result.classifier.predict(skimage.data.coffee())
    came_true = "as you guessed" if said == guess else f"where you guessed {guess}"
    return f"The cup of coffee is now called {said}, with {said.probability:.0%}, {came_true}. {_reason(said, own[0])}"


def _reason(said: str, own: str) -> str:
    """Return what to think of what the cup is called."""
    if said == own:
        return (
            f"Has it learnt {own}? Or has it learnt that {own} come as photos, and all else as drawings? Ten pictures that "
            "differ from the others in two ways cannot say which."
        )
    if said == CUP:
        return f"That fits, although it knows {CUP} as drawings only: your ten pictures did not get in the way."
    return f"So it does not take every photo for {own}, and yet it has not found the {CUP}, which it knows as drawings."
