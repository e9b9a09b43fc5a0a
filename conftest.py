"""Lets `pytest --nbval` be started from any folder, and two notebooks run side by side."""

import os
import shutil
import tempfile
from pathlib import Path


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # a process of pytest-xdist: a core for each
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    # nbval takes the path of the sanitize file from the working directory; pyproject.toml gives it from the root
    sanitize_file = config.getoption("nbval_sanitize_with", None)
    if sanitize_file:
        config.option.nbval_sanitize_with = str(Path(config.rootpath) / sanitize_file)
    # The kernels of nbval are killed at the end: what TensorFlow left for later is removed here.
    temporary = tempfile.mkdtemp(prefix="tests-")
    os.environ["TMPDIR"] = temporary
    config.add_cleanup(lambda: shutil.rmtree(temporary, ignore_errors=True))
