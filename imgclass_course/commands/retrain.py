"""`imgclass retrain`: the flags of TensorFlow's `retrain.py`, with their meaning, and some more."""

import logging
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from .compare import print_leaderboard
from .options import (
    PATH,
    CountOrAll,
    FiniteRange,
    bottleneck_dir,
    choose_folder,
    data_options,
    minutes,
    options,
    print_decisions,
    print_problems,
    take_group_by,
)

if TYPE_CHECKING:
    import keras

    from imgclass_course.bottlenecks import Augmentation
    from imgclass_course.evaluation import Evaluation
    from imgclass_course.features import Features
    from imgclass_course.transfer import Retraining

DISTORTIONS = ("flip_left_right", "random_crop", "random_scale", "random_brightness")
COUNT, RATE, SHARE, LIMIT = click.IntRange(min=1), FiniteRange(min=0, min_open=True), click.IntRange(0, 99), CountOrAll(-1)
# Flags that only a head trained in steps has a use for, and what `fit` calls them.
STEP_FLAGS = {
    "how_many_training_steps": "steps",
    "learning_rate": "learning_rate",
    "train_batch_size": "batch_size",
    "eval_step_interval": "eval_interval",
}
TUNING_FLAGS = ("fine_tune_epochs", "fine_tune_rate", "activation_limit")
# What `--best` decides.
CHOSEN_FLAGS = ("architecture", "weights", "head", "how_many_training_steps", "class_weights", "augmented_views", *DISTORTIONS)
CALLBACK_FLAGS = ("checkpoint_path", "intermediate_output_graphs_dir", "intermediate_store_frequency")
SHOWN_PROBLEMS = 10
USUAL_VIEWS = 4  # per training picture, where a distortion is asked for
# What TensorFlow's C++ code leaves out; to it, a machine without a GPU is an error.
LOG_LEVELS = {"DEBUG": "0", "INFO": "0", "WARN": "1", "ERROR": "3", "FATAL": "3"}
# What Keras imports where it is installed, for drawings and wrappers that are of no use here.
OPTIONAL_FOR_KERAS = ("IPython", "cv2", "matplotlib", "sklearn")
EXAMPLE = """\b
Example, on a folder with one folder of pictures per class:
  imgclass retrain my_pictures/ --output_graph my_classifier
"""

