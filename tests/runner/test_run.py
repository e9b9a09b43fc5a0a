"""`course run` with tiny lessons and real kernels: what each status means, and what is left."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
from helpers import (
    HOLDS,
    PARAMETERS,
    command,
    is_gone,
    kernels,
    one_run,
    rows,
    wait_until,
    write_lesson,
)

from runner import process
from runner.kernel import can_fork
from runner.pool import share_machine
from runner.result import exit_code

TELLS = """from ipykernel.connect import get_connection_file
open('connection', 'w').write(get_connection_file())"""
SLEEPS = "open('pid', 'w').write(str(os.getpid()))\ntime.sleep(100)"
MALFORMED = """from IPython.display import display
mime = "application/vnd.keras-by-experiment.{}+json"
for kind in ("claim", "record"):
    display({mime.format(kind): [1, 2], "text/plain": "?"}, raw=True)"""
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
    "09_malformed": [HOLDS, MALFORMED],
}
FORKS = pytest.mark.skipif(not can_fork(), reason="kernels are not forked here")


def by_lesson(folder):
    return {row["lesson"]: row for row in rows(folder)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run of all LESSONS: what it printed, and in ``folder`` what it left."""
    folder = tmp_path_factory.mktemp("lessons")
    for name, cells in LESSONS.items():
        lines = PARAMETERS if name != "08_last" else PARAMETERS.replace("epochs", "rounds")
        write_lesson(folder, name, cells, lines)
    (folder / "profiles.yml").write_text('quick: {"01": {epochs: 2, units: 5}}')
    temporary = tempfile.mkdtemp()  # not in the folder: the path of a socket has to be short
    done = subprocess.run(
        command("run", folder, "-p", "epochs=7", "--profile", "quick"),
        env=os.environ | {"TMPDIR": temporary},
        capture_output=True,
        text=True,
        check=False,
    )
    done.folder, done.temporary = folder, Path(temporary)
    yield done
    shutil.rmtree(temporary)


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
            "worker died",
            1,
            1,
            "In [5] os.kill(os.getppid(), 9): its process ended without a word",
        ),
        ("08_last", "ok", 1, 1, ""),
        ("09_malformed", "ok", 1, 1, ""),
    ],
)
def test_the_status_says_what_happened(finished, lesson, status, kept, made, error):
    row = by_lesson(finished.folder)[lesson]
    assert row["status"] == status
    assert (int(row["claims_kept"]), int(row["claims_made"])) == (kept, made)
    assert row["error"].startswith(error)
    assert bool(row["error"]) == bool(error)
    assert float(row["seconds"]) > 0


def test_values_reach_the_lesson_and_the_results(finished):
    row = by_lesson(finished.folder)["01_fine"]
    assert row["parameter.epochs"] == row["record.seen"] == "7"  # -p, over the profile's 2
    assert row["parameter.units"] == row["record.units_seen"] == "5"  # the profile's
    assert row["parameter.rate"] == "0.5"  # the lesson's own
    assert row["record.accuracy"] == "0.123456789"
    assert row["data_source"] == "stand-in"
    assert row["version.python"] == sys.version.split()[0]
    assert by_lesson(finished.folder)["02_false"]["parameter.units"] == "4"


def test_the_closing_table_tells_it_all(finished):
    assert finished.returncode == 1
    assert "epochs is no parameter of 08_last: not changed there" in finished.stderr
    assert "Traceback" not in finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0].split() == [
        *("lesson", "status", "seconds", "claims", "data", "records", "changed")
    ]
    assert lines[1].startswith("01_fine       ok")
    assert lines[1].endswith(
        "2/2     stand-in  accuracy=0.1235 seen=7 units_seen=5  epochs=7 units=5"
    )
    assert "02_false: ✗ <script>alert(1)</script> is harmless" in lines
    assert "03_raises: In [5]: ZeroDivisionError: division by zero" in lines
    (index,) = finished.folder.glob("runs/*/index.html")
    assert lines[-1] == f"Pages: {index}"


