"""The stand-ins have the real sets' layout and statistics, and leave something to learn."""

import time

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier

from utils.data import STAND_INS

GARMENTS, DIGITS = STAND_INS["fashion_mnist"], STAND_INS["mnist"]
NEWSWIRES = STAND_INS["reuters"]


def in_time(draw):
    """A full set has to be there in 20 seconds, on two cores."""
    started = time.monotonic()
    arrays = draw()
    assert time.monotonic() - started < 20
    return arrays


@pytest.fixture(scope="module")
def garments():
    return in_time(GARMENTS.draw)


@pytest.fixture(scope="module")
def digits():
    return in_time(DIGITS.draw)


@pytest.fixture(scope="module")
def newswires():
    return in_time(NEWSWIRES.draw)


@pytest.fixture
def draw_small(monkeypatch):
    """Draw 30 images of each class in place of 6,000."""
    for module in (GARMENTS, DIGITS):
        monkeypatch.setattr(module, "COUNTS", {"train": [30] * 10, "test": [30] * 10})
    modules = {"garments": GARMENTS, "digits": DIGITS, "newswires": NEWSWIRES}
    return lambda name, seed: modules[name].draw(seed)


def layout(arrays):
    return {name: (values.dtype.str, values.shape) for name, values in arrays.items()}


@pytest.mark.parametrize("name", ["garments", "digits"])
def test_images_have_the_layout_of_the_real_ones(name, request):
    assert layout(request.getfixturevalue(name)) == {
        "x_train": ("|u1", (60000, 28, 28)),
        "y_train": ("|u1", (60000,)),
        "x_test": ("|u1", (10000, 28, 28)),
        "y_test": ("|u1", (10000,)),
    }


def test_newswires_have_the_layout_of_the_real_ones(newswires):
    found = layout(newswires)
    assert found.pop("words") == ("<U24", newswires["words"].shape)
    assert found == {
        "class_names": ("<U15", (46,)),
        "x_train_tokens": ("<i4", (newswires["x_train_row_splits"][-1],)),
        "x_train_row_splits": ("<i8", (8983,)),
        "y_train": ("|u1", (8982,)),
        "x_test_tokens": ("<i4", (newswires["x_test_row_splits"][-1],)),
        "x_test_row_splits": ("<i8", (2247,)),
        "y_test": ("|u1", (2246,)),
    }
    assert newswires["class_names"][[0, 3, 45]].tolist() == ["cocoa", "earn", "lead"]


def test_class_counts_are_the_real_ones(garments, digits, newswires):
    assert np.bincount(garments["y_train"]).tolist() == [6000] * 10
    assert np.bincount(garments["y_test"]).tolist() == [1000] * 10
    train, test = np.bincount(digits["y_train"]), np.bincount(digits["y_test"])
    assert train.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    train, test = np.bincount(newswires["y_train"]), np.bincount(newswires["y_test"])
    assert train[[0, 1, 3, 4, 19, 35, 45]].tolist() == [55, 432, 3159, 1949, 549, 10, 18]
    assert test[[0, 1, 3, 4, 19, 35, 45]].tolist() == [12, 105, 813, 474, 133, 6, 1]


@pytest.mark.parametrize("name", ["garments", "digits", "newswires"])
def test_the_first_5000_hold_all_classes_in_their_shares(name, request):
    labels = request.getfixturevalue(name)["y_train"]
    expected = np.bincount(labels) * 5000 / len(labels)
    first = np.bincount(labels[:5000], minlength=len(expected))
    assert first.min() > 0
    assert (np.abs(first - expected) < 4.5 * np.sqrt(expected) + 1).all()


@pytest.mark.parametrize("name", ["garments", "digits", "newswires"])
def test_a_seed_fixes_every_byte(name, draw_small):
    first, again, other = draw_small(name, 0), draw_small(name, 0), draw_small(name, 1)
    assert list(first) == list(again)
    assert all(first[part].tobytes() == again[part].tobytes() for part in first)
    differing = {part for part in first if first[part].tobytes() != other[part].tobytes()}
    assert differing == set(first) - {"class_names"}


def test_pixel_statistics_are_near_the_real_ones(garments, digits):
    assert garments["x_train"].mean() == pytest.approx(72.94, rel=0.1)
    assert garments["x_train"].std() == pytest.approx(90.02, rel=0.1)
    assert digits["x_train"].mean() == pytest.approx(33.32, rel=0.15)
    assert digits["x_train"].std() == pytest.approx(78.57, rel=0.1)
    for images in (garments["x_train"], digits["x_train"]):
        assert images.min() == 0
        assert images.max() > 240
        assert 0.45 < np.mean(images == 0) < 0.85  # background


def test_garments_are_size_normalised(garments):
    inked = garments["x_train"] > 20
    height, width = inked.any(2).sum(1), inked.any(1).sum(1)
    for label in (0, 1, 2, 3, 4, 6):  # what is worn upright fills the height
        assert np.median(height[garments["y_train"] == label]) >= 25
    for label in (5, 7, 9):  # shoes fill the width
        assert np.median(width[garments["y_train"] == label]) >= 26