network_options = options(
    click.option("--architecture", "--tfhub_module", "architecture", default="mobilenet_v1_100_224", show_default=True,
                 help="Pretrained network: a short name, a TF Hub handle, a SavedModel folder, or keras:NAME. With a plus "
                      "between them, two names are joined: mobilenet_v1_100_224+efficientnet_lite2_260."),
    click.option("--weights", type=PATH, help="A file of weights for keras:NAME; else they are Keras's, downloaded."),
    click.option("--model_dir", type=PATH, help="Where downloaded TF Hub modules are kept."),
    click.option("--engine", type=click.Choice(["litert", "tensorflow", "ray", "torch"]), show_default="tensorflow on a GPU, else litert",
                 help="What runs the network: LiteRT in threads, TensorFlow, PyTorch, or LiteRT in processes of Ray, on all "
                      "cores of this machine or of a cluster."),
    click.option("--ray_address", metavar="HOST:PORT", show_default="RAY_ADDRESS, else this machine",
                 help="The cluster that --engine ray runs on, as `ray start --head` prints it."),
)  # fmt: skip
choice_options = options(
    click.option("--best", is_flag=True, help="First compare, as imgclass compare does, then train what it recommends."),
    minutes,
)
training_options = options(
    click.option("--head", type=click.Choice(["keras", "logistic"]), default="keras", show_default=True,
                 help="The last layer: trained in steps, or scikit-learn's logistic regression, which needs no steps."),
    click.option("--how_many_training_steps", type=COUNT, default=500, show_default=True, help="Training steps."),
    click.option("--learning_rate", type=RATE, default=0.001, show_default=True, help="Of Adam."),
    click.option("--class_weights", type=click.Choice(["none", "balanced", "log"]), default="none", show_default=True,
                 help="How much a picture of a rare class counts: balanced, one by its number; log, less than that."),
    click.option("--resample", type=click.Choice(["none", "under", "over", "both", "smote", "adasyn", "cluster"]),
                 default="none", show_default=True,
                 help="Fewer training pictures of common classes (under; cluster, a few of each kind), more of rare ones "
                      "(over: augmented views where there are any; smote and adasyn: made up), or both."),
    click.option("--resample_to", type=COUNT, show_default="the largest class's, or the middle one's",
                 help="Training pictures per class that --resample aims at."),
    click.option("--adjust_prior", is_flag=True,
                 help="After the training, answer as if all classes were equally common: rare ones are found more often."),
    click.option("--calibrate", is_flag=True,
                 help="Divide the scores by a temperature, chosen on validation, so that probabilities keep their promise."),
    click.option("--false_alarms", type=FiniteRange(0, 1, max_open=True), default=0.05, show_default=True,
                 help="Share of pictures of the known classes that may be taken for none of these; 0: never say that."),
    click.option("--train_batch_size", type=COUNT, default=100, show_default=True, help="Pictures per step."),
    click.option("--eval_step_interval", type=COUNT, default=25, show_default=True, help="Steps between measurements."),
    click.option("--validation_batch_size", type=LIMIT, default=-1, help="Pictures per measurement; -1: all."),
    click.option("--test_batch_size", type=LIMIT, default=-1, help="Pictures of the final test; -1: all."),
    click.option("--summaries_dir", type=PATH,
                 help="Where to write TensorBoard summaries, each run in a folder of its own (run_001, …)."),
    click.option("--checkpoint_path", type=PATH,
                 help="File that keeps the best head (.keras); one of an earlier run stays if it is better."),
    click.option("--intermediate_output_graphs_dir", type=PATH, help="Where to keep states on the way."),
    click.option("--intermediate_store_frequency", type=click.IntRange(min=0), default=0,
                 help="Steps between them; 0: none."),
)  # fmt: skip
tuning_options = options(
    click.option("--fine_tune_from", metavar="BLOCK",
                 help="After the head, train the network too, from this block or layer on, such as block12."),
    click.option("--fine_tune_epochs", type=COUNT, default=5, show_default=True, help="Epochs of fine-tuning."),
    click.option("--fine_tune_rate", type=RATE, default=0.0001, show_default=True, help="Learning rate of fine-tuning."),
    click.option("--activation_limit", type=FiniteRange(min=0), default=2000, show_default=True,
                 help="Megabytes of inner activations to keep; where they need more, each epoch computes them anew."),
)  # fmt: skip
distortion_options = options(
    click.option("--flip_left_right", is_flag=True, help="Train on mirrored pictures too."),
    click.option("--random_crop", type=SHARE, default=0, help="Margin in percent to crop away at random."),
    click.option("--random_scale", type=SHARE, default=0, help="Percent to enlarge by at random."),
    click.option("--random_brightness", type=SHARE, default=0, help="Percent to change the brightness by at random."),
    click.option("--augmented_views", type=COUNT, show_default="4",
                 help="Distorted views per training picture, where a distortion is asked for."),
)  # fmt: skip
output_options = options(
    click.option("--output_graph", type=PATH, default=Path("imgclass_classifier"), show_default=True,
                 help="Folder of the classifier, with metrics.json and report.html."),
    click.option("--output_labels", type=PATH, help="A further file with the labels, one per line."),
    click.option("--report", type=PATH, help="Where to write the report instead."),
    click.option("--unlabelled", type=PATH,
                 help="A folder of pictures without labels: the report lists which ones to label next."),
    click.option("--label_next", type=COUNT, default=24, show_default=True, help="How many of them."),
    click.option("--saved_model_dir", type=PATH, help="Also export a SavedModel there: pixels in, probabilities out."),
    click.option("--final_tensor_name", default="final_result", show_default=True,
                 help="Name of the SavedModel's output."),
    click.option("--print_misclassified_test_images", is_flag=True, help="List the test pictures that it got wrong."),
    click.option("--logging_verbosity", type=click.Choice(list(LOG_LEVELS)), default="ERROR",
                 help="Of TensorFlow's own messages."),
)  # fmt: skip


