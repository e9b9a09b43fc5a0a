"""The runner, with tiny lessons and real kernels."""

import csv
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from helpers import HOLDS, PARAMETERS, is_gone, wait_until, write_lesson

from runner import cli as __main__
from runner import lessons
from runner import process as runs
from runner import report as reports
from runner.kernel import can_fork
from utils.errors import InputError

TELLS = """from ipykernel.connect import get_connection_file
open('connection', 'w').write(get_connection_file())"""
SLEEPS = "open('pid', 'w').write(str(os.getpid()))\ntime.sleep(100)"
LESSONS = {
    "01_fine": [
        "claim('epochs are positive', epochs > 0)\nclaim('so are units', units > 0)",
        "record(seen=epochs, units_seen=units, accuracy=0.123456789, data_source='stand-in')",
    ],
    "02_false": [HOLDS, "claim('<script>alert(1)</script> is harmless', epochs > 50)"],
    "03_raises": [HOLDS, "1 / 0", "record(never=1)"],
    "04_dies": [HOLDS, "os._exit(1)", HOLDS],
    "05_exits": [HOLDS, "sys.exit(0)", HOLDS],
    "06_silent": ["1"],
    "07_alone": [HOLDS, "os.kill(os.getppid(), 9)\n" + SLEEPS],
    "08_last": [HOLDS],
}


def command(folder, *arguments):
    return [
        *(sys.executable, "-m", "runner", "run", *arguments),
        *("--notebooks", str(folder), "--output", str(folder / "runs")),
    ]


def rows(folder):
    (path,) = folder.glob("runs/*/results.csv")
    with path.open(newline="") as file:
        return {row["lesson"]: row for row in csv.DictReader(file)}


def kernels_of(folder):
    found = [path.read_text() for path in folder.glob("runs/*/*pid")]
    return [int(text) for text in found if text]


