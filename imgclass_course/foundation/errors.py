"""Every error that the course raises on purpose. The message says what is wrong with what, and what to do."""


class CourseError(Exception):
    """Wrong input, described in one line that says what is wrong and what to do."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: the line alone, since the way to it through our code helps nobody (IPython)."""
        return [f"{type(self).__name__}: {self}"]


class ImageError(CourseError):
    """A file that cannot be read as a picture; the message is the reason."""


class DatasetError(CourseError):
    """A folder or table that is no data set, or that is too small for what is asked of it."""


class BackboneError(CourseError):
    """A pretrained network that cannot be had, or that is no backbone."""


class StoreError(CourseError):
    """A bottleneck store that cannot be used."""


class FeaturesError(CourseError):
    """Vectors that cannot be used as asked: of other pictures, of another length, or not for training."""


class TrainingError(CourseError):
    """A training that cannot be run, or kept, as asked."""


class ClassifierError(CourseError):
    """A folder that holds no classifier, or a classifier that cannot be used as asked."""


class AugmentationError(CourseError):
    """A distortion that does not exist, is too strong, or is asked for where it does not belong."""


class RegularizationError(CourseError):
    """A head that cannot be built."""


class DownloadError(CourseError):
    """A data set that cannot be fetched, checked or unpacked."""


class DemoError(CourseError):
    """A page that cannot be served."""


class FileChangedError(ImageError):
    """A file that is no longer what it was when it was listed; nothing to remember of it."""


class ExportError(CourseError):
    """A classifier that cannot be exported as asked, or whose exported file does not answer as it does."""


class ServiceError(CourseError):
    """A classifier that cannot be served as asked."""


class ClusterError(CourseError):
    """Several processes or machines that cannot be had, or have failed."""
