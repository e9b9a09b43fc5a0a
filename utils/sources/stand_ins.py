"""Data sets drawn by code, for when the real ones cannot be had: garments, digits, newswires.

Each function returns the arrays of the real data set, shuffled: same names, dtypes, class counts.
The same seed gives the same bytes: images are made by basic arithmetic and rounded at the end.
"""

import numpy as np

SIDE = 28
PIXELS = np.arange(SIDE, dtype=np.float32)
ROW, COLUMN = PIXELS[:, None], PIXELS[None, :]
CHUNK = 500  # images drawn at once: their float arrays fit into the processor's cache

# fmt: off
FASHION_TRAIN_COUNTS, FASHION_TEST_COUNTS = [6000] * 10, [1000] * 10
MNIST_TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
REUTERS_CLASS_NAMES = [
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply",
    "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas",
    "cpi", "money-fx", "interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin",
    "strategic-metal", "livestock", "retail", "ipi", "iron-steel", "rubber", "heat", "jobs",
    "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead",
]
REUTERS_TRAIN_COUNTS = [
    55, 432, 74, 3159, 1949, 17, 48, 16, 139, 101, 124, 390, 49, 172, 26, 20, 444, 39, 66, 549,
    269, 100, 15, 41, 62, 92, 24, 15, 48, 19, 45, 39, 32, 11, 50, 10, 49, 19, 19, 24, 36, 30,
    13, 21, 12, 18,
]
REUTERS_TEST_COUNTS = [
    12, 105, 20, 813, 474, 5, 14, 3, 38, 25, 30, 83, 13, 37, 2, 9, 99, 12, 20, 133, 70, 27, 7,
    12, 19, 31, 8, 4, 10, 4, 12, 13, 10, 5, 7, 6, 11, 2, 3, 5, 10, 8, 3, 6, 5, 1,
]
# The most frequent words; what a topic's own words are made of: "cocoa-price".
COMMON = [
    "the", "of", "to", "in", "said", "and", "a", "mln", "for", "dlrs", "it", "pct", "on",
    "from", "is", "that", "its", "by", "at", "year", "be", "with", "will", "was", "has",
    "billion", "would", "an", "as", "company", "not", "this", "which", "are", "u.s.", "1987",
    "1986", "were", "but", "have", "new", "or", "bank", "market", "up", "last", "after",
    "march", "april",
]
NOUNS = [
    "price", "export", "output", "stocks", "demand", "talks", "report", "board", "sales",
    "tariff", "quota", "dealers",
]

