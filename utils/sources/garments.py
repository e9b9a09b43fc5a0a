"""A stand-in for Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist)."""

import numpy as np

from utils.sources.images import COLUMN, ROW, between, draw_set

COUNTS = {"train": [6000] * 10, "test": [1000] * 10}
# fmt: off
# How a kind of garment is drawn: the least and the greatest of each value.
# Tops, in pixels: half-widths at shoulder, waist and hem; covered part of the arm (0 to 1); its
# thickness; half-width and depth of the neck; darkness of the front line and the collar (0 to 1).
KINDS = {
    "tee": ([6.0, 5.5, 5.8, 0.2, 2.0, 2.2, 1.5, 0.0, 0.0], [8.2, 7.9, 8.5, 0.38, 3.2, 4.2, 4.5, 0.0, 0.1]),
    "sweater": ([6.3, 5.8, 5.6, 0.8, 1.6, 2.0, 0.8, 0.0, 0.0], [8.5, 8.2, 8.2, 1.0, 2.8, 3.8, 3.0, 0.0, 0.3]),
    "frock": ([4.0, 3.2, 4.6, 0.0, 0.8, 1.8, 1.5, 0.0, 0.0], [6.2, 5.4, 9.5, 0.3, 2.0, 3.6, 6.0, 0.1, 0.1]),
    "gown": ([4.4, 3.7, 4.8, 0.55, 1.2, 1.8, 1.0, 0.0, 0.0], [6.2, 5.4, 8.6, 0.95, 2.0, 3.0, 4.0, 0.2, 0.1]),
    "jacket": ([6.0, 5.2, 5.8, 0.86, 1.7, 2.0, 1.5, 0.3, 0.1], [8.2, 7.8, 8.7, 1.0, 3.0, 3.2, 5.0, 0.9, 0.5]),
    "blouse": ([6.3, 5.5, 5.8, 0.2, 1.6, 2.0, 1.5, 0.1, 0.2], [8.4, 7.8, 8.5, 1.0, 2.8, 3.4, 4.5, 0.5, 0.6]),
    # Shoes, in pixels: heights above the foot bed of toe, instep, collar and shaft; heights of heel
    # and sole; column where the heel starts; part of the upper that is cut away (0 to 1).
    "sandal": ([1.0, 3.0, 2.0, 2.0, 0.0, 1.0, 9, 0.5], [3.0, 8.0, 7.0, 10.0, 11.0, 3.5, 25, 0.75]),
    "slipper": ([2.0, 5.0, 2.0, 4.0, 0.0, 1.0, 9, 0.1], [4.0, 8.0, 6.0, 8.0, 2.0, 3.0, 22, 0.5]),
    "sneaker": ([2.8, 6.5, 5.5, 7.0, 0.0, 1.2, 9, 0.0], [5.0, 9.5, 8.5, 10.0, 1.0, 2.6, 22, 0.1]),
    "hightop": ([3.5, 9.0, 11.0, 11.0, 0.0, 1.2, 9, 0.0], [6.0, 12.0, 16.0, 16.0, 2.0, 2.6, 22, 0.1]),
    "boot": ([4.0, 8.0, 15.0, 15.0, 0.0, 1.0, 16, 0.0], [7.0, 12.0, 23.0, 23.0, 7.0, 2.5, 23, 0.0]),
}
# What a class is drawn as, in shares: classes with kinds in common are confused.
CLASSES = {
    0: {"tee": 0.89, "blouse": 0.08, "frock": 0.03},
    2: {"sweater": 0.86, "jacket": 0.05, "blouse": 0.09},
    3: {"frock": 0.73, "gown": 0.21, "tee": 0.03, "jacket": 0.03},
    4: {"jacket": 0.81, "sweater": 0.1, "blouse": 0.07, "gown": 0.02},
    6: {"blouse": 0.77, "tee": 0.1, "sweater": 0.06, "jacket": 0.06, "frock": 0.01},
    5: {"sandal": 0.88, "slipper": 0.11, "boot": 0.01},
    7: {"sneaker": 0.87, "hightop": 0.08, "slipper": 0.05},
    9: {"boot": 0.86, "hightop": 0.13, "sneaker": 0.01},
}
# fmt: on


