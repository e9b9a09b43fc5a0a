"""What do figures and learning curves of a sweep look like? A heat map for two axes, or lines."""

import io

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runner.parameters import Value

MOST_LINES = 10  # as many as Matplotlib has colors


def draw(table: pd.DataFrame, axes: dict[str, list[Value]], name: str) -> bytes:
    """Return an SVG file: the figure ``name`` over the parameters ``axes``.

    ``table`` has them as results.csv does, as ``record.name`` and ``parameter.axis``.

    Repeats of a point are told by their spread: the standard deviation in a heat map, a dot for
    each run around the lines. Only rows with a value are drawn; points not yet run stay blank.
    """
    plot = _new_plot()
    if len(axes) == 2:
        _heat_map(plot, table, axes, name)
    else:
        _lines(plot, table, axes, name)
    return _svg(plot)


def draw_curves(curves: list[tuple[str, list[float | str]]], name: str) -> bytes:
    """Return an SVG file: what was measured in each epoch, a line for each run.

    Runs of the same point, that is with the same text before their values, share a color.
    """
    plot = _new_plot()
    points = list(dict.fromkeys(point for point, _ in curves))
    for point, row in curves:
        if (number := points.index(point)) < MOST_LINES:
            epochs = range(1, len(row) + 1)
            plot.plot(epochs, [float(value) for value in row], f"C{number}.-", label=point)
    plot.xaxis.set_major_locator(MaxNLocator(integer=True))
    plot.set(xlabel="epoch", ylabel=name, title=_left_out(len(points)))
    plot.grid(alpha=0.3)
    lines, labels = plot.get_legend_handles_labels()
    if len(points) > 1:
        once = dict(zip(labels, lines, strict=True))
        plot.legend(once.values(), once, fontsize="small")
    return _svg(plot)


def _new_plot() -> Axes:
    return Figure(figsize=(8, 4), layout="constrained").add_subplot()


def _svg(plot: Axes) -> bytes:
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text stays text: small, and found by a search
        plot.figure.savefig(file, format="svg")
    return file.getvalue()


def _heat_map(plot, table: pd.DataFrame, axes: dict[str, list[Value]], name: str) -> None:
    (row, rows), (column, columns) = [(axis, _ordered(axes[axis])) for axis in axes]
    groups = table.groupby([f"parameter.{row}", f"parameter.{column}"])
    cells = groups[f"record.{name}"].agg(["mean", "std", "count"])
    means = cells["mean"].unstack().reindex(index=rows, columns=columns)
    image = plot.imshow(means.to_numpy(float), cmap="viridis", aspect="auto")
    plot.figure.colorbar(image, label=name)
    middle = (means.max(axis=None) + means.min(axis=None)) / 2
    for (y, x), (mean, spread, count) in cells.iterrows():
        text = f"{mean:.4g}" + (f"\n± {spread:.2g} ({count:.0f} runs)" if count > 1 else "")
        color = "white" if mean < middle else "black"
        plot.text(columns.index(x), rows.index(y), text, ha="center", va="center", color=color)
    plot.set_xticks(range(len(columns)), columns)
    plot.set_yticks(range(len(rows)), rows)
    plot.set(xlabel=column, ylabel=row)


def _lines(plot, table: pd.DataFrame, axes: dict[str, list[Value]], name: str) -> None:
    # along the axis with the most values, so that there are few lines
    along = max(axes, key=lambda axis: (not isinstance(axes[axis][0], str), len(axes[axis])))
    values = _ordered(axes[along])
    numbers = not isinstance(values[0], str | bool)
    others = [axis for axis in axes if axis != along]
    by = [f"parameter.{axis}" for axis in others]
    groups = list(table.groupby(by)) if others else [((), table)]
    for combination, rows in groups[:MOST_LINES]:
        x, y = rows[f"parameter.{along}"], rows[f"record.{name}"]
        x = x if numbers else x.map(values.index)
        label = " ".join(f"{axis}={v}" for axis, v in zip(others, combination, strict=True))
        (line,) = plot.plot(y.groupby(x).mean(), label=label)
        plot.plot(x, y, "o", color=line.get_color())
    if not numbers:
        plot.set_xticks(range(len(values)), values)
    plot.set(xlabel=along, ylabel=name, title=_left_out(len(groups)))
    plot.grid(alpha=0.3)
    if others:
        plot.legend(fontsize="small")


def _left_out(lines: int) -> str:
    left = lines - MOST_LINES
    return f"{left} more combinations are in the table" if left > 0 else ""


def _ordered(values: list[Value]) -> list[Value]:
    """Numbers in their order, words as they were given."""
    return values if isinstance(values[0], str) else sorted(values)
