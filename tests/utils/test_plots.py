import os
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import IPython.display
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from utils import plots
from utils.plots import image_grid, label_lines, show, show_network

mpl.use("agg")


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, each figure with its alternative text."""
    shown, closed, close = [], [], plt.close

    def close_and_keep(figure):
        closed.append(figure)
        close(figure)

    def display(bundle, raw, metadata):
        assert raw
        assert bundle["text/plain"] == repr(closed[-1])
        shown.append((closed[-1], metadata["image/png"]["alt"]))

    monkeypatch.setattr(plots.plt, "close", close_and_keep)
    monkeypatch.setattr(IPython.display, "display", display)
    yield shown
    close("all")


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


@pytest.fixture
def diamond():
    """A network whose input goes two ways, which are joined."""
    import keras

    entry = keras.Input((4,), name="entry")
    short = keras.layers.Dense(2, name="short")(entry)
    long = keras.layers.Dense(3, name="long_2")(keras.layers.Dense(5, name="long_1")(entry))
    joined = keras.layers.Concatenate(name="joined")([short, long])
    return keras.Model(entry, {"end": keras.layers.Dense(1, name="end")(joined)})


@pytest.fixture
def stored(monkeypatch):
    """The bundles and descriptions that were displayed."""
    stored = []
    monkeypatch.setattr(
        IPython.display, "display", lambda one, raw, metadata: stored.append((one, metadata))
    )
    return stored


def a_dot(folder, monkeypatch, script):
    """Put a program of Graphviz's name at the front of the path."""
    dot = folder / "dot"
    dot.write_text(f"#!/bin/sh\n{script}\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_without_graphviz_a_network_is_drawn_from_left_to_right(
    diamond, stored, monkeypatch, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path))  # there is no program in it
    figures, close = [], plt.close
    monkeypatch.setattr(plots.plt, "close", figures.append)
    show_network(diamond, "two ways")
    ((bundle, metadata),) = stored
    assert metadata["image/png"]["alt"] == "two ways"
    assert bundle["text/plain"] == "diagram of 6 layers"
    assert Image.open(BytesIO(b64decode(bundle["image/png"]))).format == "PNG"
    (axis,) = figures[0].axes
    boxes = {t.get_text().split("\n")[0]: t for t in axis.texts if t.get_text()}
    columns = {name: text.get_position()[0] for name, text in boxes.items()}
    wanted = {"entry": 0, "short": 1, "long_1": 1, "long_2": 2, "joined": 3, "end": 4}
    assert columns == wanted
    assert boxes["long_2"].get_text() == "long_2\nDense\n(3,)"
    arrows = sum(not text.get_text() for text in axis.texts)
    assert arrows == 6
    close("all")


@pytest.mark.parametrize("script", ["exit 1", "echo 'no layout engine' >&2\nexit 1", "exit 0"])
def test_a_graphviz_that_does_not_work_costs_nothing(
    diamond, stored, monkeypatch, tmp_path, capsys, script
):
    a_dot(tmp_path, monkeypatch, script)
    show_network(diamond, "two ways")
    ((bundle, _),) = stored
    assert Image.open(BytesIO(b64decode(bundle["image/png"]))).format == "PNG"
    assert capsys.readouterr().out == ""
    assert plt.get_fignums() == []


def test_where_graphviz_works_the_picture_is_that_of_plot_model(
    diamond, stored, monkeypatch, tmp_path
):
    picture = Path(tmp_path) / "picture.png"
    Image.new("RGB", (7, 5), "#D55E00").save(picture)
    a_dot(tmp_path, monkeypatch, f"exec cat '{picture}'")
    show_network(diamond, "two ways")
    ((bundle, _),) = stored
    image = Image.open(BytesIO(b64decode(bundle["image/png"]))).convert("RGB")
    assert (image.size, image.getpixel((0, 0))) == ((7, 5), (0xD5, 0x5E, 0x00))
    assert bundle["text/plain"] == "diagram of 6 layers"


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
    with pytest.raises(ValueError, match=r"argument 2 is (longer|shorter)|rows must be"):
        image_grid(np.zeros((images, 2, 2)), ["title"] * titles)