@click.command(epilog=EXAMPLE)
@data_options
@bottleneck_dir
@network_options
@choice_options
@training_options
@tuning_options
@distortion_options
@output_options
@click.pass_context
def retrain(context: click.Context, folder: Path | str | None, image_dir: Path | str | None, **flags: Any) -> None:
    """Train a classifier on FOLDER, which holds one folder of pictures per class.

    A folder with train, validation or test inside keeps that split. Otherwise pictures are split by their content.
    FOLDER may be in object storage, such as s3://bucket/pictures; retrain --engine ray reads it on all machines.
    In place of a folder, a project of Teachable Machine (project.tm) is taken as it is.
    """
    # NumPy and SciPy read this when they are imported: on matrices of this size, threads wait more than they compute.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    chosen = choose_folder("retrain", folder, image_dir)
    given = {name for name in flags if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT}
    _check_flags(flags, given)
    _check_outputs(flags)
    if flags["unlabelled"]:
        from imgclass_course.outputs.next_labels import unlabelled_files

        unlabelled_files(flags["unlabelled"])  # there are some: better now than after the training
    _set_verbosity(flags["logging_verbosity"])
    if flags["model_dir"]:
        os.environ["TFHUB_CACHE_DIR"] = str(flags["model_dir"])
    if flags["ray_address"]:
        os.environ["RAY_ADDRESS"] = flags["ray_address"]
    if flags["engine"] == "ray":
        from imgclass_course.foundation.ray_cluster import check_cluster

        check_cluster()  # better now than after the files have been listed
    flags["group_by"] = take_group_by(flags)
    if flags["best"]:
        flags |= _choose_best(chosen, flags)
    result = _retrain(chosen, flags)
    _write_outputs(result, flags)
    _print_result(result, flags)


def _check_flags(flags: dict[str, Any], given: set[str]) -> None:
    """Raise `click.UsageError` for flags that do not go together."""
    if flags["checkpoint_path"] and flags["checkpoint_path"].suffix != ".keras":
        raise click.UsageError(f"The file of --checkpoint_path ends with .keras; {flags['checkpoint_path']} does not.")
    if flags["summaries_dir"]:
        from imgclass_course.outputs.summaries import check_tensorboard

        check_tensorboard()
    if flags["augmented_views"] and not any(flags[name] for name in DISTORTIONS):
        raise click.UsageError("--augmented_views needs a distortion, such as --flip_left_right.")
    decided = [f"--{name}" for name in CHOSEN_FLAGS if name in given]
    if flags["best"] and decided:
        raise click.UsageError(f"--best decides {', '.join(decided)}: leave out one or the other.")
    if "minutes" in given and not flags["best"]:
        raise click.UsageError("--minutes limits the comparison of --best: add it, or leave out --minutes.")
    if "ray_address" in given and flags["engine"] != "ray":
        raise click.UsageError("--ray_address is for --engine ray: add that, or leave out the address.")
    tuning = [f"--{name}" for name in TUNING_FLAGS if name in given]
    if "label_next" in given and not flags["unlabelled"]:
        raise click.UsageError("--label_next chooses from pictures without labels: name their folder, --unlabelled FOLDER.")
    stray = [f"--{name}" for name in ("resample", "adjust_prior", "calibrate") if name in given]
    if stray and flags["fine_tune_from"]:
        raise click.UsageError(f"{', '.join(stray)}: for networks that do not learn. With --fine_tune_from use --class_weights.")
    if tuning and not flags["fine_tune_from"]:
        raise click.UsageError(f"{', '.join(tuning)}: only a fine-tuning uses this. Add --fine_tune_from block12, or another.")
    if flags["resample_to"] and flags["resample"] == "none":
        raise click.UsageError("--resample_to needs --resample, such as --resample both.")
    stray = [f"--{name}" for name in (*STEP_FLAGS, *CALLBACK_FLAGS) if name in given]
    if flags["head"] != "keras" and stray:
        raise click.UsageError(f"{', '.join(stray)}: only --head keras is trained in steps. Leave out one or the other.")