# How a kind of garment is drawn: the least and the greatest of each value.
# Tops, in pixels: half-widths at shoulder, waist and hem; covered part of the arm (0 to 1); its
# thickness; half-width and depth of the neck; darkness of the front line and the collar (0 to 1).
TOP_KINDS = {
    "tee": ([6.0, 5.5, 5.8, 0.2, 2.0, 2.2, 1.5, 0.0, 0.0],
        [8.2, 7.9, 8.5, 0.38, 3.2, 4.2, 4.5, 0.0, 0.1]),
    "sweater": ([6.3, 5.8, 5.6, 0.8, 1.6, 2.0, 0.8, 0.0, 0.0],
        [8.5, 8.2, 8.2, 1.0, 2.8, 3.8, 3.0, 0.0, 0.3]),
    "frock": ([4.0, 3.2, 4.6, 0.0, 0.8, 1.8, 1.5, 0.0, 0.0],
        [6.2, 5.4, 9.5, 0.3, 2.0, 3.6, 6.0, 0.1, 0.1]),
    "gown": ([4.4, 3.7, 4.8, 0.55, 1.2, 1.8, 1.0, 0.0, 0.0],
        [6.2, 5.4, 8.6, 0.95, 2.0, 3.0, 4.0, 0.2, 0.1]),
    "jacket": ([6.0, 5.2, 5.8, 0.86, 1.7, 2.0, 1.5, 0.3, 0.1],
        [8.2, 7.8, 8.7, 1.0, 3.0, 3.2, 5.0, 0.9, 0.5]),
    "blouse": ([6.3, 5.5, 5.8, 0.2, 1.6, 2.0, 1.5, 0.1, 0.2],
        [8.4, 7.8, 8.5, 1.0, 2.8, 3.4, 4.5, 0.5, 0.6]),
}
# Shoes, in pixels: heights above the foot bed of toe, instep, collar and shaft; heights of heel
# and sole; column where the heel starts; part of the upper that is cut away (0 to 1).
SHOE_KINDS = {
    "sandal": ([1.0, 3.0, 2.0, 2.0, 0.0, 1.0, 9, 0.5], [3.0, 8.0, 7.0, 10.0, 11.0, 3.5, 25, 0.75]),
    "slipper": ([2.0, 5.0, 2.0, 4.0, 0.0, 1.0, 9, 0.1], [4.0, 8.0, 6.0, 8.0, 2.0, 3.0, 22, 0.5]),
    "sneaker": ([2.8, 6.5, 5.5, 7.0, 0.0, 1.2, 9, 0.0], [5.0, 9.5, 8.5, 10.0, 1.0, 2.6, 22, 0.1]),
    "hightop": ([3.5, 9.0, 11.0, 11.0, 0.0, 1.2, 9, 0.0], [6.0, 12.0, 16.0, 16.0, 2.0, 2.6, 22, 0.1]),
    "boot": ([4.0, 8.0, 15.0, 15.0, 0.0, 1.0, 16, 0.0], [7.0, 12.0, 23.0, 23.0, 7.0, 2.5, 23, 0.0]),
}
# What a class is drawn as, in shares: classes with kinds in common are confused.
TOP_CLASSES = {
    0: {"tee": 0.89, "blouse": 0.08, "frock": 0.03},
    2: {"sweater": 0.86, "jacket": 0.05, "blouse": 0.09},
    3: {"frock": 0.73, "gown": 0.21, "tee": 0.03, "jacket": 0.03},
    4: {"jacket": 0.81, "sweater": 0.1, "blouse": 0.07, "gown": 0.02},
    6: {"blouse": 0.77, "tee": 0.1, "sweater": 0.06, "jacket": 0.06, "frock": 0.01},
}
SHOE_CLASSES = {
    5: {"sandal": 0.88, "slipper": 0.11, "boot": 0.01},
    7: {"sneaker": 0.87, "hightop": 0.08, "slipper": 0.05},
    9: {"boot": 0.86, "hightop": 0.13, "sneaker": 0.01},
}
# fmt: on

SHARED_WORDS = 10_400  # common and made-up words, which any newswire may use
TOPIC_WORDS = 60  # favourite words of a topic, its named ones among them
TOPIC_WORDS_FROM = 600  # the other favourites are among so many words: topics overlap
START, FIRST_WORD = 1, 4  # Keras's ids: 1 starts a newswire, 4 is the most frequent word


def garments(seed: int = 0) -> dict[str, np.ndarray]:
    """Draw a stand-in for Fashion-MNIST (https://github.com/zalandoresearch/fashion-mnist).

    Returns:
        ``x_train`` uint8 (60000, 28, 28) and ``x_test`` uint8 (10000, 28, 28), from 0 (background)
        to 255; ``y_train`` uint8 (60000,) and ``y_test`` uint8 (10000,), classes 0 to 9.

    Outlines are drawn from ranges that overlap between classes: some images are ambiguous.
    """
    random = np.random.default_rng(seed)

    def draw(part, label, count):
        return _draw_garments(random, label, count)

    return _image_set(
        random, {"train": FASHION_TRAIN_COUNTS, "test": FASHION_TEST_COUNTS}, draw
    )


def digits(seed: int = 0) -> dict[str, np.ndarray]:
    """Write a stand-in for MNIST (https://yann.lecun.com/exdb/mnist/) after scikit-learn's digits.

    Returns:
        ``x_train`` uint8 (60000, 28, 28) and ``x_test`` uint8 (10000, 28, 28), from 0 (background)
        to 255; ``y_train`` uint8 (60000,) and ``y_test`` uint8 (10000,), classes 0 to 9.

    Each image is a handwritten original, enlarged, bent, slanted and written with another pen. It
    fills about 20x20 pixels and is centred by mass. No original is used for both parts.
    """
    random = np.random.default_rng(seed)
    originals = {part: _enlarge(*both) for part, both in split_originals().items()}

    def draw(part, label, count):
        return _write_digits(random, *originals[part][label], count)

    return _image_set(random, {"train": MNIST_TRAIN_COUNTS, "test": MNIST_TEST_COUNTS}, draw)


