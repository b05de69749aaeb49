"""A pytest plugin for a Python without TensorFlow and the extras: what fails because one of them is missing is skipped.

`scripts/check_other_python.sh` uses it, with assertions that show all. What is missing is named by Python, or by the
line of the library that says what to install. A library that imports such a module too early still fails, in
conftest.py.
"""

import re
from collections.abc import Generator

import pytest

MODULES = (
    "tensorflow|keras|tf_keras|tensorflow_hub|tensorboard|skimage|imgaug|cv2|IPython|nbclient|gradio|selenium|"
    "imblearn|xgboost|h5py|onnx|onnxruntime|tf2onnx|ai_edge_quantizer|fastapi|starlette|uvicorn|httpx|mangum|"
    "python_multipart|openapi_spec_validator|jsonschema|ray|fsspec|moto|torch"
)
MISSING = re.compile(rf"No module named '({MODULES})|pip install \"(imgclass_course\[\w+\])")


def skip_where_missing(report: pytest.TestReport | pytest.CollectReport, path: object) -> None:
    """Turn a failure whose text, or that of a child process in it, names a missing module into a skip."""
    found = MISSING.search(report.longreprtext) if report.failed else None
    if found:
        report.outcome, report.longrepr = "skipped", (str(path), 0, f"needs {found[1] or found[2]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what a test reports."""
    report = yield
    skip_where_missing(report, item.path)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at what reading a file of tests reports."""
    report = yield
    skip_where_missing(report, collector.path)
    return report
