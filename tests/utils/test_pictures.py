import os
import re
import runpy
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from utils.errors import InputError
from utils.paths import DATA
from utils.pictures import read_pictures

DIGITS = DATA / "digits"


def drawing(mode="RGB", size=(30, 40)):
    image = Image.new("RGB", size, "white")
    image.paste("navy", (10, 5, 15, 35))
    return image.convert(mode)


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def refusal(folder, name):
    """Put a good picture beside the file: it must be read, and the other one named in one line."""
    drawing().save(folder / "zz_good.png")
    pictures, refusals = read_pictures(folder)
    assert [name for name, _ in pictures] == ["zz_good.png"]
    (line,) = refusals
    assert line.startswith(f"{name} ")
    assert "\n" not in line
    return line


def test_pictures_come_as_red_green_and_blue_in_the_order_of_their_names(tmp_path):
    names = [f"{letter}.png" for letter in "abcdefgh"]  # no disk has so many in this order
    for name in reversed(names):
        drawing().save(tmp_path / name)
    drawing("L").save(tmp_path / "a.jpg")
    pictures, refusals = read_pictures(tmp_path)
    assert [name for name, _ in pictures] == ["a.jpg", *names]
    assert {(array.shape, array.dtype.name) for _, array in pictures} == {
        ((40, 30, 3), "uint8")
    }
    assert pictures[1][1][20, 12].tolist() == [0, 0, 128]
    assert refusals == []


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_every_common_kind_of_png_is_read(mode, tmp_path):
    drawing(mode).save(tmp_path / "drawing.png")
    pictures, refusals = read_pictures(tmp_path)
    assert len(pictures) == 1
    assert refusals == []


def test_a_photo_taken_sideways_is_turned_upright(tmp_path):
    orientation = Image.Exif()
    orientation[0x0112] = 6
    drawing().save(tmp_path / "photo.jpg", exif=orientation)
    ((_, array),), _ = read_pictures(tmp_path)
    assert array.shape == (30, 40, 3)


def test_a_large_photo_is_made_smaller(tmp_path):
    drawing().resize((3000, 2000)).save(tmp_path / "photo.jpg")
    ((_, array),), _ = read_pictures(tmp_path)
    assert array.shape == (667, 1000, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"dear diary", "is not an image in the format PNG, JPEG or BMP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
        (png_that_claims(9000, 9000), "81,000,000 pixels; 50,000,000 are allowed"),
        (png_that_claims(60_000, 60_000), "more than 50,000,000 pixels"),
        (png_that_claims(100, 100), "damaged or cut off"),
    ],
    ids=["empty", "text", "postscript", "large", "bomb", "too few pixels"],
)
def test_what_is_no_picture_is_named_and_the_rest_is_read(content, reason, tmp_path):
    (tmp_path / "file.png").write_bytes(content)
    assert reason in refusal(tmp_path, "file.png")


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_a_truncated_file_is_refused(ending, share, tmp_path):
    random = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    Image.fromarray(random).save(tmp_path / f"file.{ending}")
    content = (tmp_path / f"file.{ending}").read_bytes()
    (tmp_path / f"file.{ending}").write_bytes(content[: int(share * len(content))])
    refusal(tmp_path, f"file.{ending}")


def test_any_damage_to_any_byte_is_survived(tmp_path):
    drawing().save(tmp_path / "good.png")
    drawing().save(tmp_path / "file.png")
    content = (tmp_path / "file.png").read_bytes()
    random = np.random.default_rng(0)
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] = random.integers(256)
        (tmp_path / "file.png").write_bytes(damaged)
        pictures, refusals = read_pictures(tmp_path)
        assert len(pictures) + len(refusals) == 2


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_alpha_channel_is_refused(mode, tmp_path):
    drawing(mode).save(tmp_path / "file.png")
    assert "transparency" in refusal(tmp_path, "file.png")


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_is_refused(mode, tmp_path):
    colour = (0, 0, 0) if mode == "RGB" else 0
    drawing(mode).save(tmp_path / "file.png", transparency=colour)
    assert "transparency" in refusal(tmp_path, "file.png")


def test_an_even_area_and_sixteen_bits_are_refused(tmp_path):
    Image.new("RGB", (20, 20), "white").save(tmp_path / "file.png")
    assert "shows nothing" in refusal(tmp_path, "file.png")
    Image.fromarray(np.eye(20, dtype=np.uint16) * 65535).save(tmp_path / "file.png")
    assert "of a kind" in refusal(tmp_path, "file.png")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    drawing().save(tmp_path / "file.png")
    opened = Image.open

    def deny(path, *arguments, **options):
        if path.name == "file.png":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Image, "open", deny)
    assert "Permission denied" in refusal(tmp_path, "file.png")


def test_a_pipe_and_a_link_that_leads_nowhere_are_refused(tmp_path):
    (tmp_path / "file.png").symlink_to(tmp_path / "gone.png")
    assert "is not a file" in refusal(tmp_path, "file.png")
    (tmp_path / "file.png").unlink()
    os.mkfifo(tmp_path / "file.png")
    assert "is not a file" in refusal(tmp_path, "file.png")


def test_a_name_with_a_line_break_stays_in_one_line(tmp_path):
    (tmp_path / "two\nlines.png").write_bytes(b"")
    assert refusal(tmp_path, "'two\\nlines.png'").endswith("is empty")


def test_other_files_of_the_folder_are_passed_over(tmp_path):
    for name in ("README.md", "make.py", ".DS_Store"):
        (tmp_path / name).write_text("text", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="there is no picture in it"):
        read_pictures(tmp_path)


def test_a_folder_in_which_nothing_can_be_read_is_said_in_one_line(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"no picture in it can be read; a\.png is empty"):
        read_pictures(tmp_path)


def test_a_folder_that_is_missing_or_none_is_said_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(InputError, match=re.escape(str(folder))) as caught:
            read_pictures(folder)
        assert "\n" not in str(caught.value)


def test_the_pictures_of_the_project_show_all_ten_digits_and_are_small():
    pictures, refusals = read_pictures(DIGITS)
    assert refusals == []
    assert {name[:2] for name, _ in pictures} >= {f"{digit}_" for digit in range(10)}
    assert sum(path.stat().st_size for path in DIGITS.iterdir()) < 100_000


def test_the_script_draws_the_stored_pictures_again(tmp_path):
    runpy.run_path(str(DIGITS / "make_digits.py"))["main"](tmp_path)
    drawn, _ = read_pictures(tmp_path)
    stored = dict(read_pictures(DIGITS)[0])
    assert len(drawn) >= 12
    assert [name for name, array in drawn if not np.array_equal(array, stored.get(name))] == []
