"""Draw the pictures of this folder: digits as a pen would write them, on papers of all kinds.

`python data/digits/make_digits.py` writes them here, or into the folder that is named after it.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

FINE = 4  # drawn so many times as large, then reduced: smooth edges

# The strokes of each digit through these points, x to the right and y down, in a box of 1 by 1.
STROKES = {
    0: [[(0.5, 0), (0.2, 0.12), (0.06, 0.5), (0.2, 0.88), (0.5, 1), (0.8, 0.88), (0.94, 0.5),
         (0.8, 0.12), (0.5, 0)]],
    1: [[(0.58, 0), (0.54, 0.35), (0.49, 0.7), (0.45, 1)]],
    2: [[(0.12, 0.24), (0.25, 0.06), (0.52, 0), (0.8, 0.09), (0.86, 0.3), (0.7, 0.54),
         (0.4, 0.78), (0.08, 0.98)], [(0.08, 0.98), (0.5, 0.97), (0.95, 0.95)]],
    3: [[(0.14, 0.1), (0.4, 0), (0.72, 0.05), (0.84, 0.22), (0.72, 0.4), (0.42, 0.48)],
        [(0.42, 0.48), (0.75, 0.54), (0.9, 0.74), (0.76, 0.93), (0.42, 1), (0.1, 0.9)]],
    4: [[(0.5, 0), (0.25, 0.3), (0.02, 0.62), (0.45, 0.63), (0.98, 0.6)],
        [(0.72, 0.3), (0.7, 0.6), (0.66, 1)]],
    5: [[(0.86, 0), (0.55, 0.01), (0.24, 0.02)], [(0.24, 0.02), (0.2, 0.2), (0.16, 0.42)],
        [(0.16, 0.42), (0.45, 0.37), (0.76, 0.46), (0.86, 0.68), (0.72, 0.9), (0.4, 1),
         (0.1, 0.9)]],
    6: [[(0.7, 0), (0.42, 0.2), (0.2, 0.5), (0.16, 0.78), (0.34, 0.97), (0.6, 0.98),
         (0.8, 0.82), (0.74, 0.61), (0.5, 0.55), (0.27, 0.64), (0.17, 0.78)]],
    7: [[(0.1, 0.06), (0.45, 0.05), (0.88, 0.03)],
        [(0.88, 0.03), (0.72, 0.3), (0.56, 0.62), (0.44, 1)]],
    8: [[(0.76, 0.12), (0.5, 0), (0.24, 0.1), (0.24, 0.3), (0.5, 0.46), (0.76, 0.64),
         (0.8, 0.87), (0.5, 1), (0.2, 0.87), (0.24, 0.64), (0.5, 0.46), (0.76, 0.3),
         (0.76, 0.12)]],
    9: [[(0.8, 0.16), (0.56, 0.01), (0.28, 0.1), (0.18, 0.3), (0.34, 0.47), (0.6, 0.44),
         (0.8, 0.2)], [(0.8, 0.16), (0.78, 0.45), (0.74, 0.72), (0.68, 1)]],
}  # fmt: skip

# name: size of the picture, box of the digit (left, top, right, bottom), width of the pen, ink,
# paper; where two papers are given the upper left corner has the first, the lower right the other
PICTURES = {
    "0_black_on_white": ((90, 120), (22, 25, 68, 95), 8, "black", "white"),
    "1_blue_ink": ((90, 120), (25, 30, 65, 100), 7, "#1a3a9c", "#fdfdf6"),
    "2_white_on_black": ((100, 100), (22, 15, 72, 85), 9, "white", "black"),
    "3_blue_on_yellow": ((90, 120), (28, 35, 72, 105), 8, "#2040c0", "#ffe860"),
    "4_chalk_on_green": ((140, 110), (75, 12, 120, 76), 7, "#f0f0e8", "#1f5a3c"),
    "5_red_in_the_corner": ((120, 160), (60, 88, 104, 148), 7, "#c02020", "#fafafa"),
    "6_thick_marker": ((90, 120), (18, 20, 72, 100), 14, "#202020", "#e8e8e8"),
    "7_pencil": ((110, 140), (20, 40, 70, 118), 6, "#606060", "#f4f4f4"),
    "8_on_shaded_paper": ((120, 120), (40, 22, 84, 96), 8, "#101030", "#ffffff", "#bcbcb4"),
    "9_white_on_blue": ((90, 120), (20, 22, 66, 92), 8, "#ffffff", "#2050a0"),
    "2_small_and_high": ((160, 120), (20, 12, 46, 50), 5, "#303030", "#ffffff"),
    "3_on_a_long_strip": ((60, 200), (12, 110, 46, 164), 6, "#5a2a0a", "#e6d2b0"),
    "5_green_on_pink": ((200, 160), (95, 40, 155, 128), 11, "#0a6a2a", "#ffc8d8"),
    "6_low_and_wide": ((180, 90), (112, 18, 152, 78), 7, "black", "#d8ecff"),
    "8_orange_on_violet": ((130, 150), (24, 20, 76, 104), 10, "#ffb020", "#3a1060"),
    "9_brown_on_white": ((90, 120), (30, 38, 70, 104), 6, "#6a3a12", "white"),
}  # fmt: skip


def main(folder: Path = Path(__file__).parent) -> None:
    """Write every picture into the folder."""
    for name, description in PICTURES.items():
        draw(int(name[0]), *description).save(folder / f"{name}.png", optimize=True)


def draw(digit: int, size, box, pen: int, ink: str, *papers: str) -> Image.Image:
    """Return one picture, RGB: the strokes in ink, with round ends, on one paper or between two."""
    fine_size = [FINE * side for side in size]
    mask = Image.new("L", fine_size)
    pencil = ImageDraw.Draw(mask)
    left, top, right, bottom = box
    for stroke in STROKES[digit]:
        for x, y in curve(stroke):
            x, y = left + x * (right - left), top + y * (bottom - top)
            corners = [x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2]
            pencil.ellipse([FINE * corner for corner in corners], fill=255)
    mask = mask.resize(size, Image.Resampling.BOX)
    return Image.composite(Image.new("RGB", size, ink), shade(size, *papers), mask)


def shade(size, first: str, last: str | None = None) -> Image.Image:
    """Return the paper: one colour, or evenly from the first to the last along the diagonal."""
    paper = Image.new("RGB", size, first)
    if last is None:
        return paper
    slope = Image.linear_gradient("L").resize(size)
    across = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.composite(Image.new("RGB", size, last), paper, Image.blend(slope, across, 0.5))


def curve(points, steps: int = 60):
    """Yield points of a smooth line through the given ones (a Catmull-Rom spline)."""
    ends = [points[-2] if points[0] == points[-1] else points[0]]
    ends += [points[1] if points[0] == points[-1] else points[-1]]
    around = [ends[0], *points, ends[1]]
    for before, start, end, after in zip(
        around, around[1:], around[2:], around[3:], strict=False
    ):
        for step in range(steps + 1):
            t = step / steps
            yield tuple(
                (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                 + (3 * b - a - 3 * c + d) * t**3) / 2
                for a, b, c, d in zip(before, start, end, after, strict=True)
            )  # fmt: skip


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
