"""What may a run change in a lesson, and what is allowed?

The answer stands in the lesson: one code cell tagged ``parameters``, a parameter a line, as in
``epochs: int = 10  # passes over the training images [1 to 100]``.
"""

import ast
import difflib
import math
import re
import reprlib
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from utils.errors import InputError

Value = int | float | str | bool
TYPES = {"int": int, "float": float, "str": str, "bool": bool}
# No second "=" in a line: papermill's own reader of parameters passes over such a line.
LINE = re.compile(
    r"(?P<name>[a-z]\w*): (?P<type>int|float|str|bool) = (?P<default>[^=#]+?) +# *"
    r"(?P<help>[^=\[\]]*[^=\[\]\s])(?: *\[(?P<allowed>[^=\[\]]+)\])?\s*"
)
CONVENTION = (
    "name: type = value  # what it does [low to high] "
    "(or [choice | choice] or [a name]; bool: neither)"
)
A_NAME = ("a name",)  # what a lesson writes in the brackets where any name will do, or none
NAME = re.compile(r"[A-Za-z0-9_-]{0,50}")  # never a path: it can't lead out of its folder


@dataclass(frozen=True)
class Parameter:
    """What a run may change; ``allowed``: (lowest, highest), choices, A_NAME, or () for bool."""

    name: str
    type: type
    default: Value
    help: str
    allowed: tuple

    @property
    def needs(self) -> str:
        """What a value has to be, in words: ``an int from 1 to 100``."""
        if self.type is bool:
            return "true or false"
        if self.allowed == A_NAME:
            return "a name of up to 50 letters a to z, digits, - and _, or empty"
        if self.type is str:
            return f"one of {', '.join(self.allowed)}"
        kind = "an int" if self.type is int else "a float"
        return f"{kind} from {self.allowed[0]} to {self.allowed[1]}"

    def parse(self, text: str, where: str) -> Value:
        """Return the value that ``text`` stands for; raises InputError like ``check``."""
        value = text
        with suppress(ValueError):  # text that is no number is refused by check, as text
            value = (
                {"true": True, "false": False}.get(text, text)
                if self.type is bool
                else self.type(text)
            )
        return self.check(value, where)

    def check(self, value: Value, where: str) -> Value:
        """Return ``value`` in the parameter's type (an int may stand for a float).

        Raises:
            InputError: for a wrong type or a value not allowed; ``where`` opens the message.
        """
        right = type(value) is self.type or (self.type is float and type(value) is int)
        if right and self.allowed == A_NAME:
            right = NAME.fullmatch(value) is not None
        elif right and self.type is str:
            right = value in self.allowed
        elif right and self.type is not bool:
            right = self.allowed[0] <= value <= self.allowed[1]  # never true of nan
        if not right:
            choices = self.type is str and self.allowed != A_NAME
            hint = _nearest(value, self.allowed) if choices else ""
            raise InputError(
                f"{where}: {self.name}={reprlib.repr(value)} is not {self.needs}{hint}"
            )
        return self.type(value)


