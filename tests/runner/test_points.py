"""What a sweep consists of, from the command line and from a file, before anything starts."""

import pytest
from helpers import HOLDS, PARAMETERS, write_lesson

from runner import cli
from runner.lessons import find_lessons
from runner.points import plan_points

SEEDED = PARAMETERS + '\nkind: str = "a"  # kind [a | b]\nseed: int = 7  # start [0 to 9]'


@pytest.fixture
def folder(tmp_path):
    write_lesson(tmp_path, "01_seeded", [HOLDS], SEEDED)
    write_lesson(tmp_path, "02_plain", [HOLDS])
    (tmp_path / "profiles.yml").write_text('quick: {"01": {epochs: 2, units: 5}}')
    return tmp_path


@pytest.fixture
def sweep(folder, capsys):
    """Run the command; return its exit code, what it printed and its errors."""

    def run(*arguments):
        folders = ["--notebooks", str(folder), "--output", str(folder / "runs")]
        code = cli.main(["sweep", *arguments, *folders])
        output = capsys.readouterr()
        assert not (folder / "runs").exists()
        return code, output.out.splitlines(), output.err

    return run


def grid(folder, text):
    (folder / "grid.yml").write_text(text)
    return plan_points(find_lessons(folder)[0], {}, [], [], folder / "grid.yml", 1)


def test_a_dry_run_shows_every_run_and_starts_none(sweep):
    code, lines, _ = sweep(
        *("01", "-g", "units=5,20", "-g", "kind=a,b", "-p", "epochs=2", "--dry-run")
    )
    assert code == 0
    assert lines == [
        "   1  epochs=2 units=5 kind=a",
        "   2  epochs=2 units=5 kind=b",
        "   3  epochs=2 units=20 kind=a",
        "   4  epochs=2 units=20 kind=b",
        "4 runs of 01_seeded",
    ]


def test_repeats_differ_in_the_seed(sweep):
    _, lines, _ = sweep("01", "-g", "units=5,20", "--repeat", "2", "--dry-run")
    assert [line.split()[1:] for line in lines[:-1]] == [
        ["units=5", "seed=7"],
        ["units=5", "seed=8"],
        ["units=20", "seed=7"],
        ["units=20", "seed=8"],
    ]


def test_the_profile_is_what_the_grid_starts_from(sweep):
    _, lines, _ = sweep("01", "-g", "rate=0,1", "--profile", "quick", "--dry-run")
    assert lines[0].split()[1:] == ["epochs=2", "units=5", "rate=0"]


def test_what_a_profile_says_may_be_varied(sweep):
    _, lines, _ = sweep("01", "-g", "units=6,7", "--profile", "quick", "--dry-run")
    assert [line.split()[1:] for line in lines[:-1]] == [
        ["epochs=2", "units=6"],
        ["epochs=2", "units=7"],
    ]


def test_a_file_holds_lists_or_points(folder):
    assert grid(folder, "units: [5, 6]\nkind: [b]") == [
        {"units": 5, "kind": "b"},
        {"units": 6, "kind": "b"},
    ]
    chosen = grid(folder, "- {units: 5, kind: b}\n- {rate: 1}\n- {}\n")
    assert chosen == [{"units": 5, "kind": "b"}, {"rate": 1.0}, {}]


def test_a_point_that_is_there_twice_is_run_once(sweep):
    _, lines, _ = sweep("01", "-g", "units=4,5,5", "-g", "kind=a", "--dry-run")
    assert [line.split()[1:] for line in lines[:-1]] == [
        ["units=4", "kind=a"],
        ["units=5", "kind=a"],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("units: [5, 600]", "grid.yml: units=600 is not an int from 1 to 100"),
        ("units: 5", "grid.yml: units: a list of values is needed, not 5"),
        ("units: []", "grid.yml: units: a list of values is needed, not []"),
        ("unit: [5]", "grid.yml: no parameter 'unit' (did you mean 'units'?)"),
        ("[]", "grid.yml: lines of the form 'name: [value, value]' are needed, or a list of"),
        ("5", "grid.yml: lines of the form 'name: [value, value]' are needed, or a list of"),
        ("- 5", "grid.yml, point 1: lines of the form 'name: value' are needed, not 5"),
        ("- {units: 5}\n- {kind: c}", "grid.yml, point 2: kind='c' is not one of a, b"),
        ("units: [5]\nunits: [6]", "grid.yml cannot be read: a name is there twice"),
    ],
)
def test_a_bad_file_is_refused_as_a_whole(sweep, folder, text, expected):
    (folder / "grid.yml").write_text(text)
    code, lines, error = sweep("01", "--grid", str(folder / "grid.yml"))
    assert (code, lines) == (2, [])
    assert error.startswith(f"error: {expected}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["01"], "nothing varies: -g name=value,value, --grid FILE or --repeat N"),
        (["-g", "units=5,6"], "a sweep is of one lesson, not of 2"),
        (["01", "-g", "units"], "-g units is not of the form name=value,value"),
        (["01", "-g", "units=5,"], "01_seeded: units='' is not an int from 1 to 100"),
        (["01", "-g", "units=5", "-g", "units=6"], "-g units=6: units is given twice"),
        (["01", "-g", "unit=5"], "01_seeded: no parameter 'unit' (did you mean 'units'?)"),
        (
            ["01", "-g", "units=5,6", "-p", "units=7"],
            "01_seeded: units is set for all runs and varied, too",
        ),
        (["01", "-g", "units=5", "--grid", "grid.yml"], "-g and --grid: one of them"),
        (["01", "--repeat", "0"], "0 runs: 1 to 10,000 are allowed in one sweep"),
        (["01", "--repeat", "4"], "01_seeded: seed=10 is not an int from 0 to 9"),
        (["02", "--repeat", "2"], "--repeat: 02_plain has no parameter 'seed'"),
        (["01", "--repeat", "2", "--time-limit", "0"], "--time-limit 0: not seconds"),
        (["01", "--repeat", "2", "-x"], "unknown: -x"),
    ],
)
def test_a_bad_sweep_is_refused_as_a_whole(sweep, arguments, expected):
    code, lines, error = sweep(*arguments)
    assert (code, lines) == (2, [])
    assert error.startswith(f"error: {expected}")
    assert error.count("\n") == 1


def test_a_slip_of_the_keyboard_does_not_start_a_million_runs(sweep):
    many = ",".join(map(str, range(1, 101)))
    rates = ",".join(str(number / 1000) for number in range(101))
    code, _, error = sweep("01", "-g", f"units={many}", "-g", f"rate={rates}")
    assert code == 2
    assert error.startswith("error: 10,100 runs: 1 to 10,000 are allowed")