def _image_set(random, counts, draw):
    """Shuffle the labels and fill in the images that ``draw(part, label, count)`` makes."""
    arrays = {}
    for part, part_counts in counts.items():
        labels = random.permutation(np.repeat(np.arange(10, dtype=np.uint8), part_counts))
        images = np.empty((len(labels), SIDE, SIDE), np.uint8)
        for label in range(10):
            places = np.flatnonzero(labels == label)
            for chunk in np.split(places, range(CHUNK, len(places), CHUNK)):
                images[chunk] = draw(part, label, len(chunk))
        arrays |= {f"x_{part}": images, f"y_{part}": labels}
    return arrays


def _draw_garments(random, label, count):
    """Draw ``count`` garments of one class as uint8 (count, 28, 28)."""
    if label in TOP_CLASSES:
        cloth = _tops(random, _pick(random, TOP_KINDS, TOP_CLASSES[label], count))
    elif label in SHOE_CLASSES:
        cloth = _shoes(random, _pick(random, SHOE_KINDS, SHOE_CLASSES[label], count))
    else:
        cloth = {1: _trousers, 8: _bags}[label](random, count)
    _print_patterns(random, cloth, 0.15 if label in (1, 5, 7, 9) else 0.5)
    width, phase, depth = _values(random, count, (5, 14), (0, 14), (0, 0.4))
    folds = depth * np.abs((COLUMN + phase) % width / width - 0.5)
    tone = 255 - _between(random, count, 0, 13.5) ** 2
    grain = _between(random, count, 0.02, 0.10) * random.random(cloth.shape, np.float32)
    return np.rint(tone * cloth * (1 - folds) * (1 - grain)).astype(np.uint8)


def _between(random, count, low, high):
    """Draw one value per image, shaped to be used with the image's pixels."""
    return low + (high - low) * random.random((count, 1, 1), np.float32)


def _values(random, count, *limits):
    """Draw as many values per image as there are pairs of limits."""
    return [_between(random, count, low, high) for low, high in limits]


def _pick(random, kinds, shares, count):
    """Draw for each image a kind by its share, then a value between each of its limits."""
    ranges = np.array([kinds[kind] for kind in shares], np.float32)
    chosen = ranges[random.choice(len(shares), count, p=list(shares.values()))]
    return _values(random, count, *chosen.transpose(2, 1, 0)[..., None, None])


def _cover(depth):
    """Turn the depth inside an outline, in pixels, into the covered part of a pixel."""
    return np.clip(depth + np.float32(0.5), 0, 1)


def _along(positions, knots, values):
    """Interpolate each image's ``values`` at ``knots`` linearly at ``positions``."""
    weights = [np.interp(positions, knots, unit) for unit in np.eye(len(knots))]
    return sum(v * w.astype(np.float32) for v, w in zip(values, weights, strict=True))


def _from_axis(random, count):
    """Distance of each pixel from the garment's slightly shifted and leaning axis."""
    shift, lean = _values(random, count, (-0.8, 0.8), (-0.04, 0.04))
    return np.abs(COLUMN - 13.5 - shift - lean * (ROW - 13.5))


def _tops(random, values):
    """Draw what the upper body wears: body, arms, neck, perhaps a front line and a collar."""
    shoulder, waist, hem, sleeve, cuff, neck, depth, opening, collar = values
    count = len(shoulder)
    aside = _from_axis(random, count)
    inside = _along(ROW, [0, 2.5, 13, 27], [neck + 1.5, shoulder, waist, hem]) - aside
    body = _cover(inside) * _cover(_between(random, count, 25.5, 28) - ROW)
    # An arm is all that is near the line from shoulder to cuff; ``aside`` mirrors it.
    start_x, start_y = shoulder - cuff * 0.9, 1 + cuff
    along_x = sleeve * _between(random, count, 0.5, 3.5) + 2.5
    along_y = sleeve * (25 - cuff - start_y)
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
    hip, knee, ankle = _values(random, count, (4.4, 7), (3.8, 6.5), (3.4, 7))
    crotch, gap = _values(random, count, (6, 12), (0.5, 3.2))
    outside = _along(ROW, [0, 6, 16, 27], [hip - 0.8, hip, knee, ankle])
    half_gap = gap * np.minimum((ROW - crotch) / (27 - crotch) + 0.2, 1)
    between_legs = _cover(half_gap - aside) * (crotch < ROW)
    belt = 0.3 * _cover(0.8 - np.abs(ROW - 2))
    return _cover(outside - aside) * (1 - between_legs) * (1 - belt)


