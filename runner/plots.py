"""What do records and learning curves look like over the points? A heat map, or lines."""

import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from matplotlib import color_sequences, rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runner.result import Value, in_words
from utils.results import in_short

MOST_LINES = 10  # as many as can be told apart
MOST_TEXTS = 64  # in a heat map, where more would lie over each other
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


def draw(points: list[tuple[dict, Mean]], axes: dict[str, list[Value]], name: str) -> bytes:
    """Return an SVG file: the record ``name``, by the points' values, over the ordered ``axes``."""
    counts = {mean.n for _, mean in points}
    runs = f"{'up to ' * (len(counts) > 1)}{max(counts)} runs"
    title = "one run a point" if counts == {1} else f"mean ± standard deviation of {runs}"
    if len(axes) == 2:
        return _heat_map(points, axes, name, title)
    # Along the axis with the most values, so that there are few lines.
    along = max(axes, key=lambda axis: (not isinstance(axes[axis][0], str), len(axes[axis])))
    words = axes[along] if isinstance(axes[along][0], str | bool) else []
    lines = {}
    for values, mean in points:
        label = in_words({axis: values[axis] for axis in axes if axis != along})
        x = words.index(values[along]) if words else values[along]
        lines.setdefault(label, [[]])[0].append((x, mean.mean, mean.std or 0))
    # A line through two points would look like a law, whatever chance has put there.
    joined = "none" if words or along == "seed" or len(axes[along]) < 3 else "-"
    return _lines(lines, along, name, title, words, joined)


def draw_curves(curves: Iterable[tuple[str, list[float | str]]], name: str) -> bytes:
    """Return an SVG file: a line for each run's epochs; runs of one point share a color."""
    lines = {}
    for point, row in curves:
        line = [(epoch, float(value), 0) for epoch, value in enumerate(row, start=1)]
        lines.setdefault(point, []).append(line)
    return _lines(lines, "epoch", name)


def _heat_map(points: list, axes: dict, name: str, title: str) -> bytes:
    (row, rows), (column, columns) = axes.items()
    plot = Figure(figsize=(8, 4), layout="constrained").add_subplot()
    plot.set(xlabel=column, ylabel=row)
    plot.set_title(title, fontsize="medium")
    plot.set_xticks(range(len(columns)), columns)
    plot.set_yticks(range(len(rows)), rows)
    means = np.full((len(rows), len(columns)), np.nan)
    middle = (max(mean.mean for _, mean in points) + min(mean.mean for _, mean in points)) / 2
    for values, mean in points:
        y, x = rows.index(values[row]), columns.index(values[column])
        means[y, x] = mean.mean
        if means.size <= MOST_TEXTS:
            style = {"color": "white" if mean.mean < middle else "black", "va": "center"}
            plot.text(x, y, str(mean).replace(" ±", "\n±"), ha="center", **style)
    plot.figure.colorbar(plot.imshow(means, aspect="auto"), label=name)
    return _svg(plot.figure)


def _lines(lines: dict, along: str, name: str, title="", words=(), joined="-") -> bytes:
    """Draw lines of (x, y, deviation) by their labels; ``words`` stand for x = 0, 1 and so on."""
    plot = Figure(figsize=(8, 4), layout="constrained").add_subplot()
    for style, (label, those) in zip(STYLES, lines.items(), strict=False):
        for number, line in enumerate(those):
            x, y, deviations = zip(*sorted(line), strict=True)
            bars = {"yerr": deviations, "capsize": 4} if any(deviations) else {}
            text = "" if number else label
            plot.errorbar(x, y, label=text, linestyle=joined, markersize=4, **style, **bars)
    if words:
        plot.set_xticks(range(len(words)), words)
    elif isinstance(x[0], int):
        plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(lines) > MOST_LINES:
        title += f"\n{len(lines) - MOST_LINES} more combinations are in the table"
    plot.set(xlabel=along, ylabel=name)
    plot.set_title(title.strip(), fontsize="medium")
    plot.margins(x=0.1)
    plot.grid(alpha=0.3)
    if len(lines) > 1:
        plot.figure.legend(loc="outside right upper", fontsize="small")
    return _svg(plot.figure)


def _svg(figure: Figure) -> bytes:
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text stays text: small, and found by a search
        figure.savefig(file, format="svg")
    return file.getvalue()
