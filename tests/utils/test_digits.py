"""The pictures that the project drew for lesson 08."""

import runpy

import numpy as np
from PIL import Image

from utils.paths import DATA

DIGITS = DATA / "digits"


def drawn(folder):
    return {path.name: np.asarray(Image.open(path)) for path in folder.glob("*.png")}


def test_they_show_all_ten_digits_and_are_small():
    assert {name[:2] for name in drawn(DIGITS)} >= {f"{digit}_" for digit in range(10)}
    assert sum(path.stat().st_size for path in DIGITS.iterdir()) < 100_000


def test_the_script_draws_the_stored_pictures_again(tmp_path):
    runpy.run_path(str(DIGITS / "make_digits.py"))["main"](tmp_path)
    stored, again = drawn(DIGITS), drawn(tmp_path)
    assert len(again) >= 12
    assert [name for name in again if not np.array_equal(again[name], stored.get(name))] == []