def test_where_no_bar_is_seen_each_start_is_told(finished):
    lines = finished.stderr.splitlines()
    assert [f"{name}: started" in lines for name in LESSONS] == [True] * len(LESSONS)
    assert any(line.startswith("01_fine: ok, ") for line in lines)


def test_the_pages_are_there_and_escaped(finished):
    (folder,) = finished.folder.glob("runs/*")
    index = (folder / "index.html").read_text()
    for name in LESSONS:
        assert f'href="{name}/{name}.html"' in index
        assert "</html>" in (folder / name / f"{name}.html").read_text()
        notebook = nbformat.read(folder / name / f"{name}.ipynb", as_version=4)
        assert notebook.metadata.papermill.start_time
    assert "✗ &lt;script&gt;alert(1)&lt;/script&gt; is harmless" in index
    assert "<script>alert" not in index
    assert not list(folder.rglob("*.part"))


def test_nothing_outlives_the_run(finished):
    wait_until(lambda: all(map(is_gone, kernels(finished.folder))))
    assert list(finished.temporary.iterdir()) == []


def test_a_run_can_be_resumed(finished):
    (folder,) = finished.folder.glob("runs/*")
    before = (folder / "01_fine/result.json").stat().st_mtime_ns
    resume = ["run", "--resume", str(folder), "--notebooks", str(finished.folder)]
    dry = [sys.executable, "-m", "runner", *resume, "--dry-run"]
    done = subprocess.run(dry, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "   1  01_fine  epochs=7 units=5  finished"
    assert lines[2] == "   3  03_raises  epochs=7"
    assert lines[-1] == "5 runs of the course"
    assert (folder / "01_fine/result.json").stat().st_mtime_ns == before


def test_the_time_limit_ends_lesson_and_kernel(tmp_path):
    started = time.monotonic()
    run = one_run(tmp_path, [TELLS, SLEEPS, HOLDS], time_limit=5)
    assert time.monotonic() - started < 30
    assert run.status == "time limit"
    assert run.error == "In [4] open('pid', 'w').write(str(os.getpid())): ended after 5 s"
    assert all(map(is_gone, kernels(tmp_path)))
    connection = Path((run.folder / "connection").read_text())
    assert connection.name == "k.json"
    assert not connection.parent.exists()
    assert exit_code([run]) == 1


def test_a_run_whose_process_dies_is_tried_once_more(tmp_path):
    tried = tmp_path / "tried"
    dies_once = f"if not os.path.exists({str(tried)!r}):\n    open({str(tried)!r}, 'w')\n"
    dies_once += "    os.kill(os.getppid(), 9)\n    time.sleep(100)"
    assert one_run(tmp_path, [dies_once, HOLDS]).status == "ok"


def test_temporary_files_of_a_lesson_go_with_its_run(tmp_path):
    leaves = "import tempfile\nopen('where', 'w').write(tempfile.mkdtemp())"
    run = one_run(tmp_path, [leaves, HOLDS])
    where = Path((run.folder / "where").read_text())
    assert process.scratch() in where.parents
    assert not where.exists()


def test_temporary_folders_of_killed_processes_are_removed(tmp_path, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for pid in (ended.pid, os.getppid()):
        (tmp_path / f"course-{pid}-abc").mkdir()
    process.scratch.__wrapped__()
    left = {path.name for path in tmp_path.iterdir()} - {f"course-{os.getppid()}-abc"}
    assert [name.split("-")[1] for name in left] == [str(os.getpid())]


@FORKS
def test_without_fork_a_kernel_is_started_anew(tmp_path):
    write_lesson(tmp_path, "01_tiny", ["claim('anew', 'tensorflow' not in sys.modules)"])
    environment = os.environ | {"COURSE_FORK": "no"}
    subprocess.run(command("run", tmp_path), env=environment, check=True, capture_output=True)
    assert rows(tmp_path)[0]["status"] == "ok"


@FORKS
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
    subprocess.run(command("run", tmp_path), capture_output=True, check=False)
    (row,) = rows(tmp_path)
    assert (row["status"], row["error"][: len(error)]) == (status, error)


def test_ctrl_c_ends_kernels_and_keeps_results(tmp_path):
    at_once, _ = share_machine(1000)
    slow = [f"{number:02d}_slow" for number in range(2, 2 + at_once)]
    for name, cells in {"01_fine": [HOLDS], "98_late": [HOLDS], "99_late": [HOLDS]}.items():
        write_lesson(tmp_path, name, cells)
    for name in slow:
        write_lesson(tmp_path, name, [HOLDS, SLEEPS])
    run = subprocess.Popen(
        command("run", tmp_path), stdout=-1, stderr=-1, text=True, start_new_session=True
    )
    wait_until(lambda: len(kernels(tmp_path)) == at_once, 60)
    wait_until(lambda: by_lesson(tmp_path)["01_fine"]["status"] == "ok")
    assert {by_lesson(tmp_path)[name]["status"] for name in slow} == {"not run"}  # not yet
    for _ in range(2):  # the second, of an impatient person, must not stop the tidying up
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.1)
    output, errors = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "Traceback" not in errors
    assert "leaked" not in errors
    found = [row["status"] for row in rows(tmp_path)]
    assert found == ["ok", *["interrupted"] * at_once, "not run", "not run"]
    assert "99_late  not run" in output
    assert all(map(is_gone, kernels(tmp_path)))
    (index,) = tmp_path.glob("runs/*/index.html")
    assert "interrupted" in index.read_text()


def test_a_tidying_up_that_hangs_is_ended_by_a_later_ctrl_c():
    code = """if True:
        import signal, time
        from runner import cli
        cli.IMPATIENCE = 1
        cli._interrupt_once()
        try:
            print(flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(60)"""
    hangs = subprocess.Popen([sys.executable, "-c", code], stdout=-1)
    hangs.stdout.readline()
    for _ in range(2):  # the second comes too soon
        hangs.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert hangs.poll() is None
    time.sleep(1)
    hangs.send_signal(signal.SIGINT)
    assert hangs.wait(10) == 130


def test_a_killed_runner_takes_its_kernel_with_it(tmp_path):
    write_lesson(tmp_path, "01_slow", [SLEEPS])
    run = subprocess.Popen(
        command("run", tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: kernels(tmp_path), 60)
    run.kill()
    run.wait()
    wait_until(lambda: all(map(is_gone, kernels(tmp_path))))


def test_a_page_that_fails_costs_no_run(tmp_path, monkeypatch):
    (tmp_path / "nbconvert.py").write_text("raise TypeError('broken')")
    write_lesson(tmp_path, "01_fine", [HOLDS])
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "COURSE_FORK": "no"}
    subprocess.run(command("run", tmp_path), env=environment, check=False, capture_output=True)
    (folder,) = tmp_path.glob("runs/*/01_fine")
    assert rows(tmp_path)[0]["status"] == "ok"
    assert "TypeError: broken" in (folder / "01_fine.log").read_text()
    assert not (folder / "01_fine.html").exists()


def test_the_lesson_itself_is_run_if_a_path_names_it(tmp_path):
    (tmp_path / "mine").mkdir()
    write_lesson(tmp_path, "01_fine", [HOLDS])
    write_lesson(tmp_path / "mine", "01_fine", [HOLDS, "record(mine=1)"])
    mine = command("run", tmp_path, str(tmp_path / "mine/01_fine.ipynb"))
    subprocess.run(mine, check=True, capture_output=True)
    assert rows(tmp_path)[0]["record.mine"] == "1"


def test_tensorboard_shows_what_was_run_and_measured(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    record = "record(accuracy=0.5, kind='a', by_epoch=[1, 2])"
    run = one_run(tmp_path, [HOLDS, record])
    assert (run.status, run.error) == ("ok", "")
    found = EventAccumulator(str(run.folder))
    found.Reload()
    tags = {tag: found.Tensors(tag) for tag in found.Tags()["tensors"]}
    steps = {tag: [one.step for one in tags[tag]] for tag in tags}
    assert steps["accuracy"] == [1]
    assert steps["by_epoch"] == [1, 2]
    assert "kind" not in steps
    contents = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert HParamsPluginData.FromString(contents).HasField("session_start_info")