def _check_outputs(flags: dict[str, Any]) -> None:
    """Raise `click.UsageError` for an output that cannot be written: better now than after the training."""
    folders = ("output_graph", "saved_model_dir", "summaries_dir", "intermediate_output_graphs_dir")
    for flag in (*folders, "output_labels", "report", "checkpoint_path"):
        path = flags[flag]
        if path is None:
            continue
        if path.exists() and path.is_dir() != (flag in folders):
            raise click.UsageError(f"--{flag} {path} is a {'file' if flag in folders else 'folder'}: name another.")
        there = next(parent for parent in (path, *path.parents) if parent.exists())
        writable = os.access(there, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
        if not writable or (there != path and not there.is_dir()):
            raise click.UsageError(f"--{flag} {path} cannot be written, since {there} cannot: name another.")


def _set_verbosity(level: str) -> None:
    """Let TensorFlow say as much as is asked for; its C++ code reads this when it is imported."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = LOG_LEVELS[level]
    logger = logging.getLogger("tensorflow")
    if level in ("DEBUG", "INFO"):
        for noise in list(logger.filters):
            logger.removeFilter(noise)
    logger.setLevel(level)


def _choose_best(folder: Path | str, flags: dict[str, Any]) -> dict[str, Any]:
    """Compare, print what came of it, and return the flags of what is recommended."""
    from imgclass_course.leaderboard import FLIPPED_VIEWS, compare

    shared = ("minutes", "bottleneck_dir", "validation_percentage", "testing_percentage", "seed", "group_by")
    board = compare(folder, **{name: flags[name] for name in shared}, decisions=not flags["ignore_decisions"])
    print_leaderboard(board)
    best = board.best.candidate
    views = {"flip_left_right": True, "augmented_views": FLIPPED_VIEWS} if best.flipped else {}
    trained = {"strength": board.best.setting} if best.head == "logistic" else {}
    return {"architecture": best.backbone, "head": best.head, "class_weights": best.class_weight or "none", **views, **trained}


def _retrain(folder: Path | str, flags: dict[str, Any]) -> "Retraining":
    from imgclass_course.backbones import load_backbone
    from imgclass_course.transfer import retrain

    backbone = load_backbone(flags["architecture"], weights=flags["weights"])
    if flags["fine_tune_from"]:
        backbone.model(trainable_from=flags["fine_tune_from"])  # there is such a block: better now than after the training
    stepwise = flags["head"] == "keras"
    kept: list[Path] = []
    result = retrain(
        folder,
        backbone=backbone,
        head=flags["head"],
        bottleneck_dir=flags["bottleneck_dir"],
        validation_percentage=flags["validation_percentage"],
        testing_percentage=flags["testing_percentage"],
        seed=flags["seed"],
        decisions=not flags["ignore_decisions"],
        group_by=flags["group_by"],
        augmentation=_augmentation(flags),
        views=flags["augmented_views"],
        resample=flags["resample"],
        resample_to=flags["resample_to"],
        class_weight=flags["class_weights"],
        adjust_prior=flags["adjust_prior"],
        calibrate=flags["calibrate"],
        false_alarms=flags["false_alarms"],
        validation_size=flags["validation_batch_size"],
        strength=flags.get("strength"),
        runner=flags["engine"],
        callbacks=(lambda features: _callbacks(features, flags, kept)) if stepwise else (),
        **({name: flags[flag] for flag, name in STEP_FLAGS.items()} if stepwise else {}),
    )
    if flags["checkpoint_path"] and not kept:
        click.echo(f"{flags['checkpoint_path']} keeps its earlier head: this run was not better.", err=True)
    return _fine_tune(result, flags) if flags["fine_tune_from"] else result


def _fine_tune(frozen: "Retraining", flags: dict[str, Any]) -> "Retraining":
    from imgclass_course.tuning import fine_tune

    augmentation = _augmentation(flags)
    return fine_tune(
        frozen,
        flags["fine_tune_from"],
        epochs=flags["fine_tune_epochs"],
        learning_rate=flags["fine_tune_rate"],
        activation_limit=flags["activation_limit"],
        class_weight=flags["class_weights"],
        bottleneck_dir=flags["bottleneck_dir"],
        augmentation=augmentation,
        views=(flags["augmented_views"] or USUAL_VIEWS) if augmentation else 0,
        seed=flags["seed"],
    )


def _augmentation(flags: dict[str, Any]) -> "Augmentation | None":
    distortions = {name: flags[name] for name in DISTORTIONS}
    if not any(distortions.values()):
        return None
    from imgclass_course.augmentation import retrain_distortions

    return retrain_distortions(**distortions)


def _import_keras() -> ModuleType:
    """Import Keras as where nothing optional is installed, which takes a quarter less time; it can be imported later."""
    absent: dict[str, Any] = dict.fromkeys(name for name in OPTIONAL_FOR_KERAS if name not in sys.modules)
    sys.modules.update(absent)  # None: importing it is an ImportError
    try:
        import keras
    finally:
        for name in absent:
            del sys.modules[name]
    return keras


def _callbacks(features: "Features", flags: dict[str, Any], kept: list[Path]) -> list["keras.callbacks.Callback"]:
    """Return what writes files while the training runs; the checkpoints that it writes are added to `kept`."""
    keras = _import_keras()
    callbacks = []
    if flags["summaries_dir"]:
        callbacks.append(keras.callbacks.TensorBoard(_run_folder(flags)))
    if flags["checkpoint_path"]:
        callbacks.append(_checkpoint(features, flags, kept))
    if flags["intermediate_store_frequency"]:
        callbacks.append(_intermediate_states(features, flags))
    return callbacks


def _run_folder(flags: dict[str, Any]) -> Path:
    """Return this run's folder for summaries, made when it is first asked for, so that the curves of runs do not mix."""
    from imgclass_course.training import new_run_folder

    if "run_folder" not in flags:
        flags["run_folder"] = new_run_folder(flags["summaries_dir"])
    return flags["run_folder"]


def _checkpoint(features: "Features", flags: dict[str, Any], kept: list[Path]) -> "keras.callbacks.Callback":
    """Keep the best head in a file; one that was measured on other pictures is neither compared nor replaced."""
    from imgclass_course.training import BestCheckpoint

    split = "validation" if "validation" in features.splits else "train"
    measure = "val_accuracy" if split == "validation" else "accuracy"
    about = f"{features.fingerprint(split)} {flags['validation_batch_size']}"
    return BestCheckpoint(flags["checkpoint_path"], measure, about=about, saved=kept).callback()


def _intermediate_states(features: "Features", flags: dict[str, Any]) -> "keras.callbacks.Callback":
    """Save the classifier every so many steps, in folders named after the steps."""
    import keras

    from imgclass_course.classifiers import ImageClassifier
    from imgclass_course.foundation.files import printable
    from imgclass_course.heads import KerasHead
    from imgclass_course.outputs.classifier_files import save_classifier

    assert features.backbone is not None  # those of `extract` know it
    backbone, parent = features.backbone, flags["intermediate_output_graphs_dir"] or flags["output_graph"] / "intermediate"
    names, steps = tuple(map(printable, features.classes)), count(1)

    def keep(batch: int, logs: dict | None = None) -> None:
        step = next(steps)
        if step % flags["intermediate_store_frequency"] == 0:
            classifier = ImageClassifier(backbone, KerasHead(callback.model), names)
            save_classifier(classifier, parent / f"step_{step}")

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=keep)
    return callback