def kernel_of(folder):
    (kernel,) = kernels_of(folder)
    return kernel


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run of all LESSONS: what it printed, and in ``folder`` what it left."""
    folder = tmp_path_factory.mktemp("lessons")
    for name, cells in LESSONS.items():
        lines = PARAMETERS if name != "08_last" else PARAMETERS.replace("epochs", "rounds")
        write_lesson(folder, name, cells, lines)
    (folder / "profiles.yml").write_text('quick: {"01": {epochs: 2, units: 5}}')
    done = subprocess.run(
        command(folder, "-p", "epochs=7", "--profile", "quick"),
        capture_output=True,
        text=True,
        check=False,
    )
    done.folder = folder
    return done


@pytest.mark.parametrize(
    ("lesson", "status", "kept", "made", "error"),
    [
        ("01_fine", "ok", 2, 2, ""),
        ("02_false", "claim failed", 1, 2, ""),
        ("03_raises", "cell raised", 1, 1, "In [5]: ZeroDivisionError: division by zero"),
        (
            "04_dies",
            "kernel died",
            1,
            1,
            "In [5] os._exit(1): DeadKernelError: Kernel died (see also 04_dies.log)",
        ),
        (
            "05_exits",
            "incomplete",
            1,
            1,
            "In [5] sys.exit(0): ended the lesson, cells not run: 1",
        ),
        ("06_silent", "incomplete", 0, 0, "no claim was made"),
        (
            "07_alone",
            "kernel died",
            1,
            1,
            "In [5] os.kill(os.getppid(), 9): its process ended without a word",
        ),
        ("08_last", "ok", 1, 1, ""),
    ],
)
def test_the_status_says_what_happened(finished, lesson, status, kept, made, error):
    row = rows(finished.folder)[lesson]
    assert row["status"] == status
    assert (int(row["claims_kept"]), int(row["claims_made"])) == (kept, made)
    assert row["error"].startswith(error)
    assert bool(row["error"]) == bool(error)
    assert float(row["seconds"]) > 0


def test_values_reach_the_lesson_and_the_results(finished):
    row = rows(finished.folder)["01_fine"]
    assert row["parameter.epochs"] == row["record.seen"] == "7"  # -p, over the profile's 2
    assert row["parameter.units"] == row["record.units_seen"] == "5"  # the profile's
    assert row["parameter.rate"] == "0.5"  # the lesson's own
    assert row["record.accuracy"] == "0.123456789"
    assert row["data_source"] == "stand-in"
    assert row["version.python"] == sys.version.split()[0]
    assert rows(finished.folder)["02_false"]["parameter.units"] == "4"


def test_the_closing_table_tells_it_all(finished):
    assert finished.returncode == 1
    assert "epochs is no parameter of 08_last: not changed there" in finished.stderr
    assert "Traceback" not in finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0].split() == [
        "lesson",
        "status",
        "seconds",
        "claims",
        "data",
        "figures",
        "changed",
    ]
    assert lines[1].startswith("01_fine    ok")
    assert lines[1].endswith(
        "2/2     stand-in  accuracy=0.1235 seen=7 units_seen=5  epochs=7 units=5"
    )
    assert "02_false: ✗ <script>alert(1)</script> is harmless" in lines
    assert "03_raises: In [5]: ZeroDivisionError: division by zero" in lines
    (index,) = finished.folder.glob("runs/*/index.html")
    assert lines[-1] == f"Pages: {index}"


def test_the_pages_are_there_and_escaped(finished):
    (run,) = finished.folder.glob("runs/*")
    index = (run / "index.html").read_text()
    for name in LESSONS:
        assert f'<a href="{name}.html">' in index
        assert "</html>" in (run / f"{name}.html").read_text()
        assert nbformat.read(run / f"{name}.ipynb", as_version=4).metadata.papermill.start_time
    assert "<li>02_false: ✗ &lt;script&gt;alert(1)&lt;/script&gt; is harmless</li>" in index
    assert "<script" not in index
    assert not list(run.glob("*.part"))


def test_no_process_outlives_the_run(finished):
    wait_until(lambda: is_gone(kernel_of(finished.folder)))


def test_the_time_limit_ends_lesson_and_kernel(tmp_path):
    write_lesson(tmp_path, "01_slow", [TELLS, SLEEPS, HOLDS])
    started = time.monotonic()
    _, (result,) = runs.run_lessons(
        lessons.find_lessons(tmp_path), {}, tmp_path / "runs", time_limit=8
    )
    assert time.monotonic() - started < 30
    assert result.status == "time limit"
    assert result.error == "In [4] open('pid', 'w').write(str(os.getpid())): ended after 8 s"
    assert is_gone(kernel_of(tmp_path))
    (connection,) = tmp_path.glob("runs/*/connection")
    assert Path(connection.read_text()).name == "kernel.json"
    assert not Path(connection.read_text()).parent.exists()
    assert runs.exit_code([result]) == 1


@pytest.mark.skipif(not can_fork(), reason="TensorFlow is not imported beforehand here")
@pytest.mark.parametrize(
    ("tensorflow", "status", "error"),
    [
        ("raise TypeError('broken')", "ok", ""),
        ("import os\nos._exit(1)", "kernel died", "not started (EOFError: "),
    ],
)
def test_a_broken_tensorflow_costs_the_lessons_that_need_it(
    tmp_path, monkeypatch, tensorflow, status, error
):
    (tmp_path / "tensorflow.py").write_text(tensorflow)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    write_lesson(tmp_path, "01_fine", [HOLDS])
    subprocess.run(command(tmp_path), capture_output=True, check=False)
    row = rows(tmp_path)["01_fine"]
    assert (row["status"], row["error"][: len(error)]) == (status, error)


def test_ctrl_c_ends_kernels_and_keeps_results(tmp_path):
    at_once, _ = runs.share_cores(1000)
    slow = [f"{number:02d}_slow" for number in range(2, 2 + at_once)]
    for name, cells in {"01_fine": [HOLDS], "98_late": [HOLDS], "99_late": [HOLDS]}.items():
        write_lesson(tmp_path, name, cells)
    for name in slow:
        write_lesson(tmp_path, name, [HOLDS, SLEEPS.replace("'pid'", f"'{name}.pid'")])
    run = subprocess.Popen(
        command(tmp_path), stdout=-1, stderr=-1, text=True, start_new_session=True
    )
    wait_until(lambda: len(kernels_of(tmp_path)) == at_once, 60)
    wait_until(lambda: rows(tmp_path)["01_fine"]["status"] == "ok")
    assert {rows(tmp_path)[name]["status"] for name in slow} == {"not run"}  # not yet
    for _ in range(2):  # the second, of an impatient person, must not stop the tidying up
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.1)
    output, errors = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "Traceback" not in errors
    assert "leaked" not in errors
    found = [row["status"] for row in rows(tmp_path).values()]
    assert found == ["ok", *["interrupted"] * at_once, "not run", "not run"]
    assert "99_late  not run" in output
    assert all(map(is_gone, kernels_of(tmp_path)))
    (index,) = tmp_path.glob("runs/*/index.html")
    assert "interrupted" in index.read_text()


def test_a_killed_runner_takes_its_kernel_with_it(tmp_path):
    write_lesson(tmp_path, "01_slow", [SLEEPS])
    run = subprocess.Popen(
        command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: kernels_of(tmp_path))
    run.kill()
    run.wait()
    wait_until(lambda: is_gone(kernel_of(tmp_path)))


def test_a_page_that_fails_costs_no_run(tmp_path, capsys):
    (tmp_path / "01_fine.ipynb").write_text("no notebook")
    reports.write_page(tmp_path / "01_fine.ipynb")
    assert "01_fine.ipynb: no HTML page: " in capsys.readouterr().err
    assert not (tmp_path / "01_fine.html").exists()


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path):
    with ThreadPoolExecutor() as pool:
        folders = list(pool.map(runs.new_folder, [tmp_path / "runs"] * 8))
    assert len(set(folders)) == 8
    assert all(folder.is_dir() for folder in folders)


@pytest.fixture
def two_lessons(tmp_path):
    write_lesson(tmp_path, "01_basics", [HOLDS])
    write_lesson(tmp_path, "02_schedules", [HOLDS])
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], ["01_basics", "02_schedules"]),
        (["2"], ["02_schedules"]),
        (["02", "01_basics", "2"], ["02_schedules", "01_basics"]),
        (["notebooks/01_basics.ipynb"], ["01_basics"]),
    ],
)
def test_lessons_are_found_by_number_name_and_file(two_lessons, wanted, expected):
    found = lessons.select_lessons(lessons.find_lessons(two_lessons), wanted)
    assert [lesson.name for lesson in found] == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["1_basic"],
            "no lesson '1_basic' (did you mean '01_basics'?); there are: 01_basics",
        ),
        (["7"], "no lesson '7'; there are: 01_basics, 02_schedules"),
        (
            ["-p", "epoch=1"],
            "01_basics, 02_schedules: no parameter 'epoch' (did you mean 'epochs'?)",
        ),
        (["1", "-p", "epochs=3.0"], "01_basics: epochs='3.0' is not an int from 1 to 100"),
        (["1", "-p", "rate=1.5"], "01_basics: rate=1.5 is not a float from 0.0 to 1.0"),
        (["1", "--profile", "quick"], "profiles.yml cannot be read: "),
        (["1", "--time-limit", "0"], "--time-limit 0: not seconds"),
        (["1", "--time-limit", "nan"], "--time-limit nan: not seconds"),
    ],
)
def test_bad_input_starts_nothing(two_lessons, capsys, arguments, expected):
    folders = ["--notebooks", str(two_lessons), "--output", str(two_lessons / "runs")]
    assert __main__.main(["run", *arguments, *folders]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"error: {expected}")
    assert output.err.count("\n") == 1
    assert not output.out
    assert not (two_lessons / "runs").exists()


def test_a_folder_that_cannot_be_written_to_is_refused(two_lessons, capsys):
    (two_lessons / "runs").touch()
    assert (
        __main__.main(
            ["run", "--notebooks", str(two_lessons), "--output", str(two_lessons / "runs")]
        )
        == 2
    )
    assert "cannot be written to: File exists" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cells": [{"source": 3}]}'])
def test_a_damaged_lesson_is_named(tmp_path, text):
    Path(tmp_path / "01_basics.ipynb").write_text(text)
    with pytest.raises(InputError, match=r"01_basics\.ipynb is not a lesson notebook"):
        lessons.find_lessons(tmp_path)


def test_list_shows_lessons_and_parameters(two_lessons, capsys):
    assert __main__.main(["list", "--notebooks", str(two_lessons)]) == 0
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
    heavy = {"papermill", "pandas", "nbconvert", "nbformat", "tensorflow"}
    assert "runner.lessons" in done.stderr
    assert not heavy & set(done.stderr.strip().split(","))


def test_nbformat_is_imported_without_a_grammar_that_takes_two_seconds():
    code = "import sys; from runner.quick_nbformat import nbformat; nbformat.validate; "
    code += "sys.exit(','.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    loaded = done.stderr.strip().split(",")
    assert "nbformat.validator" in loaded
    assert not [name for name in loaded if name.startswith(("rfc3987_syntax", "lark"))]
