import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from utils.plots import image_grid

mpl.use("agg")


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")


def test_each_image_stands_below_its_title_and_empty_places_are_blank():
    images = np.arange(7 * 4).reshape(7, 2, 2)
    image_grid(images, [f"image {number}" for number in range(7)], columns=3)
    axes = plt.gcf().axes
    assert [axis.get_title() for axis in axes] == [f"image {number}" for number in range(7)] + [
        "",
        "",
    ]
    assert all(
        np.array_equal(axis.images[0].get_array(), image)
        for axis, image in zip(axes, images, strict=False)
    )
    assert not any(axis.axison for axis in axes)


@pytest.mark.parametrize(("images", "titles"), [(2, 3), (3, 2), (0, 0)])
def test_titles_that_do_not_fit_the_images_are_refused(images, titles):
    with pytest.raises(ValueError, match=f"{images} images and {titles} titles"):
        image_grid(np.zeros((images, 2, 2)), ["title"] * titles)
