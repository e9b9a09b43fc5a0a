"""Is this machine ready for the course? Packages, device and data, line by line."""

import platform
import re
import subprocess
import sys
from importlib import metadata

from utils.errors import DataError
from utils.paths import PROJECT

REMEDY = "remove the folder .venv and run `make setup`"

DEVICE = (
    "import tensorflow as tf; print('GPU' if tf.config.list_physical_devices('GPU') else 'CPU')"
)


def pinned_versions() -> dict[str, str]:
    """Return the packages that requirements.txt names, each with its version."""
    text = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE))


def versions_that_matter() -> dict[str, str]:
    """Return the installed versions of what a lesson's figures depend on most."""
    versions = {"python": platform.python_version()}
    for package in ("tensorflow", "keras", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "missing"
    return versions


def check() -> bool:
    """Print a line for each package, the device and each data set; True if all is well."""
    modules = _modules_of_packages()
    all_fine = True
    for package, version in pinned_versions().items():
        problem = _problem(package, version, modules.get(package.lower()))
        all_fine = all_fine and not problem
        print(
            f"{'FAIL' if problem else 'OK  '}  {package:16s} {version:10s} {problem}".rstrip()
        )
    print(f"      device: {_python(DEVICE)[1] or 'unknown, TensorFlow does not start'}")
    return _check_data() and all_fine


def _check_data() -> bool:
    try:
        from utils import data  # here: it needs NumPy, whose absence was to be told first

        for name, title in data.TITLES.items():
            print(f"      {title}: {data.locate(name)}")
    except (ImportError, ValueError, DataError) as error:
        print(f"FAIL  data: {error}")
        return False
    return True


def _problem(package: str, version: str, module: str | None) -> str:
    """Say what is wrong with a package, or return an empty text."""
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        return f"is not installed; {REMEDY}"
    if found != version:
        return f"is pinned, but {found} is installed; {REMEDY}"
    # in a process of its own, which ends if the package was built for another processor
    works, output = _python(f"import {module}") if module else (True, "")
    return "" if works else f"can't be imported: {output}"


def _modules_of_packages() -> dict[str, str]:
    """Map a package to the module to import: the one of the same name, or else any."""
    modules = {}
    for module, packages in metadata.packages_distributions().items():
        for package in map(str.lower, packages):
            if module == package or not (module.startswith("_") or package in modules):
                modules[package] = module
    return modules


def _python(code: str) -> tuple[bool, str]:
    """Run Python in a process of its own; return whether it went well, and its last line."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    lines = (result.stdout or result.stderr).strip().splitlines()
    return result.returncode == 0, lines[-1] if lines else ""
