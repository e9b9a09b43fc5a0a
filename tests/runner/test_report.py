"""The report of a batch, from runs made by hand."""

import base64
import csv
import html
import re

import pytest

from runner.plots import MOST_LINES, Mean, draw, draw_curves
from runner.report import closing_table, order_records, write_report
from runner.result import Run, Status, one_line
from utils.results import in_short

VALUES = {"units": 4, "rate": 0.5, "kind": "b", "wide": "no", "seed": 0}


@pytest.fixture
def run(tmp_path):
    """Make a finished run in a folder of its number, or what else is asked for."""

    def make(number, changes, records=(), status=Status.OK, lesson="01_tiny", **more):
        folder = tmp_path / (number if isinstance(number, str) else f"{number:03d}")
        records, values = dict(records), VALUES | changes
        source = tmp_path / "lessons" / f"{lesson}.ipynb"
        return Run(
            lesson, "Tiny", source, folder, values, changes, status, records=records, **more
        )

    return make


@pytest.fixture
def report(tmp_path):
    """Write a report and return its page."""

    def write(runs, *arguments, **options):
        write_report(tmp_path, "Tiny", runs, *arguments, **options)
        return (tmp_path / "index.html").read_text()

    return write


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table(page, title):
    """The texts of a table's cells, by its heading: rows of columns, the head first."""
    part = page.split(f"<h2>{html.escape(title)}")[1].split("</details>")[0]
    found = [
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        for row in part.split("<tr>")[1:]
    ]
    return [
        [html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in row] for row in found
    ]


def headings(page):
    """The parts of the page: whether each is open, and what it is called."""
    return re.findall("<details( open)?><summary><h2>(.*?)</h2>", page)


def pictures(page):
    return re.findall('<img alt="(.*?)"', page)


def words(svg):
    """The texts of a picture, in the order in which they are drawn."""
    return [text.strip() for text in re.findall(r">([^<>]+)</t(?:ext|span)>", svg.decode())]


def colors(svg):
    """The colors of the lines that are drawn, but for those of the grid."""
    line = rb'<g id="line2d_\d+">\s*<path d="[^"]*" clip-path[^>]*stroke: (#\w+)'
    return [color for color in re.findall(line, svg) if color != b"#b0b0b0"]


# pictures


def test_two_axes_make_a_heat_map_with_the_spread_of_repeats_and_gaps():
    points = [({"units": 20, "kind": "b"}, Mean(0.5, 0.354, 2))]
    points.append(({"units": 5, "kind": "a"}, Mean(0.25, None, 1)))
    found = words(draw(points, {"units": [5, 20], "kind": ["b", "a"]}, "accuracy"))
    assert {"0.5", "± 0.35", "0.25", "units", "kind", "accuracy"} <= set(found)
    assert "mean ± standard deviation of up to 2 runs" in found
    assert found.index("b") < found.index("a")  # words as they were given
    assert found.index("5") < found.index("20")  # numbers in their order
    assert not any("nan" in text for text in found)


def test_a_heat_map_with_many_cells_has_no_text_in_them():
    numbers = list(range(9))
    points = [({"a": a, "b": b}, Mean(0.123, None, 1)) for a in numbers for b in numbers]
    assert "0.123" not in words(draw(points, {"a": numbers, "b": numbers}, "x"))


def test_values_along_a_heat_map_do_not_lie_over_each_other():
    rates, depths = [0.0123456789 * n for n in range(1, 19)], list(range(100, 150))
    points = [({"depth": 100, "rate": rate}, Mean(0.5, None, 1)) for rate in rates]
    svg = draw(points, {"depth": depths, "rate": rates}, "loss")
    assert {"0.01235", "0.2222", "100", "103"} <= set(words(svg))  # in short, each third depth
    assert not {"101", "102"} & set(words(svg))
    assert svg.count(b"rotate(-90") >= len(rates)  # no room for them side by side


@pytest.mark.parametrize(
    ("axis", "values", "is_joined"),
    [
        ("rate", [0.1, 0.2, 0.3], True),
        ("rate", [0.1, 0.2], False),  # two points would look like a law
        ("kind", ["a", "c", "b"], False),
        ("seed", [3, 4, 5], False),
    ],
)
def test_one_axis_makes_a_point_each_and_a_line_where_it_means_something(
    axis, values, is_joined
):
    svg = draw([({axis: value}, Mean(0.5, 0.1, 3)) for value in values], {axis: values}, "loss")
    assert {"loss", axis, "mean ± standard deviation of 3 runs"} <= set(words(svg))
    assert svg.count(b"<use ") >= 3 * len(values)  # a mean, and the two ends of its deviation
    assert len(colors(svg)) == is_joined