def _shoes(random, values):
    """Draw a shoe from its side, toe on the left: sole, heel, an upper, closed or of straps."""
    toe, instep, collar, shaft, heel, sole, heel_start, open_part = values
    count = len(toe)
    tall = np.maximum(np.maximum(instep, collar), shaft) + heel + sole
    ground = 13.5 + np.minimum(tall / 2, 13.5)
    above_bed = ground - sole - heel * _along(COLUMN, [0, 8, 20, 27], [0, 0, 1, 1]) - ROW
    heights = [toe * 0.3, toe, (toe + instep) / 2, instep, collar, collar, shaft, shaft * 0.85]
    below_edge = _along(COLUMN, [0, 3, 9, 13, 15, 20, 25, 27], heights) - above_bed
    slant_x, slant_y, phase = _values(random, count, (0.06, 0.14), (-0.1, 0.1), (0, 1))
    straps = (slant_x * COLUMN + slant_y * ROW + phase) % 1 >= open_part
    upper = _cover(below_edge) * _cover(above_bed) * np.maximum(straps, _cover(1 - below_edge))
    laced = (open_part <= 0.1) * (_between(random, count, 0, 1) < 0.6)
    holes = (COLUMN % 2) * (COLUMN > 7) * (COLUMN < 15)
    laces = 0.5 * laced * holes * _cover(1 - np.abs(below_edge - 2))
    # The sole follows the foot bed; behind the heel's start all is filled down to the ground.
    filled = np.maximum(heel_start <= COLUMN, _cover(above_bed + sole))
    under = _cover(-above_bed) * _cover(ground - ROW) * filled
    return np.maximum(upper * (1 - laces), under * _between(random, count, 0.5, 1))


def _bags(random, count):
    """Draw a box, wider or narrower at its top, perhaps with a flap, mostly with a handle."""
    aside = _from_axis(random, count)
    top, bottom, wide, taper = _values(random, count, (3, 12), (23, 28), (9.5, 14), (-3, 1.5))
    fold, reach, lowered = _values(random, count, (0.1, 0.6), (0.35, 0.9), (0, 4))
    thick, with_flap, with_handle = _values(random, count, (0.4, 1.2), (0, 1), (0, 1))
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
    strength, period, phase, size = _values(random, count, (0.15, 0.75), (3, 8), (0, 8), (2, 4))
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


def split_originals() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return scikit-learn's handwritten digits in two disjoint parts, "train" and "test".

    Returns:
        For each part the images, float64 (n, 8, 8), from 0 (paper) to 16 (ink), and the labels,
        int64 (n,), 0 to 9.

    Every fifth original is a test one. Source: https://archive.ics.uci.edu/dataset/80
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
    return [[values[labels == label] for values in measured] for label in range(10)]


def _write_digits(random, ink, centre, length, count):
    """Write ``count`` digits after the enlarged originals of a class, uint8 (count, 28, 28)."""
    chosen = random.integers(0, len(ink), count)
    middle_line, middle_column = centre[chosen].T[..., None, None]
    scale = length[chosen, None, None] / 20
    height, width = _values(random, count, (0.9, 1.1), (0.85, 1.15))
    slant, tilt, bend = _values(random, count, (-0.25, 0.25), (-0.15, 0.15), (-0.012, 0.012))
    down, right = ROW - 13.5, COLUMN - 13.5
    line = middle_line + scale * height * (down + tilt * right)
    column = middle_column + scale * width * (right + slant * down + bend * (down * down - 36))
    # Outside of the enlarged original, its empty margin is repeated.
    line, column = np.rint([line, column]).clip(0, ink.shape[1] - 1).astype(np.intp)
    thin, bright = _values(random, count, (70, 150), (225, 255))
    stroke = np.clip((ink[chosen[:, None, None], line, column] - thin) / 70, 0, 1)
    return np.rint(stroke * bright).astype(np.uint8)


