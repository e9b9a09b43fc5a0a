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
from runner.result import RESULT, Run, exit_code, load

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
    assert index.count("&lt;script&gt;alert(1)&lt;/script&gt; is harmless") == 1  # told once
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
    """By then the kernel of the first try is gone, too, though it is too busy to end by itself."""
    dies_once = f"""import ctypes, psutil
first = {str(tmp_path / "first")!r}
if not os.path.exists(first):
    open(first, 'w').write(str(os.getpid()))
    time.sleep(1)
    os.kill(os.getppid(), 9)
    ctypes.PyDLL(None).sleep(30)  # no other thread gets a word in
number = int(open(first).read())
alive = psutil.pid_exists(number) and psutil.Process(number).status() != 'zombie'
claim('the first kernel is gone', not alive)"""
    run = one_run(tmp_path, [dies_once])
    assert (run.status, run.problems) == ("ok", [])


def test_temporary_files_of_a_lesson_go_with_its_run(tmp_path):
    leaves = "import tempfile\nopen('where', 'w').write(tempfile.mkdtemp())"
    run = one_run(tmp_path, [leaves, HOLDS])
    where = Path((run.folder / "where").read_text())
    assert process.scratch() in where.parents
    assert not where.exists()


def test_temporary_folders_of_killed_processes_are_removed_and_no_others():
    """Not those of processes at work or on another machine, nor what somebody has named so."""
    with tempfile.TemporaryDirectory() as folder:  # its name is short enough to be used
        _leave_temporary_folders(Path(folder))


def _leave_temporary_folders(tmp_path):
    gone = 99_999_999
    marks = (
        f"1/{os.getpid()}@{os.uname().nodename}",
        f"2/{gone}@elsewhere",
        f"{gone}-my/notes",
    )
    for mark in marks:
        (tmp_path / f"course-{mark}").mkdir(parents=True)
    for ending, left in (("os.kill(os.getpid(), 9)", 4), ("", 3)):
        code = f"import os\nfrom runner.process import scratch\nassert scratch().is_dir()\n{ending}"
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", code], env=environment, check=False)
        assert len(list(tmp_path.iterdir())) == left


def test_a_long_name_of_the_temporary_folder_is_not_used(tmp_path):
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    code = "from runner.process import scratch\nassert len(str(scratch())) < 72"
    environment = os.environ | {"TMPDIR": str(folder)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


@FORKS
def test_a_fork_server_that_is_killed_is_started_again_as_it_was(tmp_path):
    kills = "import psutil\npsutil.Process().parents()[1].kill()"
    run = one_run(tmp_path, [HOLDS, kills, HOLDS])
    assert (run.status, run.error) == ("ok", "")
    assert run.notebook.with_suffix(".html").exists()
    again = one_run(tmp_path, ["claim('TensorFlow is there', 'tensorflow' in sys.modules)"])
    assert (again.status, again.kept) == ("ok", "1/1")


@FORKS
def test_a_disk_that_is_full_for_the_log_too_is_told(tmp_path):
    full = "import psutil\npsutil.Process(os.getppid()).rlimit(psutil.RLIMIT_FSIZE, (0, 0))"
    run = one_run(tmp_path, [HOLDS, full, HOLDS])
    assert run.status == "not saved"
    assert "[Errno 27] File too large" in run.error


def test_a_folder_that_can_not_be_emptied_is_told(tmp_path, monkeypatch):
    one_run(tmp_path, [HOLDS])
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    run = one_run(tmp_path, [HOLDS])
    assert run.status == "kernel died"
    assert "not started (FileExistsError: " in run.error
    assert (run.kept, run.seconds) == ("0/0", 0)  # what lies there is another run's
    assert load(run.folder).status == run.status


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
    slow = ["02_slow", "03_slow"]
    for name, cells in {"01_fine": [HOLDS], "98_late": [HOLDS], "99_late": [HOLDS]}.items():
        write_lesson(tmp_path, name, cells)
    for name in slow:
        write_lesson(tmp_path, name, [HOLDS, SLEEPS])
    two = command("run", tmp_path, "--at-once", "2")
    run = subprocess.Popen(two, stdout=-1, stderr=-1, text=True, start_new_session=True)
    wait_until(lambda: len(kernels(tmp_path)) == 2, 60)
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
    assert found == ["ok", "interrupted", "interrupted", "not run", "not run"]
    assert "99_late  not run" in output
    assert all(map(is_gone, kernels(tmp_path)))
    (index,) = tmp_path.glob("runs/*/index.html")
    assert "interrupted" in index.read_text()


def test_ctrl_c_before_a_lesson_has_started_is_quiet(tmp_path):
    write_lesson(tmp_path, "01_fine", [HOLDS])
    run = subprocess.Popen(
        command("run", tmp_path), stdout=-1, stderr=-1, text=True, start_new_session=True
    )
    run.stderr.readline()  # "started": TensorFlow is being imported
    time.sleep(1)
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=30)
    assert (run.returncode, errors) == (130, "")
    assert [row["status"] for row in rows(tmp_path)] == ["interrupted"]


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


def test_a_runner_killed_at_a_page_has_kept_the_run_and_leaves_no_process(tmp_path):
    number = tmp_path / "runs/number"
    slow = f"open({str(number)!r}, 'w').write(str(os.getpid()))\n    time.sleep(100)"
    code = f"import os, time\ndef HTMLExporter():\n    {slow}"
    (tmp_path / "nbconvert.py").write_text(code)
    write_lesson(tmp_path, "01_fine", [HOLDS])
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.Popen(command("run", tmp_path), env=environment, stdout=-1, stderr=-1)
    wait_until(lambda: number.exists() and number.read_text(), 60)
    run.kill()
    run.communicate()
    (kept,) = tmp_path.glob(f"runs/*/01_fine/{RESULT}")
    assert load(kept.parent).status == "ok"
    wait_until(lambda: is_gone(int(number.read_text())))


def test_modules_in_the_current_folder_are_not_taken_for_the_courses(tmp_path):
    for name in ("utils", "numpy", "random", "runner"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a student wrote this')")
    here = ["claim('a lesson is free again', 'PYTHONSAFEPATH' not in os.environ)"]
    write_lesson(tmp_path, "01_fine", here)
    course = [str(Path(sys.executable).with_name("course")), *command("run", tmp_path)[3:]]
    done = subprocess.run(course, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "not started" in done.stdout) == (0, False)


def test_braces_in_a_path_are_no_parameters(tmp_path):
    folder = tmp_path / "{x} {0}"
    folder.mkdir()
    run = one_run(folder, [HOLDS])
    assert (run.status, run.error) == ("ok", "")


def test_the_callers_run_is_left_as_it_was(tmp_path):
    write_lesson(tmp_path, "01_tiny", [HOLDS, "import time\n\ntime.sleep(60)"])
    given = Run("01_tiny", "", tmp_path / "01_tiny.ipynb", tmp_path / "run", {}, {})
    assert process.execute(given, 100, {}, stop=lambda: True).status == "interrupted"
    assert (given.status, given.seconds) == ("not run", 0)


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
