"""The command line: what it refuses before anything starts, and what it does without waiting."""

import subprocess
import sys

import pytest
from helpers import HOLDS, write_lesson

from runner import batch, cli
from runner.lessons import find_lessons


@pytest.fixture
def two_lessons(tmp_path):
    write_lesson(tmp_path, "01_basics", [HOLDS])
    write_lesson(tmp_path, "02_schedules", [HOLDS])
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["-p", "epoch=1"],
            "01_basics, 02_schedules: no parameter 'epoch' (did you mean 'epochs'?)",
        ),
        (["1_basic"], "no lesson '1_basic' (did you mean '01_basics'?); there are: 01_basics"),
        (["1", "-p", "epochs=3.0"], "01_basics: epochs='3.0' is not an int from 1 to 100"),
        (["1", "-p", "rate=1.5"], "01_basics: rate=1.5 is not a float from 0.0 to 1.0"),
        (["1", "--profile", "quick"], "profiles.yml cannot be read: "),
        (["1", "--time-limit", "0"], "--time-limit 0: not seconds"),
        (["1", "--time-limit", "nan"], "--time-limit nan: not seconds"),
        (["1", "--at-once", "0"], "--at-once 0: not a number of runs"),
        (["1", "--fast"], "unknown: --fast; `course --help` tells more"),
    ],
)
def test_bad_input_starts_nothing(two_lessons, capsys, arguments, expected):
    folders = ["--notebooks", str(two_lessons), "--output", str(two_lessons / "runs")]
    assert cli.main(["run", *arguments, *folders]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"error: {expected}")
    assert output.err.count("\n") == 1
    assert not output.out
    assert not (two_lessons / "runs").exists()


@pytest.mark.parametrize("verb", ["list", "data", "check-env"])
def test_what_a_verb_does_not_know_is_named(capsys, verb):
    assert cli.main([verb, "01"]) == 2
    assert capsys.readouterr().err == "error: unknown: 01; `course --help` tells more\n"


def test_a_folder_that_cannot_be_written_to_is_refused(two_lessons, capsys):
    (two_lessons / "runs").touch()
    folders = ["--notebooks", str(two_lessons), "--output", str(two_lessons / "runs")]
    assert cli.main(["run", *folders]) == 2
    assert "cannot be written to: File exists" in capsys.readouterr().err


def test_a_lesson_may_stand_behind_an_option(two_lessons, capsys):
    command = ["run", "-p", "epochs=2", "02", "--notebooks", str(two_lessons), "--dry-run"]
    assert cli.main(command) == 0
    assert capsys.readouterr().out == "   1  02_schedules  epochs=2\n1 run of the course\n"


def test_another_lesson_does_not_go_on_with_a_folder(two_lessons, capsys):
    (two_lessons / "runs").mkdir()
    lessons = {one.name: one for one in find_lessons(two_lessons)}
    folder = batch.start(two_lessons / "runs", [batch.new_run(lessons["02_schedules"], {})])
    command = [
        "run",
        "01",
        "--notebooks",
        str(two_lessons),
        "--resume",
        str(folder),
        "--dry-run",
    ]
    assert cli.main(command) == 2
    assert "holds other runs; without lessons, -g and -p it goes on" in capsys.readouterr().err


def test_list_shows_lessons_and_parameters(two_lessons, capsys):
    assert cli.main(["list", "--notebooks", str(two_lessons)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "01 · basics",
        "    1 min, data: Fashion-MNIST, before this: nothing",
        "    -p epochs=3: passes over the data (an int from 1 to 100)",
    ]


def test_list_does_not_wait_for_heavy_imports():
    code = "import sys; from runner.cli import main; main(['list']); "
    code += "sys.exit(','.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    heavy = {"numpy", "papermill", "pandas", "nbconvert", "nbformat", "tensorflow", "jinja2"}
    assert "runner.lessons" in done.stderr
    assert not heavy & set(done.stderr.strip().split(","))


def test_nbformat_is_imported_without_a_grammar_that_takes_two_seconds():
    code = "import sys; from runner.preload import preload; preload(); "
    code += "sys.exit(','.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    loaded = done.stderr.strip().split(",")
    assert "nbformat.validator" in loaded
    assert not [name for name in loaded if name.startswith(("rfc3987_syntax", "lark"))]