def read_parameters(notebook: dict, lesson: str) -> dict[str, Parameter]:
    """Return the parameters of a notebook (as JSON gives it) by name.

    Raises:
        InputError: if not one code cell is tagged ``parameters`` or a line is not as agreed.
    """
    tagged = [
        cell
        for cell in notebook["cells"]
        if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if [cell["cell_type"] for cell in tagged] != ["code"]:
        raise InputError(
            f"{lesson}: one code cell tagged 'parameters' is needed, found {len(tagged)} cells"
        )
    parameters = {}
    for number, line in enumerate("".join(tagged[0]["source"]).splitlines(), start=1):
        where = f"{lesson}, parameters cell, line {number}"
        parameter = _read_line(line, where)
        if parameter.name in parameters:
            raise InputError(f"{where}: {parameter.name} is there twice")
        parameters[parameter.name] = parameter
    return parameters


def read_profile(
    path: Path, profile: str, lessons: dict[str, dict[str, Parameter]]
) -> dict[str, dict]:
    """Return the values ``profile`` sets, by lesson; ``lessons`` has every lesson's parameters.

    Raises:
        InputError: if anything in the file, in whichever profile, is unknown or not allowed.
    """
    profiles = mapping(read_yaml(path), path.name)
    names = {lesson.partition("_")[0]: lesson for lesson in lessons}
    values = {}
    for name, chosen in profiles.items():
        values[name] = {}
        for number, changes in mapping(chosen, f"{path.name}: {name}").items():
            lesson = look_up(number, names, f"{path.name}: {name}: no lesson")
            where = f"{path.name}: {name}/{number}"
            values[name][lesson] = {
                key: look_up(key, lessons[lesson], f"{where}: no parameter").check(value, where)
                for key, value in mapping(changes, where).items()
            }
    return look_up(profile, values, f"{path.name}: no profile")


def choose_values(
    lessons: dict[str, dict[str, Parameter]], profile: dict[str, dict], assignments: list[str]
) -> dict[str, dict]:
    """Return each lesson's changes: the profile's, then each ``name=value`` it has the name of.

    Raises:
        InputError: if an assignment is malformed, repeated, fits no lesson or is not allowed.
    """
    values = {lesson: dict(profile.get(lesson, {})) for lesson in lessons}
    names = {name: True for parameters in lessons.values() for name in parameters}
    given = set()
    for assignment in assignments:
        name, text = split_assignment("-p", assignment, "name=value", given)
        look_up(name, names, f"{', '.join(lessons)}: no parameter")
        given.add(name)
        for lesson, parameters in lessons.items():
            if name in parameters:
                values[lesson][name] = parameters[name].parse(text, lesson)
    return values


def split_assignment(
    option: str, assignment: str, form: str, given: Container
) -> tuple[str, str]:
    """Return name and text of an option's ``name=text``.

    Raises:
        InputError: if it has not that ``form``, or the name is among those ``given`` before.
    """
    name, equals, text = assignment.partition("=")
    if not equals:
        raise InputError(f"{option} {assignment} is not of the form {form}")
    if name in given:
        raise InputError(f"{option} {assignment}: {name} is given twice")
    return name, text


def read_yaml(path: Path):
    """Return what a YAML file holds; raises InputError if it can't be read or names one twice."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path.name} cannot be read: {' '.join(str(error).split())}"
        ) from None


def look_up(name, known: dict, problem: str):
    """Return ``known[name]``, or raise InputError: ``problem``, the name, the nearest, all."""
    if name not in known:
        there = ", ".join(map(str, known))
        raise InputError(f"{problem} {name!r}{_nearest(name, known)}; there are: {there}")
    return known[name]


def _nearest(name, names) -> str:
    found = difflib.get_close_matches(str(name), map(str, names), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


class _Loader(yaml.SafeLoader):
    """Plain YAML keeps the last of two equal names and says nothing; here that is an error."""

    def construct_mapping(self, node, deep=False):
        mapping = super().construct_mapping(node, deep)
        if len(mapping) < len(node.value):
            raise yaml.constructor.ConstructorError(
                None, None, "a name is there twice", node.start_mark
            )
        return mapping


def mapping(value, where: str) -> dict:
    """Return ``value`` if it is a mapping; else raise InputError, opened by ``where``."""
    if not isinstance(value, dict):
        raise InputError(
            f"{where}: lines of the form 'name: value' are needed, not {reprlib.repr(value)}"
        )
    return value


def _read_line(line: str, where: str) -> Parameter:
    match = LINE.fullmatch(line)
    if not match or (match["allowed"] is None) != (match["type"] == "bool"):
        raise InputError(f"{where}: {line.strip()!r} is not of the form '{CONVENTION}'")
    kind = TYPES[match["type"]]
    ends = (match["allowed"] or "").split(" | " if kind is str else " to ")
    try:
        default = ast.literal_eval(match["default"])
        allowed = () if kind is bool else tuple(kind(end.strip()) for end in ends)
    except (ValueError, SyntaxError) as error:
        raise InputError(f"{where}: {line.strip()!r}: {error}") from None
    if kind in (int, float) and not (
        len(allowed) == 2 and -math.inf < allowed[0] <= allowed[1] < math.inf
    ):
        raise InputError(
            f"{where}: {line.strip()!r}: the brackets need two numbers, the lowest first"
        )
    parameter = Parameter(match["name"], kind, default, match["help"], allowed)
    parameter.check(default, where)
    return parameter
