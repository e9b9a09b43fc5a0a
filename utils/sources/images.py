"""What images are drawn with: basic arithmetic, rounded, for the same bytes from the same seed."""

import numpy as np

PIXELS = np.arange(28, dtype=np.float32)
ROW, COLUMN = PIXELS[:, None], PIXELS[None, :]
CHUNK = 500  # images drawn at once: their float arrays fit into the processor's cache


def draw_set(seed, counts, draw) -> dict[str, np.ndarray]:
    """Return shuffled labels and what ``draw(random, part, label, count)`` returns for them.

    ``counts`` are the numbers of images in each class of each part, "train" and "test". Images
    are uint8 (28, 28), from 0 (background) to 255.
    """
    random = np.random.default_rng(seed)
    arrays = {}
    for part, part_counts in counts.items():
        labels = random.permutation(np.repeat(np.arange(10, dtype=np.uint8), part_counts))
        images = np.empty((len(labels), 28, 28), np.uint8)
        for label in range(10):
            places = np.flatnonzero(labels == label)
            for chunk in np.split(places, range(CHUNK, len(places), CHUNK)):
                images[chunk] = draw(random, part, label, len(chunk))
        arrays |= {f"x_{part}": images, f"y_{part}": labels}
    return arrays


def between(random, count, *limits):
    """Draw a value per image for each pair of limits, shaped to be used with the pixels."""
    return [
        low + (high - low) * random.random((count, 1, 1), np.float32) for low, high in limits
    ]
