"""A stand-in for the Reuters newswires (https://keras.io/api/datasets/reuters/), made by code."""

import numpy as np

# fmt: off
# How many newswires of each topic there are to train with and to test.
TOPICS = {
    "cocoa": (55, 12), "grain": (432, 105), "veg-oil": (74, 20), "earn": (3159, 813), "acq": (1949, 474),
    "wheat": (17, 5), "copper": (48, 14), "housing": (16, 3), "money-supply": (139, 38), "coffee": (101, 25),
    "sugar": (124, 30), "trade": (390, 83), "reserves": (49, 13), "ship": (172, 37), "cotton": (26, 2),
    "carcass": (20, 9), "crude": (444, 99), "nat-gas": (39, 12), "cpi": (66, 20), "money-fx": (549, 133),
    "interest": (269, 70), "gnp": (100, 27), "meal-feed": (15, 7), "alum": (41, 12), "oilseed": (62, 19),
    "gold": (92, 31), "tin": (24, 8), "strategic-metal": (15, 4), "livestock": (48, 10), "retail": (19, 4),
    "ipi": (45, 12), "iron-steel": (39, 13), "rubber": (32, 10), "heat": (11, 5), "jobs": (50, 7), "lei": (10, 6),
    "bop": (49, 11), "zinc": (19, 2), "orange": (19, 3), "pet-chem": (24, 5), "dlr": (36, 10), "gas": (30, 8),
    "silver": (13, 3), "wpi": (21, 6), "hog": (12, 5), "lead": (18, 1),
}
# The most frequent words; what a topic's own words are made of: "cocoa-price".
COMMON = [
    "the", "of", "to", "in", "said", "and", "a", "mln", "for", "dlrs", "it", "pct", "on", "from", "is", "that",
    "its", "by", "at", "year", "be", "with", "will", "was", "has", "billion", "would", "an", "as", "company",
    "not", "this", "which", "are", "u.s.", "1987", "1986", "were", "but", "have", "new", "or", "bank", "market",
    "up", "last", "after", "march", "april",
]
NOUNS = ["price", "export", "output", "stocks", "demand", "talks", "report", "board", "sales", "tariff",
         "quota", "dealers"]
# fmt: on
SHARED_WORDS = 10_400  # common and made-up words, which any newswire may use
TOPIC_WORDS = 60  # favourite words of a topic, its named ones among them
TOPIC_WORDS_FROM = 600  # the other favourites are among so many words: topics overlap
START, FIRST_WORD = 1, 4  # Keras's ids: 1 starts a newswire, 4 is the most frequent word


def draw(seed: int = 0) -> dict[str, np.ndarray]:
    """Write newswires in the layout that data/README.md describes, of about 11,000 words.

    A newswire mixes favourite words of its topic, those of a second topic, and words that all
    share; frequencies fall about as 1 / rank (Zipf's law). A favourite often brings the same word
    after it.
    """
    random = np.random.default_rng(seed)
    counts, all_topics = np.array(list(TOPICS.values())), np.arange(len(TOPICS), dtype=np.uint8)
    y_train, y_test = (random.permutation(np.repeat(all_topics, n)) for n in counts.T)
    topics = np.concatenate([y_train, y_test])
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
    words = words[ranked[: np.count_nonzero(written)]]
    arrays = {"words": words, "class_names": np.array(list(TOPICS))}
    first_test = len(y_train)
    for part, splits in (("train", starts[: first_test + 1]), ("test", starts[first_test:])):
        arrays[f"x_{part}_tokens"] = tokens[splits[0] : splits[-1]]
        arrays[f"x_{part}_row_splits"] = splits - splits[0]
    return arrays | {"y_train": y_train, "y_test": y_test}


def _vocabulary(random):
    """Make up words (n,), topics' favourites (46, TOPIC_WORDS) and words' partners (n,)."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    stems = [first + second for first in syllables for second in syllables]
    made_up = [stem + ending for stem in stems for ending in ("", "n", "r", "s", "t")]
    made_up = random.permutation(made_up)[: SHARED_WORDS - len(COMMON)]
    named = [f"{topic}-{noun}" for topic in TOPICS for noun in NOUNS]
    words = np.array([*COMMON, *made_up, *named], "U24")
    # Favourites are the topic's named words and some that other topics may like as well.
    own = SHARED_WORDS + np.arange(len(named)).reshape(len(TOPICS), -1)
    candidates = np.tile(len(COMMON) + np.arange(TOPIC_WORDS_FROM), (len(TOPICS), 1))
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
