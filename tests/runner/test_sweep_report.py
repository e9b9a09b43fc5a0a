"""The report of a sweep, from results made by hand."""

import re
from pathlib import Path

import pandas as pd
import pytest
from helpers import HOLDS, write_lesson

from runner.lessons import find_lessons
from runner.plots import MOST_LINES, draw, draw_curves
from runner.report import Result, Status
from runner.sweep_report import write_sweep_report

PARAMETERS = """units: int = 4  # units [1 to 100]
rate: float = 0.5  # step size [0 to 1]
kind: str = "b"  # kind [a | b | c]
wide: bool = False  # whether
seed: int = 0  # start [0 to 9]"""


@pytest.fixture
def lesson(tmp_path):
    write_lesson(tmp_path, "01_tiny", [HOLDS], PARAMETERS)
    return find_lessons(tmp_path)[0]


def words(svg):
    """The texts of a picture, in the order in which they are drawn."""
    return [text.strip() for text in re.findall(r">([^<>]+)</t(?:ext|span)>", svg.decode())]


def table(name, **columns):
    return pd.DataFrame({f"parameter.{key}": values for key, values in columns.items()}).assign(
        **{f"record.{name}": [0.25, 0.75, 0.5][: len(next(iter(columns.values())))]}
    )


def test_two_axes_make_a_heat_map_with_the_spread_of_repeats_and_gaps():
    rows = table("accuracy", units=[20, 20, 5], kind=["b", "b", "a"])
    found = words(draw(rows, {"units": [20, 5], "kind": ["b", "a"]}, "accuracy"))
    assert {"0.5", "± 0.35 (2 runs)", "units", "kind", "accuracy"} <= set(found)
    assert found.index("b") < found.index("a")  # words as they were given
    assert found.index("5") < found.index("20")  # numbers in their order
    assert not any("nan" in text for text in found)


@pytest.mark.parametrize(
    ("columns", "axes"),
    [
        ({"rate": [0.1, 0.2, 0.3]}, {"rate": [0.1, 0.2, 0.3]}),
        ({"kind": ["a", "c", "c"]}, {"kind": ["a", "c"]}),
        ({"wide": [True, False, True]}, {"wide": [True, False]}),
        ({"seed": [3, 4, 5]}, {"seed": [3, 4, 5]}),
    ],
)
def test_one_axis_makes_a_line_with_a_dot_a_run(columns, axes):
    svg = draw(table("loss", **columns), axes, "loss")
    assert {"loss", *axes} <= set(words(svg))
    assert svg.count(b"<use ") >= 3


def test_more_axes_make_a_line_for_each_combination():
    columns = {"units": [1, 2, 3], "kind": ["a", "b", "a"], "wide": [True, True, False]}
    axes = {"kind": ["a", "b"], "units": [1, 2, 3], "wide": [True, False]}
    found = words(draw(table("loss", **columns), axes, "loss"))
    assert {"units", "kind=a wide=False", "kind=a wide=True", "kind=b wide=True"} <= set(found)


def test_lines_that_nobody_could_tell_apart_are_counted_instead():
    many = range(MOST_LINES + 3)
    rows = pd.DataFrame(
        [
            {"parameter.a": a, "parameter.b": 1, "parameter.c": c, "record.x": c}
            for a in many
            for c in (1, *many)
        ]
    )
    axes = {"a": list(many), "b": [1], "c": [*many, 99]}
    assert "3 more combinations are in the table" in words(draw(rows, axes, "x"))


def test_learning_curves_lie_over_each_other_and_repeats_share_a_color():
    curves = [("units=5", [0.5, 0.75]), ("units=5", [0.25]), ("units=20", [0.125, "nan", 0.5])]
    svg = draw_curves(curves, "accuracy_by_epoch")
    found = words(svg)
    assert {"epoch", "accuracy_by_epoch"} <= set(found)
    assert [text for text in found if text.startswith("units")] == ["units=5", "units=20"]
    lines = re.findall(
        rb'<g id="line2d_\d+">\s*<path d="[^"]*" clip-path[^>]*stroke: (#\w+)', svg
    )
    first, second, third = [color for color in lines if color != b"#b0b0b0"]  # the grid's
    assert first == second != third


