"""Which lessons are there, and what does each say of itself?"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from runner.parameters import Parameter, look_up, read_parameters
from utils.errors import InputError
from utils.paths import NOTEBOOKS

PATTERN = "[0-9][0-9]_*.ipynb"
# minutes to run and, where it says so, to study; data; what comes before
FACTS = re.compile(
    r"\| Before this \|\n.*\n\| *(.+?) *\|(?: *\d+ *\|)? *(.+?) *\| *(.+?) *\|(?:\n|$)"
)


class Lesson(NamedTuple):
    """A lesson notebook: where it is, what its first cell says, and what a run may change."""

    path: Path
    title: str
    minutes: str
    data: str
    before: str
    parameters: dict[str, Parameter]

    @property
    def name(self) -> str:
        return self.path.stem


def find_lessons(folder: Path = NOTEBOOKS) -> list[Lesson]:
    """Return a folder's lessons; raises InputError if there are none or one is malformed."""
    # no lesson has another dot: 01_basics.new.ipynb lies beside a copy that a student changed
    paths = [path for path in sorted(folder.glob(PATTERN)) if "." not in path.stem]
    if not paths:
        raise InputError(f"no lessons (such as 01_basics.ipynb) in {folder}")
    return [read_lesson(path) for path in paths]


def read_lesson(path: Path) -> Lesson:
    """Return the lesson that a notebook holds; raises InputError if it holds none."""
    try:  # without nbformat, which takes two seconds to import: `list` should not
        notebook = json.loads(path.read_text(encoding="utf-8"))
        text = "".join(notebook["cells"][0]["source"])
        parameters = read_parameters(notebook, path.stem)
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise InputError(f"{path.name} is not a lesson notebook: {problem}") from None
    title, facts = text.partition("\n")[0].lstrip("# "), FACTS.search(text)
    return Lesson(path, title, *(facts.groups() if facts else "???"), parameters)


def select_lessons(lessons: list[Lesson], wanted: list[str]) -> list[Lesson]:
    """Return those named by number, name or file, each once, or all; raises InputError."""
    by_name = {lesson.name: lesson for lesson in lessons}
    chosen = []
    for text in wanted:
        name = text.removesuffix(".ipynb")
        numbered = [one for one in by_name if one[:2] == name.zfill(2)]
        if text != name and Path(text).is_file():
            chosen.append(read_lesson(Path(text)))
        elif len(numbered) > 1:
            raise InputError(f"{name} is the number of {' and '.join(numbered)}: name one")
        else:
            chosen.append(look_up(numbered[0] if numbered else name, by_name, "no lesson"))
    return list({one.path.resolve(): one for one in chosen}.values()) or lessons