def draw(seed: int = 0) -> dict[str, np.ndarray]:
    """Draw garments whose outlines overlap between classes: some images are ambiguous."""
    return draw_set(seed, COUNTS, _draw_class)


def _draw_class(random, part, label, count):
    """Draw ``count`` garments of one class as uint8 (count, 28, 28)."""
    if label in CLASSES:
        draw_kind = _shoes if label in (5, 7, 9) else _tops
        cloth = draw_kind(random, _pick(random, CLASSES[label], count))
    else:
        cloth = _trousers(random, count) if label == 1 else _bags(random, count)
    _print_patterns(random, cloth, 0.15 if label in (1, 5, 7, 9) else 0.5)
    width, phase, depth = between(random, count, (5, 14), (0, 14), (0, 0.4))
    dark, rough = between(random, count, (0, 13.5), (0.02, 0.10))
    folds = depth * np.abs((COLUMN + phase) % width / width - 0.5)
    grain = rough * random.random(cloth.shape, np.float32)
    return np.rint((255 - dark**2) * cloth * (1 - folds) * (1 - grain)).astype(np.uint8)


def _pick(random, shares, count):
    """Draw for each image a kind by its share, then a value between each of its limits."""
    ranges = np.array([KINDS[kind] for kind in shares], np.float32)
    chosen = ranges[random.choice(len(shares), count, p=list(shares.values()))]
    return between(random, count, *chosen.transpose(2, 1, 0)[..., None, None])


def _cover(depth):
    """Turn the depth inside an outline, in pixels, into the covered part of a pixel."""
    return np.clip(depth + np.float32(0.5), 0, 1)


def _along(positions, knots, values):
    """Interpolate each image's ``values`` at ``knots`` linearly at ``positions``."""
    weights = [np.interp(positions, knots, unit) for unit in np.eye(len(knots))]
    return sum(v * w.astype(np.float32) for v, w in zip(values, weights, strict=True))


def _from_axis(random, count):
    """Distance of each pixel from the garment's slightly shifted and leaning axis."""
    shift, lean = between(random, count, (-0.8, 0.8), (-0.04, 0.04))
    return np.abs(COLUMN - 13.5 - shift - lean * (ROW - 13.5))


def _tops(random, values):
    """Draw what the upper body wears: body, arms, neck, perhaps a front line and a collar."""
    shoulder, waist, hem, sleeve, cuff, neck, depth, opening, collar = values
    aside = _from_axis(random, len(shoulder))
    bottom, spread = between(random, len(shoulder), (25.5, 28), (0.5, 3.5))
    inside = _along(ROW, [0, 2.5, 13, 27], [neck + 1.5, shoulder, waist, hem]) - aside
    body = _cover(inside) * _cover(bottom - ROW)
    # An arm is all that is near the line from shoulder to cuff; ``aside`` mirrors it.
    start_x, start_y = shoulder - cuff * 0.9, 1 + cuff
    along_x, along_y = sleeve * spread + 2.5, sleeve * (25 - cuff - start_y)
    part = (aside - start_x) * along_x + (ROW - start_y) * along_y
    part = np.clip(part / (along_x * along_x + along_y * along_y), 0, 1)
    off_x, off_y = aside - start_x - part * along_x, ROW - start_y - part * along_y
    arm = _cover(cuff * (1.1 - 0.3 * part) - np.sqrt(off_x * off_x + off_y * off_y))
    arm = arm * (sleeve > 0.06)
    seam = 0.6 * arm * _cover(0.6 - np.abs(inside)) * (ROW > 5)
    neckline = _cover(neck * (1 - ROW * ROW / (depth * depth)) - aside)
    front = opening * _cover(0.4 - aside)
    lapel = collar * _cover((neck + 1.5) * (1 - ROW / (depth + 3)) - aside)
    return np.maximum(body, arm) * (1 - neckline) * (1 - seam) * (1 - front) * (1 - lapel)


def _trousers(random, count):
    """Draw two legs that part below the hips, and a belt."""
    aside = _from_axis(random, count)
    hip, knee, ankle = between(random, count, (4.4, 7), (3.8, 6.5), (3.4, 7))
    crotch, gap = between(random, count, (6, 12), (0.5, 3.2))
    outside = _along(ROW, [0, 6, 16, 27], [hip - 0.8, hip, knee, ankle])
    half_gap = gap * np.minimum((ROW - crotch) / (27 - crotch) + 0.2, 1)
    between_legs = _cover(half_gap - aside) * (crotch < ROW)
    belt = 0.3 * _cover(0.8 - np.abs(ROW - 2))
    return _cover(outside - aside) * (1 - between_legs) * (1 - belt)


