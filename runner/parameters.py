"""What may a run change in a lesson? The lines of its cell tagged ``parameters`` say it."""

import ast
import difflib
import re
from pathlib import Path
from typing import NamedTuple

import yaml

from runner.result import Value, one_line
from utils.errors import InputError

FORM = "name: type = value  # what it does [low to high] (of a str: [a | b] or [a name])"
# No second "=" in a line: papermill's own reader of parameters passes over such a line.
LINE = re.compile(
    r"(?P<name>[a-z]\w*): (?P<type>int|float|str) = (?P<default>[^=#]+?) +# *"
    r"(?P<help>[^=\[\]]*[^=\[\]\s]) *\[(?:a name|(?P<allowed>[^=\[\]]+))\]\s*"
)
RANGE = re.compile(r" *([-+.eE\d]+) +to +([-+.eE\d]+) *")  # no bound may be inf or nan
TYPES = {"int": int, "float": float, "str": str}
NEEDS = {int: "an int from {} to {}", float: "a float from {} to {}"}
NAME = re.compile(r"[A-Za-z0-9_-]{0,50}")  # never a path: it can't lead out of its folder
A_NAME = "a name of up to 50 letters a to z, digits, - and _, or empty"


class Parameter(NamedTuple):
    """What a run may change; ``allowed``: lowest and highest, or choices, or () for any name."""

    name: str
    type: type
    default: Value
    help: str
    allowed: tuple

    @property
    def needs(self) -> str:
        """What a value has to be, in words: ``an int from 1 to 100``."""
        if self.type is str:
            return f"one of {', '.join(self.allowed)}" if self.allowed else A_NAME
        return NEEDS[self.type].format(*self.allowed)

    def parse(self, text: str, where: str) -> Value:
        """Return the value that ``text`` stands for; raises InputError like ``check``."""
        try:
            value = self.type(text)
        except ValueError:  # it is no number: check refuses the text
            value = text
        return self.check(value, where)

    def check(self, value: Value, where: str) -> Value:
        """Return ``value`` in the parameter's type; raises InputError, which ``where`` opens."""
        right = type(value) is self.type or (self.type is float and type(value) is int)
        if right and self.type is str:
            right = value in self.allowed if self.allowed else NAME.fullmatch(value)
        elif right:
            right = self.allowed[0] <= value <= self.allowed[1]  # never true of nan
        if right:
            return self.type(value)
        hint = _nearest(value, self.allowed) if self.type is str else ""
        raise InputError(f"{where}: {self.name}={value!r:.60} is not {self.needs}{hint}")


def read_parameters(notebook: dict, lesson: str) -> dict[str, Parameter]:
    """Return a notebook's parameters by name; raises InputError if a line is not as agreed."""
    cells = [c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", [])]
    if [cell["cell_type"] for cell in cells] != ["code"]:
        needed = "one code cell tagged 'parameters' is needed"
        raise InputError(f"{lesson}: {needed}, found {len(cells)} cells")
    parameters = {}
    for number, line in enumerate("".join(cells[0]["source"]).splitlines(), start=1):
        where, match = f"{lesson}, parameters cell, line {number}", LINE.fullmatch(line)
        try:
            kind, allowed = TYPES[match["type"]], match["allowed"] or ()
            default = ast.literal_eval(match["default"])
            if kind is not str:
                allowed = tuple(map(kind, RANGE.fullmatch(allowed).groups()))
            elif allowed:
                allowed = tuple(choice.strip() for choice in allowed.split(" | "))
        except (AttributeError, TypeError, ValueError, SyntaxError):  # or one did not match
            raise InputError(f"{where}: {line.strip()!r} is not of the form '{FORM}'") from None
        name = match["name"]
        if name in parameters:
            raise InputError(f"{where}: {name} is there twice")
        parameters[name] = Parameter(name, kind, default, match["help"], allowed)
        parameters[name].check(default, where)
    return parameters


def check_values(changes, parameters: dict[str, Parameter], where: str) -> dict[str, Value]:
    """Return a file's changes; raises InputError if one is unknown or not allowed."""
    return {
        name: look_up(name, parameters, f"{where}: no parameter").check(value, where)
        for name, value in expect(changes, where).items()
    }


def read_profile(path: Path, profile: str, lessons: dict[str, dict]) -> dict[str, dict]:
    """Return the profile's values by lesson; raises InputError for anything wrong in the file."""
    numbers, values = {lesson[:2]: lesson for lesson in lessons}, {}
    if len(numbers) < len(lessons):
        raise InputError(f"{path.name}: two lessons have one number: {', '.join(lessons)}")
    for name, chosen in expect(read_yaml(path), path.name).items():
        where, values[name] = f"{path.name}: {name}", {}
        for number, changes in expect(chosen, where).items():
            lesson = look_up(number, numbers, f"{where}: no lesson")
            values[name][lesson] = check_values(changes, lessons[lesson], f"{where}/{number}")
    return look_up(profile, values, f"{path.name}: no profile")


def choose_values(lessons: dict[str, dict], profile: dict, assignments: list[str]) -> dict:
    """Return each lesson's changes: the profile's, then the assignments; raises InputError."""
    values = {lesson: dict(profile.get(lesson, {})) for lesson in lessons}
    names = dict.fromkeys(name for parameters in lessons.values() for name in parameters)
    for name, text in split_assignments("-p", assignments, "name=value").items():
        look_up(name, names, f"{', '.join(lessons)}: no parameter")
        for lesson, parameters in lessons.items():
            if name in parameters:
                values[lesson][name] = parameters[name].parse(text, lesson)
    return values


def split_assignments(option: str, assignments: list[str], form: str) -> dict[str, str]:
    """Return an option's texts by name; raises InputError if one is not of the ``form``."""
    texts = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name in texts:
            problem = f": {name} is given twice" if equals else f" is not of the form {form}"
            raise InputError(f"{option} {assignment}{problem}")
        texts[name] = text
    return texts


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        """Refuse two equal names, of which plain YAML keeps the last and says nothing."""
        names = [str(name.value) for name, _ in node.value]  # without those that << brings
        if len(set(names)) < len(names):
            raise ValueError(f"a name is there twice, from line {node.start_mark.line + 1} on")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path):
    """Return what a YAML file holds; raises InputError if it can't be read or names one twice."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path.name} cannot be read: {one_line(str(error))}") from None


def expect(value, where, kind=dict, needed="lines of the form 'name: value' are needed"):
    """Return ``value`` if it is of the ``kind``, and no empty list; or raise InputError."""
    if isinstance(value, kind) and value != []:
        return value
    raise InputError(f"{where}: {needed}, not {value!r:.60}")


def look_up(name, known: dict, problem: str):
    """Return ``known[name]``, or raise InputError: ``problem``, the name, the nearest, all."""
    if name in known:
        return known[name]
    there = ", ".join(map(str, known))
    raise InputError(f"{problem} {name!r}{_nearest(name, known)}; there are: {there}")


def _nearest(name, names) -> str:
    found = difflib.get_close_matches(str(name), map(str, names), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
