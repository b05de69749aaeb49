"""Modules:

- `imgclass_course.cli`: The command `imgclass`: retrain, label, demo, audit, cache, data and lab."""

import logging
import os
from importlib.metadata import PackageNotFoundError, version

# TensorFlow reports its build and its every file at start-up; it reads this before it is imported. Errors stay visible.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.WARNING)

try:
    __version__ = version("imgclass_course")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0+unknown"
