"""Figures that more than one lesson shows."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np


def image_grid(images: np.ndarray, titles: Sequence[str], columns: int = 5) -> None:
    """Show images side by side, each below its title.

    Args:
        images: (count, height, width), shown in greys, the highest value black.
        titles: one text an image.
        columns: images in a row.

    Raises:
        ValueError: if there are not as many titles as images, or none at all.
    """
    if len(images) != len(titles) or len(images) == 0:
        raise ValueError(
            f"image_grid: {len(images)} images and {len(titles)} titles; each image needs one"
        )
    rows = -(-len(images) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(columns * 1.5, rows * 1.75), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="binary")
        axis.set_title(title, fontsize=10)
    plt.show()
