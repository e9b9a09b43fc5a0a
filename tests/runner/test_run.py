"""Single runs with tiny lessons and real kernels: time limits, deaths, Ctrl-C, and what is left."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from helpers import (
    HOLDS,
    by_lesson,
    command,
    is_gone,
    kernels,
    one_run,
    options,
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
FORKS = pytest.mark.skipif(not can_fork(), reason="kernels are not forked here")


def test_the_time_limit_ends_lesson_and_kernel(tmp_path):
    started = time.monotonic()
    late = "time.sleep(1)\nimport subprocess as sub\nchild = sub.Popen(['sleep', '99'], start_new_session=True)"
    late += "\nopen('child_pid', 'w').write(str(child.pid))"
    run = one_run(tmp_path, [TELLS, late, SLEEPS, HOLDS], time_limit=5)
    assert time.monotonic() - started < 30
    assert run.status == "time limit"
    assert run.error == "In [5] open('pid', 'w').write(str(os.getpid())): ended after 5 s"
    assert len(kernels(tmp_path)) == 2
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


SHOWS = """import matplotlib.pyplot as plt

from utils.plots import show

show(plt.subplots()[0], "Empty: 0 < 1.")"""


def test_the_page_of_a_run_says_in_words_what_a_picture_shows(tmp_path):
    page = one_run(tmp_path, [HOLDS, SHOWS]).notebook.with_suffix(".html").read_text("utf-8")
    assert '<img alt="Empty: 0 &lt; 1."' in page


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
    subprocess.run(
        command("run", tmp_path, tensorflow=True),
        env=environment,
        check=True,
        capture_output=True,
    )
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
    broken = command("run", tmp_path, tensorflow=True)
    subprocess.run(broken, capture_output=True, check=False)
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
    write_lesson(tmp_path, "01_slow", [SLEEPS])  # a fast machine may have started it
    run = subprocess.Popen(
        command("run", tmp_path, tensorflow=True),
        stdout=-1,
        stderr=-1,
        text=True,
        start_new_session=True,
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
    code = f"import os, time\ndef HTMLExporter(**_):\n    {slow}"
    (tmp_path / "nbconvert.py").write_text(code)
    write_lesson(tmp_path, "01_fine", [HOLDS])
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    run = subprocess.Popen(
        command("run", tmp_path, tensorflow=True), env=environment, stdout=-1, stderr=-1
    )
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
    course = [str(Path(sys.executable).with_name("course")), *options("run", tmp_path)]
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
    subprocess.run(
        command("run", tmp_path, tensorflow=True),
        env=environment,
        check=False,
        capture_output=True,
    )
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