def _write_outputs(result: "Retraining", flags: dict[str, Any]) -> None:
    from imgclass_course.foundation.files import write_whole
    from imgclass_course.outputs.advice import advise
    from imgclass_course.outputs.classifier_files import LABELS
    from imgclass_course.outputs.next_labels import next_labels
    from imgclass_course.outputs.run_files import export_saved_model, save_run
    from imgclass_course.outputs.trust import examine

    with ThreadPoolExecutor(1) as pool:
        advice = pool.submit(advise, result)  # NumPy computes while the library of the report's drawings is loaded
        if result.history.index.name == "steps":
            import matplotlib.figure  # noqa: F401
    trust, wanted = examine(result, flags["bottleneck_dir"]), None
    if flags["unlabelled"]:
        wanted = next_labels(result, flags["unlabelled"], flags["label_next"], flags["bottleneck_dir"])
    save_run(result, flags["output_graph"], flags["report"], flags["test_batch_size"], advice.result(), trust, wanted)
    if flags["output_labels"]:
        write_whole(flags["output_labels"], lambda path: shutil.copyfile(flags["output_graph"] / LABELS, path))
    if flags["saved_model_dir"]:
        export_saved_model(result.classifier, flags["saved_model_dir"], flags["final_tensor_name"])
    if flags["summaries_dir"]:
        from imgclass_course.outputs.summaries import write_summaries

        write_summaries(result, _run_folder(flags))


