"""Is this machine ready for the course? Packages, device and data, line by line."""

import platform
import re
import subprocess
import sys
from importlib import metadata

from utils.errors import DataError
from utils.paths import PROJECT

DEVICE = """import tensorflow as tf
print('GPU' if tf.config.list_physical_devices('GPU') else 'CPU')"""


def pinned_versions() -> dict[str, str]:
    """Return the packages that requirements.txt names, each with its version."""
    text = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE))


def versions_that_matter() -> dict[str, str]:
    """Return the installed versions of what a lesson's records depend on most."""
    found = {name: _installed(name) or "missing" for name in ("tensorflow", "keras", "numpy")}
    return {"python": platform.python_version()} | found


def check() -> bool:
    """Print a line for each package, the device and each data set; True if all is well."""
    modules, failures = _modules_of_packages(), 0
    for package, version in pinned_versions().items():
        found, problem = _installed(package), ""
        if found != version:
            problem = f"is pinned, but {found} is installed" if found else "is not installed"
            problem += "; remove the folder .venv and run `make setup`"
        elif module := modules.get(package.lower()):
            # in a process of its own, which ends if the package was built for another processor
            works, output = _python(f"import {module}")
            problem = "" if works else f"can't be imported: {output}"
        failures += bool(problem)
        state = "FAIL" if problem else "OK"
        print(f"{state:4s}  {package:16s} {version:10s} {problem}".rstrip())
    print(f"      device: {_python(DEVICE)[1] or 'unknown, TensorFlow does not start'}")
    try:
        from utils import data  # here: it needs NumPy, whose absence was to be told first

        for name, title in data.TITLES.items():
            print(f"      {title}: {data.locate(name)}")
    except (ImportError, ValueError, DataError) as error:
        failures += 1
        print(f"FAIL  data: {error}")
    return failures == 0


def _installed(package: str) -> str | None:
    return next((found.version for found in metadata.distributions(name=package)), None)


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
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0, (done.stdout or done.stderr).strip().rpartition("\n")[2]
