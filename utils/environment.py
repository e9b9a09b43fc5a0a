"""Is this machine ready for the course? Checks packages, device and data, and says so line by line."""

import re
import subprocess
import sys
from importlib import metadata

from utils import data
from utils.paths import PROJECT

DEVICE = (
    "import tensorflow as tf; print('GPU' if tf.config.list_physical_devices('GPU') else 'CPU')"
)


def pinned_versions() -> dict[str, str]:
    """Return the packages that requirements.txt names, each with its version."""
    text = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE))


def check() -> bool:
    """Print a line a package, one for the device and one a data set; True if every package is as pinned."""
    modules = _modules_of_packages()
    all_fine = True
    for package, version in pinned_versions().items():
        problem = _problem(package, version, modules.get(package.lower()))
        all_fine = all_fine and not problem
        print(
            f"{'FAIL' if problem else 'OK  '}  {package:16s} {version:10s} {problem}".rstrip()
        )
    print(f"      device: {_python(DEVICE)[1] or 'unknown, TensorFlow does not start'}")
    for name, title in data.TITLES.items():
        try:
            print(f"      {title}: {data.locate(name)}")
        except data.DataError as error:
            print(f"FAIL  {error}")
            return False
    return all_fine


def _problem(package: str, version: str, module: str | None) -> str:
    """Say what is wrong with a package, or return an empty text."""
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        return "is not installed; run `make setup`"
    if found != version:
        return f"is pinned, but {found} is installed; run `make setup`"
    # in a process of its own: a package built for another processor ends the process that imports it
    works, output = _python(f"import {module}") if module else (True, "")
    return "" if works else f"can't be imported: {output}"


def _modules_of_packages() -> dict[str, str]:
    modules = {}
    for module, packages in metadata.packages_distributions().items():
        for package in packages:
            if not module.startswith("_"):
                modules.setdefault(package.lower(), module)
    return modules


def _python(code: str) -> tuple[bool, str]:
    """Run a line of Python in a process of its own; return whether it went well, and its last line."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    lines = (result.stdout or result.stderr).strip().splitlines()
    return result.returncode == 0, lines[-1] if lines else ""
