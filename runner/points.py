"""Which runs does a sweep consist of? A grid of values, or chosen points, and repeats of each."""

import itertools
import math
from pathlib import Path

from runner.lessons import Lesson
from runner.parameters import check_values, expect, look_up, read_yaml, split_assignments
from runner.result import Value, in_words
from utils.errors import InputError

Point = dict[str, Value]  # what one run changes, by the parameter's name
MOST_RUNS = 10_000


def plan_points(
    lesson: Lesson, base: Point, axes: list[str], grid: Path | None, repeat: int
) -> list[Point]:
    """Return the points of a sweep, checked, in the order in which they will be run.

    All change ``base``; they are all combinations of the axes, ``name=value,value``, or what
    the YAML file ``grid`` holds; each is repeated with the next seeds. Raises InputError if
    a name or a value is not allowed, or given twice, or there are no points.
    """
    if axes and grid:
        raise InputError("-g and --grid: one of them")
    if not 1 <= repeat <= 1000:
        raise InputError(f"--repeat {repeat}: not a number from 1 to 1000")
    if not axes and not grid and repeat == 1:
        raise InputError("nothing varies: -g name=value,value, --grid FILE or --repeat N")
    choices = _read_grid(grid, lesson) if grid else _read_axes(axes, lesson)
    count = math.prod(map(len, choices)) * repeat
    if count > MOST_RUNS:
        raise InputError(f"{count:,} runs: {MOST_RUNS:,} are allowed in one sweep")
    for name in base.keys() & {name for axis in choices for point in axis for name in point}:
        raise InputError(f"{lesson.name}: {name} is set for all runs and varied, too")
    points = [
        {name: value for part in (base, *parts) for name, value in part.items()}
        for parts in itertools.product(*choices)
    ]
    if repeat > 1:
        seed = look_up("seed", lesson.parameters, f"--repeat: {lesson.name} has no parameter")
        points = [
            point | {"seed": seed.check(point.get("seed", seed.default) + number, lesson.name)}
            for point in points
            for number in range(repeat)
        ]
    defaults = {name: parameter.default for name, parameter in lesson.parameters.items()}
    seen = {}
    for point in points:
        if seen.setdefault(tuple((defaults | point).values()), point) is not point:
            raise InputError(f"{lesson.name}: a point is there twice: {in_words(point)}")
    return points


def _read_axes(axes: list[str], lesson: Lesson) -> list[list[Point]]:
    choices = []
    for name, texts in split_assignments("-g", axes, "name=value,value").items():
        parameter = look_up(name, lesson.parameters, f"{lesson.name}: no parameter")
        choices.append([{name: parameter.parse(one, lesson.name)} for one in texts.split(",")])
    return choices


def _read_grid(path: Path, lesson: Lesson) -> list[list[Point]]:
    form = "lines of the form 'name: [value, value]' are needed, or a list of points such as"
    content = expect(read_yaml(path), path.name, (dict, list), f"{form} '- {{name: value}}'")
    known = lesson.parameters
    if {} in (content, *content):
        raise InputError(f"{path.name}: a point changes nothing, or there are no points")
    if isinstance(content, list):
        where = f"{path.name}, point"
        return [[check_values(one, known, f"{where} {n}") for n, one in enumerate(content, 1)]]
    choices = []
    for name, values in content.items():
        expect(values, f"{path.name}: {name}", list, "a list of values is needed")
        choices.append([check_values({name: one}, known, path.name) for one in values])
    return choices
