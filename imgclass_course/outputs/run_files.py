"""What a training leaves behind: the classifier, `metrics.json` for programs, and `report.html` for people."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..class_scores import bootstrap, macro_f1
from ..classifiers import DenseHead
from ..evaluation import Advice
from ..foundation.errors import ClassifierError
from ..foundation.files import printable, write_text_whole
from ..foundation.threads import hide_native_logs
from ..stranger_trial import false_alarms
from ..transfer import Retraining
from ..tuning import FineTuning
from .answer_files import safe_path_cell
from .classifier_files import load_classifier, save_classifier
from .report import write_report
from .saved_classifier import SavedClassifier
from .trust import Trust

if TYPE_CHECKING:
    import pandas as pd
    import tensorflow as tf

    from ..classifiers import ImageClassifier

NEXT_FILE = "label_next.csv"


def metrics(result: Retraining, test_limit: int = -1) -> dict[str, Any]:
    """Return what a program may want to know of a run: accuracies with intervals, counts, settings.

    `test_limit` is the number of test pictures to measure on; -1: all.
    """
    limits = {"test": test_limit}
    accuracies = {split: result.evaluate(split, limits.get(split, -1)).accuracy for split in result.folder.splits}
    return {
        "accuracy": {
            split: {
                "value": accuracy.value,
                "interval": accuracy.interval,
                "correct": accuracy.correct,
                "n": accuracy.n,
            }
            for split, accuracy in accuracies.items()
        },
        "macro_f1": _macro_f1(result, test_limit),
        "none_of_these": _none_of_these(result),
        "classes": list(result.classifier.classes_),
        "backbone": result.classifier.backbone.name,
        **training_facts(result),
        "bottlenecks": {"reused": result.features.reused, "computed": result.features.computed},
        "decisions": result.folder.decided,
        "left_out": {printable(path): problem for path, problem in result.folder.problems.itertuples(index=False)},
    }


def _macro_f1(result: Retraining, test_limit: int) -> dict[str, Any]:
    """Return the mean of the classes' F1 on the split that judges, in which a rare class counts as much as a common one."""
    limit = test_limit if result.final_split == "test" else -1
    value, low, high = bootstrap(result.evaluate(result.final_split, limit), macro_f1)
    return {"split": result.final_split, "value": value, "interval": (low, high)}


def _none_of_these(result: Retraining) -> dict[str, Any] | None:
    """Return the threshold of strangers, and how many pictures of the split that judges lie beyond; None without one."""
    known, measured = result.classifier.known, false_alarms(result)
    if known is None or measured is None:
        return None
    share = {"value": measured.value, "interval": measured.interval, "count": measured.correct, "n": measured.n}
    return {"distance": known.threshold, "allowed": known.false_alarms, "split": result.final_split, **share}


def training_facts(result: Retraining) -> dict[str, Any]:
    """Return the kind of the head, how its training went, and what was chosen against unequal classes.

    Of a fine-tuning also what the frozen network reaches.
    """
    kind = type(result.classifier.head).__name__
    facts: dict[str, Any] = {"head": {"KerasHead": "keras", "LogisticHead": "logistic"}.get(kind, kind)}
    if isinstance(result, FineTuning):
        facts |= {"fine_tuned_epochs": int(result.history.index[-1]), "best_epoch": int(result.best)}
        facts |= {"frozen_control": str(result.frozen.evaluate(result.final_split).accuracy)}
        facts |= {"tuned_against_frozen": str(result.comparison())}
    elif result.history.index.name == "steps":
        facts |= {"steps": int(result.history.index[-1]), "best_step": int(result.best)}
    elif result.history.index.name == "strength":
        facts |= {"strength": result.best}
    return facts | dict(result.choices)


def save_run(
    result: Retraining,
    folder: str | os.PathLike,
    report: str | os.PathLike | None = None,
    test_limit: int = -1,
    advice: Advice | None = None,
    trust: Trust | None = None,
    wanted: "pd.DataFrame | None" = None,
) -> None:
    """Write the classifier, metrics.json and report.html (or the file named by `report`) into a folder.

    `test_limit` is the number of test pictures that the report is about (-1: all); it begins with `advice`, and
    says what is known of `trust`. Pictures that are `wanted`, as by `next_labels`, are shown, and listed in label_next.csv.
    """
    folder = Path(folder)
    save_classifier(result.classifier, folder)
    write_text_whole(folder / "metrics.json", json.dumps(metrics(result, test_limit), indent=2))
    limit = test_limit if result.final_split == "test" else -1
    evaluation = result.evaluate(result.final_split, limit)
    pictures = result.paths(result.final_split, limit)
    name = printable(result.folder.root.name) if result.folder.root else "pictures in memory"
    facts = _facts(result, len(evaluation.labels)) | {"macro-F1": str(bootstrap(evaluation, macro_f1))}
    write_report(
        report or folder / "report.html",
        evaluation,
        pictures,
        f"Classifier of {name}",
        facts,
        None if result.history.empty else result.history,
        result.folder.unreadable,
        advice=advice,
        trust=trust,
        classifier=_saved(folder),
        wanted=wanted,
    )
    if wanted is not None:
        paths = wanted["path"].map(lambda path: safe_path_cell(printable(path)))
        write_text_whole(folder / NEXT_FILE, wanted.assign(path=paths).to_csv(index=False, lineterminator="\n"))


def _saved(folder: Path) -> SavedClassifier | None:
    """Return the classifier as it was saved; None where it has no LiteRT file."""
    try:
        return load_classifier(folder)
    except ClassifierError:
        return None


def _facts(result: Retraining, measured: int) -> dict[str, str]:
    """Return what the report says of a run, as name: value."""
    backbone, counts = result.classifier.backbone, result.folder.counts().sum()
    return {
        "measured on": f"{measured} {result.final_split} pictures",
        "classes": ", ".join(result.classifier.classes_),
        "pictures": ", ".join(f"{count} {name}" for name, count in counts.items()),
        **({"decisions obeyed": result.folder.decided} if result.folder.decided else {}),
        "backbone": f"{backbone.name} ({' and '.join(str(part.image_size) for part in backbone.parts)} pixels)",
        **{name.replace("_", " "): str(value) for name, value in training_facts(result).items()},
    }


def export_saved_model(
    classifier: "ImageClassifier", folder: str | os.PathLike, output_name: str = "final_result"
) -> None:
    """Write a SavedModel: `images` [n, size, size, 3] uint8 in, probabilities [n, k] under `output_name` out."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    network, size = classifier.backbone.network(), classifier.backbone.image_size
    head = cast(DenseHead, classifier.head)
    images = tf.TensorSpec([None, size, size, 3], tf.uint8, "images")

    def classify(images: "tf.Tensor") -> dict[str, "tf.Tensor"]:
        return {output_name: tf.nn.softmax(head.scores(network(tf.cast(images, tf.float32))))}

    traced = tf.function(classify, autograph=False).get_concrete_function(images)
    with hide_native_logs():
        frozen = convert_variables_to_constants_v2(traced)

    @tf.function(input_signature=[images], autograph=False)
    def serve(images: "tf.Tensor") -> dict[str, "tf.Tensor"]:
        (probabilities,) = frozen(images)
        return {output_name: probabilities}

    tf.saved_model.save(tf.Module(), str(folder), signatures=serve)
