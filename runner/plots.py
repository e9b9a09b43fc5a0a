"""What do records and learning curves look like over the points? A heat map, or lines."""

import io
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np
from matplotlib import color_sequences, rc_context
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from runner.result import Value, in_words, one_line
from utils.results import in_short

MOST_LINES = 10  # as many as can be told apart
MOST_TEXTS = 64  # in a heat map, where more would lie over each other
MOST_TICKS = 20
# Text stays text, small and found by a search; a $ in a name begins no formula.
AS_TEXT = rc_context({"svg.fonttype": "none", "text.parse_math": False})
# Okabe's and Ito's colors, which the color-blind tell apart; not yellow, which is faint on white.
COLORS = [color_sequences["okabe_ito"][number] for number in (5, 6, 3, 1, 7, 2, 0)]
STYLES = [{"color": c, "marker": marker} for marker in "os" for c in COLORS][:MOST_LINES]


class Mean(NamedTuple):
    """What the runs of a point measured: mean and, of several, standard deviation."""

    mean: float
    std: float | None
    n: int
    is_best: bool = False

    def __str__(self) -> str:
        short = in_short(int(self.mean) if self.mean.is_integer() else self.mean)
        return short + ("" if self.std is None else f" ± {self.std:.2g}") + " ★" * self.is_best


@AS_TEXT
def draw(points: list[tuple[dict, Mean]], axes: dict[str, list[Value]], name: str) -> bytes:
    """Return an SVG file: the record ``name``, by the points' values, over the ordered ``axes``."""
    counts = {mean.n for _, mean in points}
    runs = f"{'up to ' * (len(counts) > 1)}{max(counts)} runs"
    title = "one run a point" if counts == {1} else f"mean ± standard deviation of {runs}"
    if len(axes) == 2:
        return _heat_map(points, axes, name, title)
    # Along the axis with the most values, so that there are few lines.
    along = max(axes, key=lambda axis: (not isinstance(axes[axis][0], str), len(axes[axis])))
    words = axes[along] if isinstance(axes[along][0], str) else []
    lines = defaultdict(list)
    for values, mean in points:
        label = in_words({axis: values[axis] for axis in axes if axis != along})
        x = words.index(values[along]) if words else values[along]
        lines[label].append((x, mean.mean, mean.std or 0))
    # A line through two points would look like a law, whatever chance has put there.
    joined = "none" if words or along == "seed" or len(axes[along]) < 3 else "-"
    return _lines(lines.items(), along, name, title, words, joined)


@AS_TEXT
def draw_curves(curves: Iterable[tuple[str, list[float | str]]], name: str) -> bytes:
    """Return an SVG file: a line for each run's epochs; runs of one point share a color."""
    lines = [(point, [(x, _y(v), 0) for x, v in enumerate(row, 1)]) for point, row in curves]
    return _lines(lines, "epoch", name)


def _y(value: float | str) -> float:
    """Return a number of a curve; a gap for what is none, or so large that no axis holds it."""
    return np.nan if isinstance(value, str) or abs(value) > 1e300 else float(value)


def _heat_map(points: list, axes: dict, name: str, title: str) -> bytes:
    (row, rows), (column, columns) = axes.items()
    figure = Figure(figsize=(8, 4), layout="constrained")
    plot = figure.add_subplot(title=title, xlabel=column, ylabel=row)
    means = np.full((len(rows), len(columns)), np.nan)
    middle = (max(mean.mean for _, mean in points) + min(mean.mean for _, mean in points)) / 2
    for values, mean in points:
        y, x = rows.index(values[row]), columns.index(values[column])
        means[y, x] = mean.mean
        if means.size <= MOST_TEXTS:
            style = {"color": "white" if mean.mean < middle else "black", "va": "center"}
            plot.text(x, y, str(mean).replace(" ±", "\n±"), ha="center", **style)
    figure.colorbar(plot.imshow(means, aspect="auto"), label=name)
    _name_ticks(plot.xaxis, columns)
    _name_ticks(plot.yaxis, rows)
    return _svg(figure)


def _lines(lines: Collection, along: str, name: str, title="", words=(), joined="-") -> bytes:
    """Draw pairs of a label and its (x, y, deviation) list; ``words`` stand for x = 0, 1 …"""
    labels = list(dict.fromkeys(label for label, _ in lines))
    if len(labels) > MOST_LINES:
        title += f"\n{len(labels) - MOST_LINES} more combinations are in the table"
    styles, handles = dict(zip(labels, STYLES, strict=False)), {}
    figure = Figure(figsize=(8, 4), layout="constrained")
    plot = figure.add_subplot(title=title.strip(), xlabel=along, ylabel=name)
    for label, line in lines:
        x, y, deviations = zip(*sorted(line), strict=True)
        bars = {"yerr": deviations, "capsize": 4} if any(deviations) else {}
        if style := styles.get(label):
            handles[label] = plot.errorbar(x, y, ls=joined, markersize=4, **style, **bars)
    plot.locator_params(axis="x", integer=isinstance(x[0], int))
    if words:
        _name_ticks(plot.xaxis, words)
    plot.margins(x=0.1)
    plot.grid(alpha=0.3)
    if len(handles) > 1:
        names = [one_line(label, 40) for label in handles]
        figure.legend(handles.values(), names, loc="outside right upper", fontsize="small")
    return _svg(figure)


def _name_ticks(axis: Axis, values: list[Value]) -> None:
    """Write the values at 0, 1 and so on; of many, each second, third … for which there is room."""
    step = 1 + len(values) // MOST_TICKS
    texts = [in_short(value) for value in values[::step]]
    is_tight = axis.axis_name == "x" and len("  ".join(texts)) > 60
    axis.set_ticks(range(0, len(values), step), texts, rotation=90 * is_tight)


def _svg(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return file.getvalue()
