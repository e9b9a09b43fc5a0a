"""What differs between two batches, from runs made by hand and kept as the runner keeps them."""

import re

import pytest

from runner import compare, result
from runner.compare import write_comparison
from runner.result import Run, Status
from utils.errors import InputError

HELD = {"it holds": True}


@pytest.fixture
def keep(tmp_path):
    """Keep runs in a batch's folder: (units, seed, accuracy, claims, more) each."""

    def write(batch, *runs, lesson="01_tiny", version="3.15.1"):
        for number, (units, seed, records, claims, *status) in enumerate(runs, start=1):
            folder = tmp_path / batch / f"{number:03d}"
            folder.mkdir(parents=True)
            values = {"units": units, "kind": "b", "seed": seed}
            one = Run(
                lesson, "Tiny", folder / f"{lesson}.ipynb", folder, values, values, *status
            )
            one.records, one.versions = records, {"keras": version, "python": "3.11.7"}
            one.claims = [{"text": text, "holds": holds} for text, holds in claims.items()]
            result.save(one)
        return tmp_path / batch

    return write


def lines(text, title):
    """The rows of a table on the screen, without its title and its head."""
    return text.split(f"{title}\n")[1].split("\n\n")[0].splitlines()[1:]


def seeds(units, *accuracies, claims=HELD):
    return [
        (units, seed, {"accuracy": accuracy}, claims, Status.OK)
        for seed, accuracy in enumerate(accuracies)
    ]


def test_means_of_the_same_points_are_compared_and_what_chance_would_seldom_do_is_marked(keep):
    old = keep("old", *seeds(1, 0.5, 0.5, 0.5), *seeds(2, 0.5, 0.6, 0.7))
    new = keep("new", *seeds(1, 0.5, 0.5, 0.5), *seeds(2, 0.7, 0.8, 0.9))
    text, page = write_comparison(old, new)
    assert page == new / "compare-old.html"
    assert text.startswith("Points in both: 2. Only in old: 0, only in new: 0.\n\nMeans ± ")
    head = [
        "point",
        "record",
        "old",
        "new",
        "change ± standard error",
        "runs",
        "beyond 2 errors",
    ]
    assert re.split("  +", text.splitlines()[3]) == head
    assert [re.split("  +", line) for line in lines(text, "Means ± standard deviations")] == [
        ["units=2", "accuracy", "0.6 ± 0.1", "0.8 ± 0.1", "0.2 ± 0.082", "3, 3", "≠"],
        ["units=1", "accuracy", "0.5 ± 0", "0.5 ± 0", "0 ± 0", "3, 3"],
    ]
    html = page.read_text()
    assert "<h1>old and new</h1>" in html
    assert "<td>0.2 ± 0.082</td>" in re.sub(' data-value="[^"]*"', "", html)
    assert "://" not in html


def test_without_repeats_a_difference_is_told_and_not_judged(keep):
    old, new = keep("old", *seeds(1, 0.5, 0.6)), keep("new", *seeds(1, 0.9))
    (line,) = lines(write_comparison(old, new)[0], "Means ± standard deviations")
    assert re.split("  +", line) == [
        *("01_tiny", "accuracy", "0.55 ± 0.071", "0.9", "0.35", "2, 1")
    ]


def test_only_finished_runs_and_numbers_that_both_measured_count(keep):
    dead = (1, 1, {"accuracy": 99.0}, {}, Status.KERNEL_DIED)
    old = keep("old", *seeds(1, 0.5), dead)
    new = keep("new", (1, 0, {"accuracy": 0.25, "loss": 1.0, "kind": "x"}, HELD, Status.OK))
    (line,) = lines(write_comparison(old, new)[0], "Means ± standard deviations")
    assert re.split("  +", line) == ["01_tiny", "accuracy", "0.5", "0.25", "-0.25", "1, 1"]


def test_claims_that_hold_in_all_runs_of_one_batch_only_are_told(keep):
    def batch(*held):
        claims = [{"a": a, "both": True, "never": False, "b": not a} for a in held]
        return [(1, n, {}, one, Status.CLAIM_FAILED) for n, one in enumerate(claims)]

    old, new = keep("old", *batch(True, True, True)), keep("new", *batch(True, False, True))
    text, _ = write_comparison(old, new)
    assert [re.split("  +", line) for line in lines(text, "Claims that hold in only one")] == [
        ["01_tiny", "a", "✓", "2 of 3"]
    ]
    assert lines(write_comparison(new, old)[0], "Claims that hold in only one") != []
    assert "Claims" not in write_comparison(old, old)[0]


def test_a_claim_that_only_one_makes_did_not_flip(keep):
    old = keep("old", (1, 0, {}, {"a": True}, Status.OK))
    new = keep("new", (1, 0, {}, {"b": True}, Status.OK))
    assert "Claims" not in write_comparison(old, new)[0]


def test_points_of_only_one_are_counted_and_versions_that_differ_are_named(keep):
    points = [seeds(units, 0.5)[0] for units in (1, 2, 3, 4, 5)]
    old, new = keep("old", *points), keep("new", *points[4:], version="3.16.0")
    text, _ = write_comparison(old, new)
    assert text.startswith("Points in both: 1. Only in old: 4, only in new: 0.")
    assert [re.split("  +", line) for line in lines(text, "Versions that differ")] == [
        ["keras 3.15.1", "keras 3.16.0"]
    ]


def test_the_screen_has_the_first_rows_of_a_long_table_and_the_page_has_all(keep, monkeypatch):
    monkeypatch.setattr(compare, "MOST_ROWS", 2)
    points = [seeds(units, 0.5)[0] for units in (1, 2, 3)]
    text, page = write_comparison(keep("old", *points), keep("new", *points))
    assert len(lines(text, "Means ± standard deviations")) == 2
    assert page.read_text().count("<td>accuracy</td>") == 3


def test_a_course_is_compared_lesson_by_lesson(keep):
    old, new = keep("old", *seeds(1, 0.5)), keep("new", *seeds(1, 0.75))
    for batch in ("old/more", "new/more"):  # the folder of a lesson has its name
        (folder,) = keep(batch, *seeds(1, 0.25), lesson="02_small").glob("*")
        folder.rename(folder.parent.parent / "02_small")
    found = lines(write_comparison(old, new)[0], "Means ± standard deviations")
    assert [line.split()[0] for line in found] == ["01_tiny", "02_small"]


def test_batches_of_another_lesson_or_other_values_have_nothing_in_common(keep):
    old, new = keep("old", *seeds(1, 0.5)), keep("new", *seeds(2, 0.5))
    with pytest.raises(InputError, match=r"old and \S*new have no point in common"):
        write_comparison(old, new)


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_folder_without_runs_is_refused(keep, tmp_path, content):
    old = keep("old", *seeds(1, 0.5))
    if content is not None:
        (tmp_path / "new/001").mkdir(parents=True)
        (tmp_path / "new/001/result.json").write_text(content)
    with pytest.raises(InputError, match=f"^{tmp_path}/new holds no runs$"):
        write_comparison(old, tmp_path / "new")