def newswires(seed: int = 0) -> dict[str, np.ndarray]:
    """Write a stand-in for the Reuters newswires (https://keras.io/api/datasets/reuters/).

    Returns:
        ``x_train_tokens`` int32 (n,) and ``x_train_row_splits`` int64 (8983,): newswire i is
        ``tokens[row_splits[i]:row_splits[i + 1]]``; 1 starts it, and ``words[r - 1]`` has id r + 3,
        r = 1 for the most frequent word; ``y_train`` uint8 (8982,), classes 0 to 45; the same three
        for "test" with 2,246 newswires; ``words`` str (about 11,000,), ``class_names`` str (46,).

    A newswire mixes favourite words of its topic, those of a second topic, and words that all
    share; frequencies fall about as 1 / rank (Zipf's law). A favourite often brings the same word
    after it.
    """
    random = np.random.default_rng(seed)
    counts = {"train": REUTERS_TRAIN_COUNTS, "test": REUTERS_TEST_COUNTS}
    all_topics = np.arange(46, dtype=np.uint8)
    labels = {part: random.permutation(np.repeat(all_topics, n)) for part, n in counts.items()}
    topics = np.concatenate(list(labels.values()))
    lengths = np.exp(random.normal(np.log(87), 0.97, len(topics)))
    lengths = np.rint(lengths).clip(9, 2380).astype(np.int64)
    starts = np.append(0, lengths.cumsum())
    words, favourites, partners = _vocabulary(random)
    text = _write(random, topics, lengths, favourites, partners)

    # Ids follow from how often a word was really written, so the words are ranked at the end.
    written = np.bincount(np.delete(text, starts[:-1]), minlength=len(words))
    ranked = np.argsort(-written, kind="stable")
    ids = np.empty(len(words), np.int32)
    ids[ranked] = np.arange(FIRST_WORD, FIRST_WORD + len(words))
    tokens = ids[text]
    tokens[starts[:-1]] = START
    used_words = words[ranked[: np.count_nonzero(written)]]
    arrays = {"words": used_words, "class_names": np.array(REUTERS_CLASS_NAMES)}
    first = 0
    for part, part_labels in labels.items():
        splits = starts[first : first + len(part_labels) + 1]
        first += len(part_labels)
        arrays[f"x_{part}_tokens"] = tokens[splits[0] : splits[-1]]
        arrays |= {f"x_{part}_row_splits": splits - splits[0], f"y_{part}": part_labels}
    return arrays


def _vocabulary(random):
    """Make up words (n,), topics' favourites (46, TOPIC_WORDS) and words' partners (n,)."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    stems = [first + second for first in syllables for second in syllables]
    made_up = [stem + ending for stem in stems for ending in ("", "n", "r", "s", "t")]
    made_up = random.permutation(made_up)[: SHARED_WORDS - len(COMMON)]
    named = [f"{topic}-{noun}" for topic in REUTERS_CLASS_NAMES for noun in NOUNS]
    words = np.array([*COMMON, *made_up, *named], "U24")
    # Favourites are the topic's named words and some that other topics may like as well.
    own = SHARED_WORDS + np.arange(len(named)).reshape(46, -1)
    candidates = np.tile(len(COMMON) + np.arange(TOPIC_WORDS_FROM), (46, 1))
    liked = random.permuted(candidates, axis=1)[:, : TOPIC_WORDS - len(NOUNS)]
    favourites = random.permuted(np.concatenate([own, liked], 1), axis=1)
    return words, favourites, random.integers(len(COMMON), SHARED_WORDS, len(words))


def _write(random, topics, lengths, favourites, partners):
    """Write all newswires one after another: places in the vocabulary, int64 (sum of lengths,)."""
    newswire, count = np.repeat(np.arange(len(topics)), lengths), lengths.sum()
    # Some newswires say about as much about a second topic: they are hard to tell.
    loyalty = random.uniform(0.5, 1, len(topics))[newswire]
    second = random.permutation(topics)
    topic = np.where(random.random(count) < loyalty, topics[newswire], second[newswire])
    on_topic = random.random(count) < random.uniform(0.06, 0.5, len(topics))[newswire]
    favourite = favourites[topic, _zipf(random, TOPIC_WORDS, count)]
    text = np.where(on_topic, favourite, _zipf(random, SHARED_WORDS, count))
    # A favourite mostly brings its partner: a phrase that a convolution can find.
    phrase = np.flatnonzero(on_topic[:-1] & (random.random(count - 1) < 0.6))
    text[phrase + 1] = partners[text[phrase]]
    return text


def _zipf(random, choices, count):
    """Draw numbers from 0 to choices - 1, each less often than the one before it."""
    shares = np.cumsum(1 / (np.arange(choices) + 3.0))
    return np.searchsorted(shares / shares[-1], random.random(count), side="right")
