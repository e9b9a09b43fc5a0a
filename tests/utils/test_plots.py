from base64 import b64decode
from io import BytesIO

import IPython.display
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from utils.plots import image_grid, label_lines, show

mpl.use("agg")


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, each figure with its alternative text."""
    shown = []

    def display(bundle, raw, metadata):
        assert raw
        assert bundle["text/plain"] == repr(plt.gcf())
        shown.append((plt.gcf(), metadata["image/png"]["alt"]))

    monkeypatch.setattr(IPython.display, "display", display)
    yield shown
    plt.close("all")


def test_a_figure_is_shown_once_with_what_it_shows_in_words(shown):
    figure, _ = plt.subplots()
    show(figure, "an empty frame")
    assert shown == [(figure, "an empty frame")]
    assert plt.get_fignums() == []


def test_a_figure_is_stored_small_and_in_its_colors(monkeypatch):
    bundles = []
    monkeypatch.setattr(IPython.display, "display", lambda one, **_: bundles.append(one))
    figure, axis = plt.subplots(figsize=(5, 4), dpi=80, facecolor="white")
    axis.plot([1, 2], color="#D55E00", linewidth=9)
    show(figure, "a line")
    stored = b64decode(bundles[0]["image/png"])
    picture = Image.open(BytesIO(stored)).convert("RGB")
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert (0xD5, 0x5E, 0x00) in [color for _, color in picture.getcolors(10_000)]
    assert len(stored) < 10_000
    assert max(picture.size) < 410


def test_each_label_stands_at_the_end_of_its_line_in_its_color_and_none_touch(shown):
    _, axis = plt.subplots(dpi=80)
    axis.plot([1, 2, 3], [0.0, 5, 10], label="high")
    axis.plot([1, 2, 3], [0.0, 5, 9.9], label="a little lower")
    axis.plot([1, 2, 3], [0.0, 4, np.nan], label="broken off")
    axis.axhline(3)  # has no label
    label_lines(axis)
    lines = {line.get_label(): line for line in axis.get_lines()}
    texts = {text.get_text(): text for text in axis.texts}
    assert list(texts) == ["broken off", "a little lower", "high"]
    assert [tuple(text.xy) for text in axis.texts] == [(2, 4), (3, 9.9), (3, 10)]
    assert all(text.get_color() == lines[name].get_color() for name, text in texts.items())
    boxes = [texts[name].get_window_extent() for name in ("a little lower", "high")]
    assert boxes[0].y1 <= boxes[1].y0


def test_each_image_stands_below_its_title_and_empty_places_are_blank(shown):
    images = np.arange(7 * 4).reshape(7, 2, 2)
    image_grid(images, [f"image {number}" for number in range(7)], columns=3)
    ((figure, _),) = shown
    axes = figure.axes
    assert [axis.get_title() for axis in axes] == [f"image {number}" for number in range(7)] + [
        "",
        "",
    ]
    assert all(
        np.array_equal(axis.images[0].get_array(), image)
        for axis, image in zip(axes, images, strict=False)
    )
    assert not any(axis.axison for axis in axes)


def test_images_are_described_by_their_titles_unless_something_better_is_said(shown):
    images = np.zeros((2, 2, 2))
    image_grid(images, ["bag\n98 %", "coat"])
    image_grid(images, ["bag", "coat"], description="a bag and a coat")
    assert [text for _, text in shown] == ["Images: bag, 98 %; coat", "a bag and a coat"]


@pytest.mark.parametrize(("images", "titles"), [(2, 3), (3, 2), (0, 0)])
def test_titles_that_do_not_fit_the_images_are_refused(images, titles):
    with pytest.raises(ValueError, match=f"{images} images and {titles} titles"):
        image_grid(np.zeros((images, 2, 2)), ["title"] * titles)
