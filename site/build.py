"""Build the course's pages: gather what they are made of, then let Sphinx write them."""

import shutil
import sys
import time
from pathlib import Path

from fragments import write_fragments
from launch import find_repository, write_colab_copies
from lesson import PROJECT, find_lessons
from sphinx.cmd.build import main as sphinx

SITE = PROJECT / "site"
SOURCE, HTML = SITE / "_build/source", SITE / "_build/html"


def gather() -> None:
    """Fill the folder that Sphinx reads: pages, pictures, lessons, and what is made from them."""
    shutil.rmtree(SITE / "_build", ignore_errors=True)
    shutil.copytree(SITE / "pages", SOURCE)
    copy(PROJECT.glob(".github/*.png"), SOURCE / "images")
    copy(PROJECT.glob("notebooks/[0-9][0-9]_*.ipynb"), SOURCE / "notebooks")
    for name in ("data", "data/digits"):  # lessons lead there, and they to the licences
        copy([PROJECT / name / "README.md"], SOURCE / name)
    copy(PROJECT.glob("LICENSE*"), SOURCE)
    write_fragments(SOURCE / "fragments", find_lessons())
    copy([PROJECT / "notebooks/00_start_here.md"], SOURCE / "fragments")


def copy(paths, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copy(path, folder)


def build() -> int:
    """Write the pages; any warning of Sphinx is an error."""
    options = ["-q", "-n", "-W", "--keep-going", "-c", SITE, "-d", SITE / "_build/doctrees"]
    failed = sphinx([str(option) for option in [*options, SOURCE, HTML]])
    write_colab_copies(HTML / "colab", find_repository())
    return failed


if __name__ == "__main__":
    began = time.perf_counter()
    gather()
    failed = build()
    size = sum(path.stat().st_size for path in HTML.rglob("*") if path.is_file()) / 2**20
    print(f"{HTML / 'index.html'}: {size:.1f} MiB, {time.perf_counter() - began:.0f} s")
    sys.exit(failed)
