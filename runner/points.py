"""Which runs does a sweep consist of? A grid of values, or chosen points, and repeats of each."""

import itertools
import math
from pathlib import Path

from runner.lessons import Lesson
from runner.parameters import check_values, expect, look_up, read_yaml, split_assignments
from runner.result import Value
from utils.errors import InputError

Point = dict[str, Value]  # what one run changes, by the parameter's name
MOST_RUNS = 10_000


def plan_points(
    lesson: Lesson, base: Point, fixed: list[str], axes, grid, repeat: int
) -> list[Point]:
    """Return the points of a sweep, checked, in the order in which they will be run.

    All change ``base``; they are all combinations of the axes, texts ``name=value,value``, or of
    what the YAML file ``grid`` holds; each is repeated with the next seeds. Raises InputError if a
    name or a value is not allowed, or a name is given twice, also in ``fixed``, texts
    ``name=value``, or if there are no points, or too many.
    """
    if axes and grid:
        raise InputError("-g and --grid: one of them")
    if not axes and not grid and repeat == 1:
        raise InputError("nothing varies: -g name=value,value, --grid FILE or --repeat N")
    where, known = lesson.name, lesson.parameters
    choices = _read_grid(grid, known) if grid else []
    for name, texts in split_assignments("-g", axes, "name=value,value").items():
        parameter = look_up(name, known, f"{where}: no parameter")
        choices.append([{name: parameter.parse(one, where)} for one in texts.split(",")])
    count = math.prod(map(len, choices)) * repeat
    if not 0 < count <= MOST_RUNS:
        raise InputError(f"{count:,} runs: 1 to {MOST_RUNS:,} are allowed in one sweep")
    varied = {name for axis in choices for point in axis for name in point}
    for name in varied & {text.partition("=")[0] for text in fixed}:
        raise InputError(f"{where}: {name} is set for all runs and varied, too")
    defaults = {name: parameter.default for name, parameter in known.items()}
    points = {}  # by the values of all parameters: what is there twice is run once
    for *parts, number in itertools.product([base], *choices, range(repeat)):
        point = {name: value for part in parts for name, value in part.items()}
        if repeat > 1:
            seed = look_up("seed", known, f"--repeat: {where} has no parameter")
            point["seed"] = seed.check(point.get("seed", seed.default) + number, where)
        points.setdefault(tuple((defaults | point).values()), point)
    return list(points.values())


def _read_grid(path: Path, known: dict) -> list[list[Point]]:
    form = "lines of the form 'name: [value, value]' are needed, or a list of points such as"
    content = expect(read_yaml(path), path.name, (dict, list), f"{form} '- {{name: value}}'")
    if isinstance(content, list):
        where = f"{path.name}, point"
        return [[check_values(one, known, f"{where} {n}") for n, one in enumerate(content, 1)]]
    choices = []
    for name, values in content.items():
        expect(values, f"{path.name}: {name}", list, "a list of values is needed")
        choices.append([check_values({name: one}, known, path.name) for one in values])
    return choices
