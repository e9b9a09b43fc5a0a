"""Which lessons are there, and what does each say of itself?"""

import json
from dataclasses import dataclass
from pathlib import Path

from runner.parameters import Parameter, look_up, read_parameters
from utils.errors import InputError
from utils.paths import NOTEBOOKS

PATTERN = "[0-9][0-9]_*.ipynb"
HEADER = "| Minutes on two CPU cores | Data | Before this |"


@dataclass(frozen=True)
class Lesson:
    """A lesson notebook: where it is, what its first cell says, and what a run may change."""

    path: Path
    title: str
    minutes: str
    data: str
    before: str
    parameters: dict[str, Parameter]

    @property
    def name(self) -> str:
        """The file name without its ending, such as ``01_basics``."""
        return self.path.stem


def find_lessons(notebooks: Path = NOTEBOOKS) -> list[Lesson]:
    """Return a folder's lessons; raises InputError if there are none or one is malformed."""
    paths = sorted(notebooks.glob(PATTERN))
    if not paths:
        raise InputError(f"no lessons (such as 01_basics.ipynb) in {notebooks}")
    return [_read_lesson(path) for path in paths]


def select_lessons(lessons: list[Lesson], wanted: list[str]) -> list[Lesson]:
    """Return the lessons named by number, name or file, each once; all if none is named.

    Raises:
        InputError: if there is no such lesson.
    """
    by_name = {lesson.name: lesson for lesson in lessons}
    names = {str(int(name[:2])): name for name in by_name} | {
        name[:2]: name for name in by_name
    }
    stems = [Path(text).name.removesuffix(".ipynb") for text in wanted]
    chosen = [look_up(names.get(stem, stem), by_name, "no lesson") for stem in stems]
    return list({lesson.name: lesson for lesson in chosen}.values()) or lessons


def _read_lesson(path: Path) -> Lesson:
    try:  # without nbformat, which takes two seconds to import: `list` should not
        notebook = json.loads(path.read_text(encoding="utf-8"))
        lines = "".join(notebook["cells"][0]["source"]).splitlines()
        parameters = read_parameters(notebook, path.stem)
    except InputError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path.name} is not a lesson notebook: {type(error).__name__}: {error}"
        ) from None
    title = lines[0].lstrip("# ") if lines else ""
    facts = (
        lines[lines.index(HEADER) + 2].strip("| ").split("|") if HEADER in lines[:-2] else []
    )
    minutes, data, before = [fact.strip() for fact in facts] if len(facts) == 3 else ["?"] * 3
    return Lesson(path, title, minutes, data, before, parameters)
