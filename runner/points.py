"""Which runs does a sweep consist of? A grid of values, or chosen points, and repeats of each."""

import itertools
import reprlib
from pathlib import Path

from runner.lessons import Lesson
from runner.parameters import Value, look_up, mapping, read_yaml, split_assignment
from utils.errors import InputError

Point = dict[str, Value]  # what one run changes, by the parameter's name
MOST_RUNS = 10_000


def plan_points(
    lesson: Lesson, base: Point, axes: list[str], grid: Path | None, repeat: int
) -> list[Point]:
    """Return the points of a sweep, checked, in the order in which they will be run.

    Args:
        base: what all of them change alike.
        axes: ``name=value,value`` texts; the points are all combinations.
        grid: a YAML file in their place.
        repeat: how often each point is run, every time with the next seed.

    Raises:
        InputError: if a name or a value is not allowed, or given twice, or there are no points.
    """
    if axes and grid:
        raise InputError("-g and --grid: one of them")
    if not 1 <= repeat <= 1000:
        raise InputError(f"--repeat {repeat}: not a number from 1 to 1000")
    if not axes and not grid and repeat == 1:
        raise InputError("nothing varies: -g name=value,value, --grid FILE or --repeat N")
    varied = read_grid(grid, lesson) if grid else _combine(_read_axes(axes, lesson))
    for name in base.keys() & {name for point in varied for name in point}:
        raise InputError(f"{lesson.name}: {name} is set for all runs and varied, too")
    points = _repeat([base | point for point in varied], lesson, repeat)
    seen = set()
    for point in points:
        whole = tuple(
            point.get(name, parameter.default) for name, parameter in lesson.parameters.items()
        )
        if whole in seen:
            raise InputError(f"{lesson.name}: a point is there twice: {in_words(point)}")
        seen.add(whole)
    return points


def read_grid(path: Path, lesson: Lesson) -> list[Point]:
    """Return the points of a YAML file: ``name: [value, value]`` lines, or a list of points.

    Raises:
        InputError: if it can't be read, or anything in it is unknown or not allowed.
    """
    content = read_yaml(path)
    if isinstance(content, dict):
        axes = {}
        for name, values in content.items():
            if not isinstance(values, list) or not values:
                raise InputError(
                    f"{path.name}: {name}: a list of values is needed, "
                    f"not {reprlib.repr(values)}"
                )
            axes[name] = [_check(lesson, name, value, path.name) for value in values]
        content = _combine(axes)
    elif not isinstance(content, list):
        raise InputError(
            f"{path.name}: lines of the form 'name: [value, value]' are needed, or a list of "
            f"points such as '- {{name: value}}', not {reprlib.repr(content)}"
        )
    points = []
    for number, point in enumerate(content, start=1):
        where = f"{path.name}, point {number}"
        points.append(
            {
                name: _check(lesson, name, value, where)
                for name, value in mapping(point, where).items()
            }
        )
    if not points or {} in points:
        raise InputError(f"{path.name}: a point changes nothing, or there are no points")
    return points


def varying(points: list[Point], lesson: Lesson) -> dict[str, list[Value]]:
    """Return the values of each parameter that differs between points, the seed aside."""
    names = dict.fromkeys(name for point in points for name in point if name != "seed")
    values = {
        name: list(
            dict.fromkeys(point.get(name, lesson.parameters[name].default) for point in points)
        )
        for name in names
    }
    return {name: found for name, found in values.items() if len(found) > 1}


def in_words(point: Point) -> str:
    """Return ``depth=5 activation=relu``, or what stands for a run that changes nothing."""
    return " ".join(f"{name}={value}" for name, value in point.items()) or "(nothing changed)"


def _read_axes(assignments: list[str], lesson: Lesson) -> dict[str, list[Value]]:
    axes = {}
    for assignment in assignments:
        name, texts = split_assignment("-g", assignment, "name=value,value", axes)
        parameter = look_up(name, lesson.parameters, f"{lesson.name}: no parameter")
        axes[name] = [parameter.parse(text, lesson.name) for text in texts.split(",")]
    return axes


def _combine(axes: dict[str, list[Value]]) -> list[Point]:
    count = 1
    for values in axes.values():
        count *= len(values)
    _refuse_too_many(count)
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]


def _repeat(points: list[Point], lesson: Lesson, repeat: int) -> list[Point]:
    if repeat == 1:
        return points
    _refuse_too_many(len(points) * repeat)
    seed = look_up("seed", lesson.parameters, f"--repeat: {lesson.name} has no parameter")
    return [
        point | {"seed": seed.check(point.get("seed", seed.default) + number, lesson.name)}
        for point in points
        for number in range(repeat)
    ]


def _refuse_too_many(count: int) -> None:
    if count > MOST_RUNS:
        raise InputError(f"{count:,} runs: {MOST_RUNS:,} are allowed in one sweep")


def _check(lesson: Lesson, name: str, value, where: str) -> Value:
    return look_up(name, lesson.parameters, f"{where}: {lesson.name} has no parameter").check(
        value, where
    )