def test_digits_are_laid_out_as_in_mnist(digits):
    images = digits["x_train"][:2000]
    weights, places = images.sum((1, 2)), np.arange(28)
    for axis in (1, 2):
        centres = images.sum(axis) @ places / weights
        assert np.abs(centres - 13.5).mean() < 1
    inked = images > 100
    longer = np.maximum(inked.any(1).sum(1), inked.any(2).sum(1))
    assert 18 <= np.median(longer) <= 22


def test_no_handwritten_original_is_used_twice():
    parts = DIGITS.split_originals()
    train, test = ({image.tobytes() for image in images} for images, _ in parts.values())
    assert len(train) + len(test) == 1797
    assert not train & test
    assert all(set(labels) == set(range(10)) for _, labels in parts.values())


def test_each_part_of_the_digits_uses_its_own_originals(draw_small, monkeypatch):
    parts = DIGITS.split_originals()
    images, labels = parts["test"]
    blocks = {"train": parts["train"], "test": (np.full_like(images, 16), labels)}
    before = draw_small("digits", 0)
    monkeypatch.setattr(DIGITS, "split_originals", lambda: blocks)
    after = draw_small("digits", 0)
    assert after["x_train"].tobytes() == before["x_train"].tobytes()
    assert after["x_test"].mean() > 2 * before["x_test"].mean()


@pytest.mark.parametrize("part", ["train", "test"])
def test_newswires_are_encoded_as_keras_does(newswires, part):
    tokens, splits = newswires[f"x_{part}_tokens"], newswires[f"x_{part}_row_splits"]
    assert np.array_equal(np.flatnonzero(tokens == 1), splits[:-1])
    words = tokens[tokens != 1]
    assert words.min() == 4
    assert words.max() <= len(newswires["words"]) + 3


def test_newswire_lengths_are_near_the_real_ones(newswires):
    lengths = np.diff(newswires["x_train_row_splits"])
    assert lengths.min() == 9
    assert 1500 < lengths.max() <= 2380
    assert np.median(lengths) == pytest.approx(87, rel=0.05)
    assert np.quantile(lengths, 0.95) == pytest.approx(438, rel=0.1)


def test_words_are_unique_and_ranked_by_frequency(newswires):
    words = newswires["words"]
    assert len(set(words)) == len(words) > 10000
    tokens = np.concatenate([newswires["x_train_tokens"], newswires["x_test_tokens"]])
    frequencies = np.bincount(tokens)[4:]
    assert len(frequencies) == len(words)
    assert (np.diff(frequencies) <= 0).all()
    assert frequencies[-1] > 0
    # Zipf's law: ten times the rank, about a tenth of the frequency.
    assert 4 < frequencies[100] / frequencies[1000] < 25


def test_word_order_holds_phrases(newswires):
    tokens = newswires["x_train_tokens"]
    named = np.array([word.startswith("earn-") for word in newswires["words"]])
    for word in np.flatnonzero(named) + 4:
        followers = np.bincount(tokens[1:][tokens[:-1] == word])
        assert 0.4 < followers.max() / followers.sum() < 0.8


def test_garments_are_confused_as_the_real_ones_are(garments):
    train, test = (garments[f"x_{part}"].reshape(-1, 784) / 255 for part in ("train", "test"))
    model = LogisticRegression(C=0.01, tol=0.01).fit(train[:6000], garments["y_train"][:6000])
    predicted = model.predict(test[:4000])
    table = confusion_matrix(garments["y_test"][:4000], predicted, normalize="true")
    recall = table.diagonal()
    assert 0.7 < recall.mean() < 0.9
    assert recall.argmin() == 6  # shirts
    assert 0.2 < recall[6] < 0.75
    assert np.delete(recall, 6).min() > 0.65
    assert table[6, [0, 2, 4]].min() > 0.03  # taken for T-shirts, pullovers and coats
    assert table[7, [5, 9]].min() > 0.005  # sneakers taken for sandals and boots
    tops, shoes = [0, 2, 3, 4, 6], [5, 7, 9]
    assert table[np.ix_(tops, shoes)].max() < 0.02


def test_digits_can_be_learned_but_not_perfectly(digits):
    train, test = (digits[f"x_{part}"].reshape(-1, 784) / 255 for part in ("train", "test"))
    model = KNeighborsClassifier(3).fit(train[:5000], digits["y_train"][:5000])
    predicted = model.predict(test[:2000])
    table = confusion_matrix(digits["y_test"][:2000], predicted, normalize="true")
    assert 0.9 < table.diagonal().mean() < 0.995
    assert table.diagonal().min() > 0.8


def test_newswires_can_be_learned_but_not_perfectly(newswires):
    counts = {}
    for part in ("train", "test"):
        tokens, splits = newswires[f"x_{part}_tokens"], newswires[f"x_{part}_row_splits"]
        shape = (len(splits) - 1, len(newswires["words"]) + 4)
        counts[part] = csr_matrix((np.ones(len(tokens)), tokens, splits), shape)
    model = MultinomialNB(alpha=0.1).fit(counts["train"], newswires["y_train"])
    right = model.predict(counts["test"]) == newswires["y_test"]
    assert 0.75 < right.mean() < 0.92
    assert right[newswires["y_test"] > 4].mean() > 0.5  # not the most frequent classes alone