def test_one_run_a_point_is_said():
    points = [({"units": units}, Mean(0.5, None, 1)) for units in (1, 2)]
    assert "one run a point" in words(draw(points, {"units": [1, 2]}, "loss"))


def test_more_axes_make_a_line_for_each_combination():
    axes = {"kind": ["a", "b"], "units": [1, 2, 3], "wide": ["no", "yes"]}
    found = [(1, "a", "yes"), (2, "b", "yes"), (3, "a", "no")]
    points = [({"units": u, "kind": k, "wide": w}, Mean(0.5, None, 1)) for u, k, w in found]
    texts = words(draw(points, axes, "loss"))
    assert {"units", "kind=a wide=no", "kind=a wide=yes", "kind=b wide=yes"} <= set(texts)


def test_lines_that_nobody_could_tell_apart_are_counted_instead():
    many = list(range(MOST_LINES + 3))
    points = [({"a": a, "b": 1, "c": c}, Mean(c, None, 1)) for a in many for c in (1.0, 2.0)]
    axes = {"a": many, "b": [1], "c": [*many, 99]}
    assert "3 more combinations are in the table" in words(draw(points, axes, "x"))


def test_learning_curves_lie_over_each_other_and_repeats_share_a_color():
    curves = [
        ("units=5", [0.5, 0.75]),
        ("units=5", [0.25, 1]),
        ("units=20", [0.125, "nan", 0.5]),
    ]
    svg = draw_curves(curves, "accuracy_by_epoch")
    found = words(svg)
    assert {"epoch", "accuracy_by_epoch"} <= set(found)
    assert [text for text in found if text.startswith("units")] == ["units=5", "units=20"]
    first, second, third = colors(svg)[:3]
    assert first == second != third


@pytest.mark.parametrize("value", ["nan", "-inf", "abc", 10**400, 1.5e308, float("nan")])
def test_what_no_axis_holds_is_a_gap_in_a_curve(value):
    assert len(colors(draw_curves([("units=5", [0.5, value, True, 1])], "accuracy"))) == 1
    assert "accuracy" in words(draw_curves([("units=5", [value])], "accuracy"))


def test_a_dollar_in_a_name_begins_no_formula():
    name = r"$\cost$"
    assert name in words(draw_curves([("a", [1, 2])], name))
    for axes in ({name: [1, 2, 3]}, {name: [1], "kind": [name]}):
        point = {axis: values[0] for axis, values in axes.items()}
        assert {name, f"{name} again"} <= set(
            words(draw([(point, Mean(0.5, None, 1))], axes, f"{name} again"))
        )


def test_curves_of_too_many_points_are_counted():
    curves = [(f"units={units}", [0, 1]) for units in range(MOST_LINES + 2)]
    assert "2 more combinations are in the table" in words(draw_curves(curves, "accuracy"))


def test_a_long_name_leaves_room_for_the_curves():
    svg = draw_curves([("kind=" + "x" * 400, [0, 1]), ("kind=b", [0, 1])], "accuracy")
    assert {"kind=" + "x" * 34 + "…", "kind=b"} <= set(words(svg))


def test_a_curve_is_drawn_and_kept_in_the_table(run, report, tmp_path):
    runs = [
        run(1, {"units": 1, "seed": 1}, {"x": [0.5, 0.25], "empty": []}),
        run(2, {"units": 2, "seed": 1}, {"loss": 0.5}),
        run(3, {"units": 3, "seed": 1}, {"x": [9.5], "y": [1]}, Status.TIME_LIMIT),
    ]
    page = report(runs)
    assert pictures(page) == ["loss over units", "x, a line a run"]
    assert (" open", "loss over units") in headings(page)
    assert (" open", "x, a line a run") in headings(page)
    assert rows(tmp_path / "results.csv")[0]["record.x"] == "[0.5, 0.25]"


def test_all_pictures_are_drawn_at_the_end_only_and_the_first_of_a_kind_is_open(run, report):
    records = {"loss": 0.5, "accuracy": 0.5, "x": [1, 2], "y": [1, 2]}
    runs = [run(units, {"units": units}, records) for units in (1, 2)]
    assert pictures(report(runs, final=False)) == ["accuracy over units", "x, a line a run"]
    page = report(runs, "loss")
    texts = ["loss over units", "accuracy over units", "x, a line a run", "y, a line a run"]
    assert pictures(page) == texts
    assert [is_open for is_open, name in headings(page) if name in texts] == [" open", ""] * 2
    picture = base64.b64decode(re.search('base64,([^"]*)', page)[1])
    assert "one run a point" in words(picture)


