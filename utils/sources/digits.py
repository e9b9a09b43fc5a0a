"""A stand-in for MNIST (https://yann.lecun.com/exdb/mnist/): scikit-learn's digits, rewritten."""

from functools import partial

import numpy as np

from utils.sources.images import COLUMN, ROW, between, draw_set

COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}


def draw(seed: int = 0) -> dict[str, np.ndarray]:
    """Write digits after handwritten originals, none of which is used for both parts.

    Each is enlarged, bent, slanted, written with another pen; about 20x20 pixels, centred by mass.
    """
    originals = {part: _enlarge(*both) for part, both in split_originals().items()}
    return draw_set(seed, COUNTS, partial(_write, originals))


def split_originals() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return digits, (n, 8, 8) from 0 (paper) to 16 (ink), and their labels, by part.

    Every fifth is to test with. Source: https://archive.ics.uci.edu/dataset/80
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    test = np.arange(len(labels)) % 5 == 4
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}


def _enlarge(images, labels):
    """Return each class's originals eight times as large, their centres of mass and lengths."""
    from scipy.ndimage import zoom

    smooth = [zoom(image, 8, order=3, mode="grid-constant", grid_mode=True) for image in images]
    ink = np.rint(np.clip(np.array(smooth) * 16, 0, 255)).astype(np.uint8)
    ink = np.pad(ink, ((0, 0), (8, 8), (8, 8)))
    dark = ink > 90
    lines, columns = dark.sum(2), dark.sum(1)  # sums of integers are the same on every machine
    places = np.arange(dark.shape[1])
    centre = np.stack([lines @ places, columns @ places], 1) / lines.sum(1, keepdims=True)
    length = np.maximum((lines > 0).sum(1), (columns > 0).sum(1))
    measured = ink, centre.astype(np.float32), length.astype(np.float32)
    return [[array[labels == label] for array in measured] for label in range(10)]


def _write(originals, random, part, label, count):
    """Write ``count`` digits after the enlarged originals of a class, uint8 (count, 28, 28)."""
    ink, centre, length = originals[part][label]
    chosen = random.integers(0, len(ink), count)
    middle_line, middle_column = centre[chosen].T[..., None, None]
    scale = length[chosen, None, None] / 20
    height, width = between(random, count, (0.9, 1.1), (0.85, 1.15))
    slant, tilt, bend = between(random, count, (-0.25, 0.25), (-0.15, 0.15), (-0.012, 0.012))
    down, right = ROW - 13.5, COLUMN - 13.5
    line = middle_line + scale * height * (down + tilt * right)
    column = middle_column + scale * width * (right + slant * down + bend * (down * down - 36))
    # Outside of the enlarged original, its empty margin is repeated.
    line, column = np.rint([line, column]).clip(0, ink.shape[1] - 1).astype(np.intp)
    thin, bright = between(random, count, (70, 150), (225, 255))
    stroke = np.clip((ink[chosen[:, None, None], line, column] - thin) / 70, 0, 1)
    return np.rint(stroke * bright).astype(np.uint8)
