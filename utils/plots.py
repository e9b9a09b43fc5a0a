"""What the figures of several lessons share: how they are shown, described and labelled."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image


def show(figure: Figure, description: str) -> None:
    """Show a figure and store what it shows in words, the picture's alternative text."""
    from IPython.display import display

    drawn, stored = BytesIO(), BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight")
    # in a palette of 128 colors the picture takes half the room in the notebook
    Image.open(drawn).convert("RGB").quantize(128).save(stored, format="png", optimize=True)
    bundle = {"image/png": b64encode(stored.getvalue()).decode(), "text/plain": repr(figure)}
    display(bundle, raw=True, metadata={"image/png": {"alt": description}})
    plt.close(figure)  # or it would be shown again at the end of the cell


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
    if len(images) != len(titles) or len(images) == 0:
        raise ValueError(
            f"image_grid: {len(images)} images and {len(titles)} titles; each image needs one"
        )
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * 1.5, rows * 1.75), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="binary")
        axis.set_title(title, fontsize=10)
    show(figure, description or "Images: " + "; ".join(titles).replace("\n", ", "))