def _print_result(result: "Retraining", flags: dict[str, Any]) -> None:
    from imgclass_course.tuning import FineTuning

    split, features = result.final_split, result.features
    evaluation = result.evaluate(split, flags["test_batch_size"])
    counts = result.folder.counts()
    totals = counts.sum()
    pictures = ", ".join(f"{count} {name}" for name, count in totals.items())
    click.echo(f"{len(result.classifier.classes_)} classes, {totals.sum()} pictures: {pictures}")
    for name in result.folder.splits:
        _print_unmeasured(counts.index[counts[name] == 0], name)
    made = f"Inner activations ({result.activations})" if isinstance(result, FineTuning) else "Bottlenecks"
    click.echo(f"{made}: {features.reused} from the store, {features.computed} computed")
    print_decisions(result.folder.decided)
    print_problems(list(result.folder.unreadable.itertuples(index=False)), SHOWN_PROBLEMS)
    click.echo(f"Accuracy on {split} pictures: {evaluation.accuracy}")
    if isinstance(result, FineTuning):
        click.echo(f"Before fine-tuning: {result.frozen.evaluate(split).accuracy}; after it, {result.comparison(split)}")
        if not result.best:
            click.echo("No epoch was better on validation than the network as it was, which is kept.")
    if flags["print_misclassified_test_images"]:
        _print_mistakes(result.paths(split, flags["test_batch_size"]), evaluation)
    click.echo(f"Classifier: {flags['output_graph']}")
    if flags["unlabelled"]:
        click.echo(f"Label next: {flags['output_graph'] / 'label_next.csv'}")
    click.echo(f"Report:     {flags['report'] or flags['output_graph'] / 'report.html'}")


def _print_unmeasured(labels: Sequence[str], split: str) -> None:
    """Say, to standard error, of which classes a split has no picture."""
    from imgclass_course.foundation.files import printable

    if len(labels):
        click.echo(f"No {split} picture of {', '.join(map(printable, labels))}: add some to measure that.", err=True)


def _print_mistakes(paths: Sequence[Path], evaluation: "Evaluation") -> None:
    from imgclass_course.foundation.files import printable

    for path, label, predicted in zip(paths, evaluation.labels, evaluation.predicted, strict=True):
        if label != predicted:
            click.echo(f"  {printable(path)}: {evaluation.classes[label]}, taken for {evaluation.classes[predicted]}")