def _shoes(random, values):
    """Draw a shoe from its side, toe on the left: sole, heel, an upper, closed or of straps."""
    toe, instep, collar, shaft, heel, sole, heel_start, open_part = values
    tall = np.maximum(np.maximum(instep, collar), shaft) + heel + sole
    ground = 13.5 + np.minimum(tall / 2, 13.5)
    above_bed = ground - sole - heel * _along(COLUMN, [0, 8, 20, 27], [0, 0, 1, 1]) - ROW
    heights = [toe * 0.3, toe, (toe + instep) / 2, instep, collar, collar, shaft, shaft * 0.85]
    below_edge = _along(COLUMN, [0, 3, 9, 13, 15, 20, 25, 27], heights) - above_bed
    slant_x, slant_y = between(random, len(toe), (0.06, 0.14), (-0.1, 0.1))
    phase, with_laces, shade = between(random, len(toe), (0, 1), (0, 1), (0.5, 1))
    straps = (slant_x * COLUMN + slant_y * ROW + phase) % 1 >= open_part
    upper = _cover(below_edge) * _cover(above_bed) * np.maximum(straps, _cover(1 - below_edge))
    laced = (open_part <= 0.1) * (with_laces < 0.6)
    holes = (COLUMN % 2) * (COLUMN > 7) * (COLUMN < 15)
    laces = 0.5 * laced * holes * _cover(1 - np.abs(below_edge - 2))
    # The sole follows the foot bed; behind the heel's start all is filled down to the ground.
    filled = np.maximum(heel_start <= COLUMN, _cover(above_bed + sole))
    under = _cover(-above_bed) * _cover(ground - ROW) * filled
    return np.maximum(upper * (1 - laces), under * shade)


def _bags(random, count):
    """Draw a box, wider or narrower at its top, perhaps with a flap, mostly with a handle."""
    aside = _from_axis(random, count)
    top, bottom, wide, taper = between(random, count, (3, 12), (23, 28), (9.5, 14), (-3, 1.5))
    fold, reach, lowered = between(random, count, (0.1, 0.6), (0.35, 0.9), (0, 4))
    thick, with_flap, with_handle = between(random, count, (0.4, 1.2), (0, 1), (0, 1))
    part = (ROW - top) / (bottom - top)
    box = _cover(wide + taper * (1 - part) - aside) * _cover(ROW - top) * _cover(bottom - ROW)
    flap = 0.5 * (with_flap < 0.6) * _cover(0.6 - np.abs(part - fold) * (bottom - top))
    # The handle is half an ellipse that stands on the box.
    reach, rise = wide * reach, np.maximum(top - lowered, 1.5)
    ellipse = np.sqrt((aside / reach) ** 2 + ((top + 0.5 - ROW) / rise) ** 2)
    handle = _cover(thick - np.abs(ellipse - 1) * np.minimum(reach, rise)) * (top + 0.5 > ROW)
    return np.maximum(box * (1 - flap), 0.8 * handle * (with_handle < 0.85))


def _print_patterns(random, cloth, share):
    """Give a share of the garments, in place, stripes, checks, blotches or an emblem."""
    count = len(cloth)
    strength, period, phase, size = between(random, count, (0.15, 0.75), (3, 8), (0, 8), (2, 4))
    across = ((ROW + phase) % period < period / 2) + np.zeros_like(COLUMN)
    down = ((COLUMN + phase) % period < period / 2) + np.zeros_like(ROW)
    blotches = random.random((count, 14, 14), np.float32).repeat(2, 1).repeat(2, 2)
    height = size - 1 - np.abs(ROW - 9 - phase / 4)
    emblem = _cover(size - np.abs(COLUMN - 13.5)) * _cover(height)
    patterns = [across, down, across * down, blotches, emblem]
    kind = np.where(random.random(count) < share, random.integers(0, len(patterns), count), -1)
    for number, pattern in enumerate(patterns):
        chosen = kind == number
        cloth[chosen] *= 1 - strength[chosen] * pattern[chosen]
