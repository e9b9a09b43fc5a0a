"""What the figures of several lessons share: how they are shown, described and labelled."""

from base64 import b64encode
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from io import BytesIO, StringIO

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image


def show(figure: Figure, description: str) -> None:
    """Show a figure and store what it shows in words, the picture's alternative text."""
    _show_picture(_draw(figure), description, repr(figure))


def show_network(model, description: str) -> None:
    """Show the layers of a functional model and what connects them.

    The picture is that of ``keras.utils.plot_model`` where Graphviz works, else it is drawn here.
    """
    import keras

    picture = b""
    # without pydot, without Graphviz, with a broken one, of which pydot also prints
    with redirect_stdout(StringIO()), suppress(ImportError, OSError, AssertionError):
        picture = keras.utils.model_to_dot(model, show_shapes=True, dpi=50).create_png()
    picture = picture or _draw(_draw_network(model))
    _show_picture(picture, description, f"diagram of {len(model.layers)} layers")


def _draw_network(model) -> Figure:
    """Draw a box for each layer; its column is one more than the highest of those before it."""
    import keras

    made_by = {id(layer.output): layer.name for layer in model.layers}
    before, members = {}, {}
    for layer in model.layers:
        made = [made_by.get(id(tensor)) for tensor in keras.tree.flatten(layer.input)]
        before[layer.name] = [name for name in made if name not in (None, layer.name)]
        earlier = [c for c, names in members.items() if set(names) & set(before[layer.name])]
        members.setdefault(1 + max(earlier, default=-1), []).append(layer.name)
    tallest = max(map(len, members.values()))
    figure, axis = plt.subplots(figsize=(1.8 * len(members), 0.95 * tallest))
    places = {n: (c, (len(m) - 1) / 2 - r) for c, m in members.items() for r, n in enumerate(m)}
    boxes, look = {}, {"ha": "center", "va": "center", "fontsize": 10}
    for layer in model.layers:
        text = f"{layer.name}\n{type(layer).__name__}\n{layer.output.shape[1:]}"
        frame = {"boxstyle": "round", "facecolor": "white", "edgecolor": "C0"}
        boxes[layer.name] = axis.text(*places[layer.name], text, bbox=frame, **look)
        for other in before[layer.name]:
            ends = [boxes[name].get_bbox_patch() for name in (other, layer.name)]
            arrow = {"arrowstyle": "->", "color": "0.4", "patchA": ends[0], "patchB": ends[1]}
            axis.annotate("", places[layer.name], places[other], arrowprops=arrow)
    axis.set(xlim=(-0.5, len(members) - 0.5), ylim=(-tallest / 2, tallest / 2))
    axis.set_axis_off()
    return figure


def _draw(figure: Figure) -> bytes:
    drawn = BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight")
    plt.close(figure)  # or it would be shown again at the end of the cell
    return drawn.getvalue()


def _show_picture(png: bytes, description: str, text: str) -> None:
    from IPython.display import display

    stored = BytesIO()
    # in a palette of 128 colors the picture takes half the room in the notebook
    picture = Image.open(BytesIO(png)).convert("RGB").quantize(128)
    picture.save(stored, format="png", optimize=True)
    bundle = {"image/png": b64encode(stored.getvalue()).decode(), "text/plain": text}
    display(bundle, raw=True, metadata={"image/png": {"alt": description}})


def label_lines(axis: Axes) -> None:
    """Write each line's label at its right end, in its color; labels that would touch move up."""
    axis.autoscale_view()  # heights count from the final limits
    ends = []
    for line in axis.get_lines():
        points = line.get_xydata()
        points = points[np.isfinite(points).all(axis=1)]
        if len(points) and not line.get_label().startswith("_"):
            height = axis.transData.transform(points[-1])[1] * 72 / axis.figure.dpi
            ends.append((height, line, points[-1]))
    lowest = -np.inf
    for height, line, end in sorted(ends, key=lambda end: end[0]):
        lowest = max(height, lowest + 12)  # points
        place = {"xytext": (6, lowest - height), "textcoords": "offset points", "va": "center"}
        axis.annotate(line.get_label(), end, color=line.get_color(), **place)


def image_grid(
    images: np.ndarray, titles: Sequence[str], columns: int = 5, description: str = ""
) -> None:
    """Show images side by side, each below its title.

    Args:
        images: (count, height, width), shown in greys, the highest value black.
        titles: one text an image.
        columns: images in a row.
        description: the alternative text; where there is none, the titles are.

    Raises:
        ValueError: if there are not as many titles as images, or none at all.
    """
    pairs = list(zip(images, titles, strict=True))
    rows = -(-len(pairs) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 1.5, rows * 1.75), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, (image, title) in zip(axes.flat, pairs, strict=False):
        axis.imshow(image, cmap="binary")
        axis.set_title(title, fontsize=10)
    show(figure, description or "Images: " + "; ".join(titles).replace("\n", ", "))
