"""Where a lesson can be started with one click: the links, and the copies for Colab."""

import json
import os
import re
import subprocess
from pathlib import Path

from lesson import PROJECT

BRANCH, COLAB_BRANCH = "main", "colab"
COLAB_CELL = """# Fetch the course and work in its folder. On Colab TensorFlow and Keras are there already.
import os
import sys

!test -d utils || git clone --quiet --depth 1 https://github.com/{repository} course
%pip install --quiet ipython-autotime
os.chdir("course" if os.path.isdir("course") else ".")
sys.path.insert(0, os.getcwd())"""


def find_repository() -> str | None:
    """Return ``owner/name`` on GitHub: of COURSE_REPOSITORY, else of git's remote, if there is one."""
    command = ["git", "-C", str(PROJECT), "remote", "get-url", "origin"]
    address = os.environ.get("COURSE_REPOSITORY")
    if address is None:
        address = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*$", address)
    return found and found[1]


def start_links(lesson: str, repository: str | None) -> str:
    """Return a line of Markdown that starts the lesson elsewhere; empty without a repository."""
    if not repository:
        return ""
    hub, file = f"https://mybinder.org/v2/gh/{repository}/{BRANCH}", f"{lesson}.ipynb"
    colab = f"https://colab.research.google.com/github/{repository}/blob/{COLAB_BRANCH}/{file}"
    places = {
        "Binder": f"{hub}?urlpath=lab/tree/notebooks/{file}",
        "Colab": colab,
        "Codespaces": f"https://codespaces.new/{repository}",
    }
    links = " · ".join(f"[{place}]({address})" for place, address in places.items())
    return f"**Start this lesson in** {links}"


def write_colab_copies(folder: Path, repository: str | None) -> None:
    """Write each lesson with one cell before it that fetches the course."""
    if not repository:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((PROJECT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        copy = json.dumps(colab_copy(json.loads(path.read_text(encoding="utf-8")), repository))
        (folder / path.name).write_text(copy, encoding="utf-8")


def colab_copy(notebook: dict, repository: str) -> dict:
    text = COLAB_CELL.format(repository=repository)
    cell = {"cell_type": "code", "id": "colab", "metadata": {}, "source": text}
    cell |= {"outputs": [], "execution_count": None}
    return notebook | {"cells": [cell, *notebook["cells"]]}
