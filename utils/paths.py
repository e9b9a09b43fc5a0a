"""Where the project's folders are, wherever Jupyter or a command was started."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DATA = PROJECT / "data"
NOTEBOOKS = PROJECT / "notebooks"
RUNS = PROJECT / "runs"
MY_LESSONS = PROJECT / "my_lessons"