def test_repeats_of_one_point_are_drawn_over_their_seeds(run, report):
    runs = [run(seed, {"seed": seed}, {"loss": seed / 4}) for seed in (1, 2)]
    page = report(runs)
    assert pictures(page) == ["loss over seed"]
    assert table(page, "Points")[1][-1] == "0.375 ± 0.18"


# tables


def test_the_page_shows_what_went_wrong_and_draws_what_was_measured(run, report, tmp_path):
    runs = [
        run(1, {"rate": 0.1, "units": 9}, {"loss": 1.5}, seconds=1.25),
        run(
            2, {"rate": 0.2, "units": 9}, {}, Status.TIME_LIMIT, seconds=9.0, error="<b> ended"
        ),
        run(3, {"rate": 0.3, "units": 9}, {}, Status.NOT_RUN),
    ]
    (tmp_path / "001").mkdir()
    (tmp_path / "001/01_tiny.ipynb").touch()  # its page failed: the notebook is linked
    page = report(runs)
    assert ": 1 ok, 1 time limit, 1 not run. Alike in all runs: units=9." in page
    assert '<a href="001/01_tiny.ipynb">001</a>' in page
    assert "&lt;b&gt; ended" in page
    assert table(page, "What went wrong")[1:] == [["<b> ended", "002"]]
    assert pictures(page) == ["loss over rate"]
    assert 'src="data:image/svg+xml;base64,' in page
    assert [row[:4] for row in table(page, "All runs")[1:]] == [
        ["001", "ok", "1.2", "0/0"],
        ["002", "time limit", "9.0", "0/0"],
        ["003", "not run", "0.0", "0/0"],
    ]
    found = [
        (row["run"], row["lesson"], row["status"]) for row in rows(tmp_path / "results.csv")
    ]
    assert found == [
        ("001", "01_tiny", "ok"),
        ("002", "01_tiny", "time limit"),
        ("003", "01_tiny", "not run"),
    ]


def test_the_page_needs_no_network_and_is_sorted_by_buttons(run, report, tmp_path):
    (tmp_path / "001").mkdir()
    (tmp_path / "001/01_tiny.html").touch()
    page = report([run(n, {"units": n}, {"loss": n / 3, "x": [1, 2]}) for n in (1, 2)])
    assert "://" not in page
    assert set(re.findall('href="(.*?)"', page)) == {
        *("results.csv", "points.csv", "001/01_tiny.html")
    }
    heads = re.findall("<th .*?</th>", page)
    assert heads
    assert all(re.fullmatch('<th scope="col"><button>.+</button></th>', head) for head in heads)
    assert 'data-value="0.3333333333333333">0.3333</td>' in page  # sorted in full precision


def test_what_went_wrong_in_several_runs_is_told_once(run, report):
    claims = [{"text": "5 > 4", "holds": False}, {"text": "kept", "holds": True}]
    runs = [run(n, {"units": n}, {}, Status.CELL_RAISED, claims=claims) for n in range(1, 13)]
    ((what, names),) = table(report(runs), "What went wrong")[1:]
    assert what == "✗ 5 > 4"
    assert names == f"{', '.join(f'{n:03d}' for n in range(1, 11))} and 2 more"
    measured = report([run(1, {"units": 1}, {}, Status.CLAIM_FAILED, claims=claims)])
    assert "What went wrong" not in measured  # the table of the claims tells it
    assert measured.count("5 &gt; 4") == 1


@pytest.mark.parametrize("value", ["inf", True, "text", 10**400, 1.5e308])
def test_a_record_that_is_no_number_does_not_stop_the_report(run, report, value):
    page = report([run(1, {"units": 1}, {"x": value}), run(2, {"units": 2}, {"x": 0.5})])
    told = one_line(in_short(value))
    assert [row[-1] for row in table(page, "All runs")[1:]] == [told, "0.5"]
    assert [row[-1] for row in table(page, "Points")[1:]] == ["", "0.5"]


def test_what_no_encoding_knows_does_not_stop_the_report(run, report, tmp_path):
    assert "a?b" in report([run(1, {"units": 1}, {"x": "a\ud800b"})])
    assert rows(tmp_path / "results.csv")[0]["record.x"] == "a?b"


