"""Lets `pytest --nbval` be started from any folder of the project."""

from pathlib import Path


def pytest_configure(config):
    # nbval takes the path of the sanitize file from the working directory; pyproject.toml gives it from the root
    sanitize_file = config.getoption("nbval_sanitize_with", None)
    if sanitize_file:
        config.option.nbval_sanitize_with = str(Path(config.rootpath) / sanitize_file)