def test_curves_of_too_many_points_are_counted():
    curves = [(f"units={units}", [0, 1]) for units in range(MOST_LINES + 2)]
    assert "2 more combinations are in the table" in words(draw_curves(curves, "accuracy"))


def test_a_curve_is_drawn_and_kept_in_the_table(lesson, tmp_path):
    results = [
        Result(lesson, {"units": 1, "seed": 1}, Status.OK, records={"x": [0.5, 0.25]}),
        Result(lesson, {"units": 2, "seed": 1}, Status.OK, records={"loss": 0.5}),
        Result(lesson, {"units": 3, "seed": 1}, Status.TIME_LIMIT, records={"x": [9.5]}),
    ]
    write_sweep_report(tmp_path, [(one, tmp_path / "001") for one in results])
    page = (tmp_path / "index.html").read_text()
    assert re.findall('<details( open)?><summary>(.*?)</summary><img alt="(.*?)"', page) == [
        (" open", "loss", "loss over units"),
        (" open", "x", "x, a line a run"),
    ]
    assert pd.read_csv(tmp_path / "results.csv")["record.x"].tolist()[0] == "[0.5, 0.25]"


def test_the_page_shows_what_went_wrong_and_draws_what_was_measured(lesson, tmp_path):
    good = Result(lesson, {"rate": 0.1, "units": 9}, Status.OK, 1.25, records={"loss": 1.5})
    bad = Result(lesson, {"rate": 0.2, "units": 9}, Status.TIME_LIMIT, 9.0, "<b> ended")
    never = Result(lesson, {"rate": 0.3, "units": 9})
    runs = [(result, tmp_path / f"00{n}") for n, result in enumerate((good, bad, never), 1)]
    (tmp_path / "001").mkdir()
    (tmp_path / "001/01_tiny.ipynb").touch()  # its page failed: the notebook is linked
    write_sweep_report(tmp_path, runs)
    page = (tmp_path / "index.html").read_text()
    assert ": 1 ok, 1 time limit, 1 not run. Alike in all runs: units=9." in page
    assert '<a href="001/01_tiny.ipynb">001</a>' in page
    assert "<li>&lt;b&gt; ended <small>(002)</small></li>" in page
    assert page.count('<img alt="loss over rate" src="data:image/svg+xml;base64,') == 1
    lines = (tmp_path / "results.csv").read_text().splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["001", "01_tiny", "ok"],
        ["002", "01_tiny", "time limit"],
        ["003", "01_tiny", "not run"],
    ]


def test_what_went_wrong_in_several_runs_is_told_once(lesson, tmp_path):
    claims = [{"text": "5 > 4", "holds": False}, {"text": "kept", "holds": True}]
    runs = [
        (Result(lesson, {"units": n}, Status.CLAIM_FAILED, claims=claims), tmp_path / f"00{n}")
        for n in (1, 2)
    ]
    write_sweep_report(tmp_path, runs)
    page = (tmp_path / "index.html").read_text()
    assert re.findall("<li>.*</li>", page) == ["<li>✗ 5 &gt; 4 <small>(001, 002)</small></li>"]


@pytest.mark.parametrize("value", ["inf", True, "text"])
def test_a_figure_that_is_no_number_does_not_stop_the_report(lesson, tmp_path, value):
    runs = [
        (
            Result(lesson, {"units": units}, Status.OK, records={"x": x}),
            Path(tmp_path / str(units)),
        )
        for units, x in ((1, value), (2, 0.5))
    ]
    write_sweep_report(tmp_path, runs)
    assert f'<td data-value="{value}">{value}</td>' in (tmp_path / "index.html").read_text()


def test_before_anything_is_measured_there_is_a_table_and_no_picture(lesson, tmp_path):
    write_sweep_report(tmp_path, [(Result(lesson, {"seed": 1}), tmp_path / "001")])
    page = (tmp_path / "index.html").read_text()
    assert '<td data-value="not run">' in page
    assert "<img" not in page