def test_before_anything_is_measured_there_is_a_table_and_no_picture(run, report):
    page = report([run(1, {"seed": 1}, {}, Status.NOT_RUN)])
    assert '<td class="not">not run</td>' in page
    assert table(page, "Points")[1][:3] == ["1", "001", "0 of 1"]
    assert "<img" not in page


def test_a_row_a_point_tells_mean_deviation_and_number_in_full_precision(run, report, tmp_path):
    claims = [{"text": "a", "holds": True}, {"text": "b", "holds": True}]
    broken = [{"text": "a", "holds": True}, {"text": "b", "holds": False}]
    runs = [
        run(1, {"units": 1, "seed": 0}, {"loss": 1 / 3, "pixels": 100_000}, claims=claims),
        run(2, {"units": 1, "seed": 1}, {"loss": 2 / 3, "pixels": 100_000}, claims=broken),
        run(3, {"units": 1, "seed": 2}, {"loss": 99}, Status.TIME_LIMIT),
        run(4, {"units": 2, "seed": 0}, {"loss": 0.25}, claims=claims),
    ]
    page = report(runs)
    assert table(page, "Points") == [
        ["number", "units", "runs", "finished", "claims", "loss", "pixels"],
        ["1", "1", "001, 002, 003", "2 of 3", "1/2, 2/2", "0.5 ± 0.24", "100000 ± 0"],
        ["2", "2", "004", "1 of 1", "2/2", "0.25 ★", ""],
    ]
    first, second = rows(tmp_path / "points.csv")
    assert [first[name] for name in ("lesson", "parameter.units", "runs", "finished")] == [
        *("01_tiny", "1", "3", "2")
    ]
    assert "parameter.seed" not in first
    assert (first["loss.mean"], first["loss.n"]) == ("0.5", "2")
    assert float(first["loss.std"]) == pytest.approx(0.5**0.5 / 3, abs=1e-15)
    assert (second["loss.mean"], second["loss.std"], second["pixels.n"]) == ("0.25", "", "")
    assert rows(tmp_path / "results.csv")[0]["record.loss"] == "0.3333333333333333"
    assert rows(tmp_path / "results.csv")[0]["record.pixels"] == "100000"  # no float by the gap


def test_the_best_of_each_record_is_marked_if_there_are_different_ones(run, report):
    records = [{"test_accuracy": 0.5, "test_loss": 0.5, "same": 7, "training_seconds": 2.5}]
    records += [{"test_accuracy": 0.75, "test_loss": 0.25, "same": 7, "training_seconds": 1.5}]
    runs = [run(n, {"units": n}, found) for n, found in enumerate(records, start=1)]
    page = report(runs)
    names = ["test_accuracy", "test_loss", "same", "training_seconds"]
    assert [row[5:] for row in table(page, "Points")] == [
        names,
        ["0.5", "0.5", "7", "2.5"],
        ["0.75 ★", "0.25 ★", "7", "1.5 ★"],
    ]
    assert page.count('class="best" title="best"') == 3
    assert "★" not in "".join(table(report(runs[:1]), "Points")[1])


def test_no_mean_is_the_best_where_neither_more_nor_less_is_better(run, report):
    page = report([run(n, {"units": n}, {"epochs_run": n, "recall": n / 4}) for n in (1, 2)])
    assert [row[5:] for row in table(page, "Points")[1:]] == [["1", "0.25"], ["2", "0.5 ★"]]


def test_claims_stand_against_points_and_those_that_hold_are_folded(run, report):
    def claims(**held):
        return [{"text": text, "holds": holds} for text, holds in held.items()]

    runs = [
        run(1, {"units": 1, "seed": 0}, claims=claims(a=True, b=True, c=True)),
        run(2, {"units": 1, "seed": 1}, claims=claims(a=True, b=False, c=True)),
        run(3, {"units": 1, "seed": 2}, claims=claims(a=True, b=True, c=True)),
        run(4, {"units": 2, "seed": 0}, claims=claims(a=True, b=False)),
        run(5, {"units": 3, "seed": 0}, {}, Status.TIME_LIMIT, claims=claims(a=False)),
    ]
    page = report(runs)
    broken, held = (
        "Claims of 01_tiny that break somewhere: 1",
        "that hold wherever they are made: 2",
    )
    assert table(page, broken) == [["claim", "1", "2", "3"], ["b", "2 of 3", "✗", "—"]]
    assert table(page, f"Claims of 01_tiny {held}")[1:] == [
        ["a", "✓", "✓", "—"],
        ["c", "✓", "—", "—"],
    ]
    assert [(" open", broken), ("", f"Claims of 01_tiny {held}")] == headings(page)[2:4]
    assert '<td class="not">✗</td>' in page


