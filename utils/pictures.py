"""Read a folder of pictures that people put there: what can't be read is named, the rest is read."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from utils.errors import InputError

FORMATS = ("PNG", "JPEG", "BMP")  # the only readers of Pillow that are tried
MAX_PIXELS = 50_000_000  # more than a phone's camera makes
LONGEST_SIDE = 1000  # what is larger is made smaller, after it was decoded
MAX_BYTES = 20_000_000
MIN_CONTRAST = 32  # of 255: what differs by less is taken for empty paper
# what Pillow and the libraries below it raise for a damaged file
DAMAGED = (
    *(ArithmeticError, EOFError, LookupError, MemoryError, OSError, RuntimeError, SyntaxError),
    *(TypeError, ValueError, struct.error, zlib.error),
)
NOT_PICTURES = {".md", ".py"}  # the folder's README and the script that drew its pictures


class _RefusalError(Exception):
    """Why a file is not read: the end of a sentence that starts with its name."""


def read_pictures(folder: Path) -> tuple[list[tuple[str, np.ndarray]], list[str]]:
    """Read every picture of a folder, in the order of their names.

    Hidden files, folders, ``.md`` and ``.py`` are passed over. Sizes are checked before anything
    is decoded, so that a small file can't unfold into an image that fills the memory.

    Returns:
        The pictures, each with its file name and an array uint8 (height, width, 3) of red, green
        and blue, no side above 1,000; and a line for each file that can't be used, with its name and the reason.

    Raises:
        InputError: if there is no such folder, or no picture in it that can be read.
    """
    folder = Path(folder)
    try:
        paths = sorted(path for path in folder.iterdir() if _may_be_picture(path))
    except OSError as error:
        raise InputError(f"{folder}: not a folder to read ({error.strerror})") from None
    if not paths:
        raise InputError(f"{folder}: there is no picture in it; put PNG or JPEG files there")
    pictures, refusals = [], []
    for path in paths:
        name = path.name if path.name.isprintable() else ascii(path.name)
        try:
            pictures.append((name, _read(path)))
        except _RefusalError as reason:
            refusals.append(f"{name} {reason}")
    if not pictures:
        raise InputError(f"{folder}: no picture in it can be read; {refusals[0]}")
    return pictures, refusals


def _may_be_picture(path: Path) -> bool:
    return not (path.name[0] == "." or path.suffix.lower() in NOT_PICTURES or path.is_dir())


def _read(path: Path) -> np.ndarray:
    if not path.is_file():
        raise _RefusalError("is not a file")  # a link that leads nowhere, a pipe
    try:
        size = path.stat().st_size
        if size == 0:
            raise _RefusalError("is empty")
        if size > MAX_BYTES:
            raise _RefusalError(f"is too large: {size:,} bytes; {MAX_BYTES:,} are allowed")
        with warnings.catch_warnings():  # of what Pillow finds large or odd, we judge ourselves
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                return _decode(image)
    except UnidentifiedImageError:
        kinds = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise _RefusalError(f"is not an image in the format {kinds}") from None
    except Image.DecompressionBombError:
        raise _RefusalError(f"is too large: more than {MAX_PIXELS:,} pixels") from None
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or "damaged or cut off"
        raise _RefusalError(f"can't be read ({reason})") from None


def _decode(image: Image.Image) -> np.ndarray:
    """Check what the file's header tells, then decode its pixels."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _RefusalError(
            f"is too large: {width * height:,} pixels; {MAX_PIXELS:,} are allowed"
        )
    if image.has_transparency_data:
        raise _RefusalError("has an alpha channel (transparency): save it without")
    if image.mode not in ("1", "L", "P", "RGB", "CMYK"):
        raise _RefusalError(f"has pixels of a kind that is not read here ({image.mode})")
    upright = ImageOps.exif_transpose(image)  # cameras store how they were held
    colours = upright.convert("RGB")
    colours.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    pixels = np.asarray(colours)
    if np.ptp(pixels, axis=(0, 1)).max() < MIN_CONTRAST:
        raise _RefusalError("shows nothing: all of it has almost the same colour")
    return pixels