def test_a_claim_made_twice_holds_if_it_did_both_times(run, report):
    claims = [{"text": "a", "holds": holds} for holds in (False, True)]
    page = report([run(1, {"units": 1}, claims=claims)])
    assert table(page, "Claims of 01_tiny that break somewhere: 1")[1] == ["a", "✗"]


def test_all_runs_are_open_only_if_there_are_no_repeats(run, report):
    one, same = run(1, {"units": 1, "seed": 0}), run(2, {"units": 1, "seed": 1})
    other = run(3, {"units": 2, "seed": 0})
    assert headings(report([one, other]))[-1] == (" open", "All runs")
    page = report([one, same])
    assert headings(page)[-1] == ("", "All runs")
    assert table(page, "All runs")[0] == ["run", "status", "seconds", "claims", "data", "seed"]


@pytest.fixture
def course(run):
    """A run of two lessons, each with a parameter and records of its own."""
    first = run(
        "01_tiny", {"units": 9}, {"a": 1, "b": 2.5, "c": 3, "d": 4, "data_source": "real"}
    )
    claims = [{"text": "it holds", "holds": False}]
    more = {"claims": claims, "lesson": "02_small", "seconds": 12.34}
    second = run("02_small", {}, {"e": "x"}, Status.CLAIM_FAILED, **more)
    second.values = {"epochs": 3}
    return [first, second]


def test_the_page_of_a_course_has_a_row_a_lesson_and_records_in_short(course, report, tmp_path):
    course[0].records["accuracy_by_epoch"] = [0.5, 0.75]
    page = report(course)
    assert pictures(page) == []  # curves of several lessons can't be compared
    assert table(page, "Points") == [
        ["number", "runs", "finished", "claims", "records", "changed"],
        ["1", "01_tiny", "1 of 1", "0/0", "a=1 b=2.5 c=3", "units=9"],
        ["2", "02_small", "1 of 1", "0/1", "e=x", ""],
    ]
    assert table(page, "Claims of 02_small that break somewhere: 1") == [
        ["claim", "2"],
        ["it holds", "✗"],
    ]
    first, second = rows(tmp_path / "points.csv")
    assert (first["parameter.epochs"], second["parameter.epochs"]) == ("", "3")


def test_the_closing_table_has_a_row_a_lesson_and_then_what_went_wrong(course):
    assert closing_table(course).splitlines() == [
        "lesson    status        seconds  claims  data  records        changed",
        "01_tiny   ok            0.0      0/0     real  a=1 b=2.5 c=3  units=9",
        "02_small  claim failed  12.3     0/1           e=x",
        "",
        "02_small: ✗ it holds",
    ]
    assert len(closing_table(course[:1]).splitlines()) == 2


def test_the_first_record_is_the_one_asked_for_or_a_telling_one():
    names = ["seconds", "loss", "lesson_01_accuracy", "test_accuracy"]
    assert order_records(names, None)[:2] == ["test_accuracy", "lesson_01_accuracy"]
    assert order_records(names, "loss")[:2] == ["loss", "test_accuracy"]


def test_versions_that_the_runs_were_made_with_are_told_once(run, report):
    runs = [run(n, {"units": n}, versions={"keras": "3.15.1"}) for n in (1, 2)]
    assert "Versions: keras 3.15.1." in report(runs)
    runs[0].versions = {"keras": "3.14.0"}
    assert "Versions: keras 3.14.0, keras 3.15.1." in report(runs)


def test_a_folder_that_refuses_is_an_os_error(run, tmp_path):
    with pytest.raises(OSError, match="No such file"):
        write_report(tmp_path / "gone", "Tiny", [run(1, {})])


def test_a_thousand_runs_make_a_page_of_less_than_two_megabytes(run, report, tmp_path):
    claims = [
        {"text": f"claim number {n} of thirty that holds", "holds": True} for n in range(30)
    ]
    records = {"accuracy": 0.123456789, "loss": 0.2, "c": 3.5, "d": 4, "curve": [1, 2, 3]}
    points = [{"units": n, "seed": seed} for n in range(333) for seed in range(3)]
    runs = [run(n, point, records, claims=claims) for n, point in enumerate(points)]
    for one in runs:
        one.folder.mkdir()
        one.notebook.touch()
    page = report(runs, final=False)
    assert page.count('ipynb">998</a>') == 2
    assert len(page) < 2_000_000
