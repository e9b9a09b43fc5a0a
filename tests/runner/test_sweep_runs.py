"""A sweep with tiny lessons, real workers and real kernels, and what goes wrong in one."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys

import nbformat
import pytest
from distributed import Client, LocalCluster
from helpers import HOLDS, is_gone, wait_until, write_lesson

from runner import batch as sweep_runs
from runner import cli as __main__
from runner import lessons, sweep_files
from runner import pool as cluster
from runner.engine import MOST_TEXT
from runner.points import plan_points
from runner.sweep_report import order_figures

# A kernel's parents: the process of papermill, the server that forked it, the worker.
KINDS = {
    "fine": "record(accuracy=units + seed / 10, data_source='stand-in', by_epoch=[0, units])",
    "loses_worker": "tried = Path('tried').exists()\nPath('tried').touch()\n"
    "if not tried:\n    psutil.Process().parents()[2].kill()\n    time.sleep(100)",
    "loses_workers": "psutil.Process().parents()[2].kill()\ntime.sleep(100)",
    "loses_kernel": "os._exit(1)",
    "prints": "for _ in range(100):\n    print('0123456789' * 100_000)",
    # as on a full disk, a file of papermill's process can't grow any more
    "fills_disk": "psutil.Process(os.getppid()).rlimit(psutil.RLIMIT_FSIZE, (9000, 9000))\n"
    "print('0123456789' * 1000)",
    "sleeps": "tried = Path('pid').exists()\nPath('pid').write_text(str(os.getpid()))\n"
    "if not tried:\n    time.sleep(100)",
}
PARAMETERS = f"""units: int = 4  # units [1 to 100]
kind: str = "fine"  # what it does [{" | ".join(KINDS)}]
seed: int = 0  # start [0 to 9]"""
IMPORTS = f"import psutil\nfrom pathlib import Path\nKINDS = {KINDS!r}"
CODE = [IMPORTS, HOLDS, "exec(KINDS[kind])", HOLDS]


def command(folder, *arguments):
    folders = ("--notebooks", str(folder), "--output", str(folder / "runs"))
    return [sys.executable, "-m", "runner", "sweep", *arguments, *folders]


def start(folder, *arguments):
    write_lesson(folder, "01_tiny", CODE, PARAMETERS)
    return subprocess.Popen(
        command(folder, "01", *arguments),
        stdout=-1,
        stderr=-1,
        text=True,
        start_new_session=True,
    )


def rows(folder):
    (path,) = folder.glob("runs/*/results.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def kernels(folder):
    return [int(path.read_text()) for path in folder.glob("runs/*/*/pid") if path.read_text()]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """One sweep in which every kind of run goes wrong: its exit code, output, folder and rows."""
    folder = tmp_path_factory.mktemp("sweep")
    sweep = start(folder, "-g", f"kind={','.join(KINDS)}", "--time-limit", "20")
    sweep.output, sweep.errors = sweep.communicate(timeout=200)
    (sweep.folder,) = folder.glob("runs/*")
    sweep.rows = {row["parameter.kind"]: row for row in rows(folder)}
    return sweep


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("fine", "ok", ""),
        ("loses_worker", "ok", ""),
        ("loses_workers", "worker died", "2 workers died of it"),
        ("loses_kernel", "kernel died", "In [6] exec("),
        ("prints", "ok", ""),
        ("fills_disk", "not saved", "In [6] exec("),
        ("sleeps", "time limit", "In [6] exec("),
    ],
)
def test_each_run_has_the_status_of_what_happened_to_it(troubled, kind, status, error):
    row = troubled.rows[kind]
    assert row["status"] == status
    assert row["error"].startswith(error)
    assert bool(row["error"]) == bool(error)


def test_a_full_disk_leaves_the_notebook_of_before_it_was_full(troubled):
    assert "[Errno 27] File too large" in troubled.rows["fills_disk"]["error"]
    run = troubled.folder / troubled.rows["fills_disk"]["run"]
    assert nbformat.read(run / "01_tiny.ipynb", as_version=4).cells[-1].outputs == []
    assert not list(run.glob(".*.part"))


def test_a_hundred_megabytes_of_text_are_cut(troubled):
    run = troubled.folder / troubled.rows["prints"]["run"]
    size = (run / "01_tiny.ipynb").stat().st_size
    assert MOST_TEXT < size < 1.1 * MOST_TEXT
    assert "[1,000,000 characters are kept]" in (run / "01_tiny.html").read_text()
    assert troubled.rows["prints"]["claims_kept"] == "2"  # what comes after is still there


def test_the_screen_tells_every_run_and_the_sum(troubled):
    assert troubled.returncode == 1
    assert troubled.output.splitlines()[-2:] == [
        "3 ok, 1 kernel died, 1 worker died, 1 not saved, 1 time limit",
        f"Pages: {troubled.folder / 'index.html'}",
    ]
    assert "Traceback" not in troubled.errors
    for row in troubled.rows.values():
        assert f"{row['run']}  kind={row['parameter.kind']}: {row['status']}" in troubled.errors


def test_no_kernel_outlives_the_sweep(troubled):
    (kernel,) = kernels(troubled.folder.parent.parent)
    assert is_gone(kernel)


def test_the_table_and_the_page_of_a_sweep(tmp_path):
    sweep = start(tmp_path, "-g", "units=2,4", "--repeat", "2")
    output, errors = sweep.communicate(timeout=100)
    assert sweep.returncode == 0
    assert output.splitlines()[-2] == "4 ok"
    assert "001  units=2 seed=0: ok, " in errors
    table = rows(tmp_path)
    assert [row["record.accuracy"] for row in table] == ["2.0", "2.1", "4.0", "4.1"]
    assert {row["data_source"] for row in table} == {"stand-in"}
    assert {row["version.python"] for row in table} == {sys.version.split()[0]}
    assert {row["parameter.kind"] for row in table} == {"fine"}
    (page,) = tmp_path.glob("runs/*/index.html")
    text = page.read_text()
    assert '<td data-value="4.1">4.1</td>' in text
    assert '<a href="004/01_tiny.html">004</a>' in text
    assert (page.parent / "004/01_tiny.html").exists()
    assert re.findall('<img alt="(.*?)"', text) == [
        "accuracy over units",
        "by_epoch, a line a run",
    ]
    assert "http" not in text.replace("data:image/svg+xml", "")
    assert events(page.parent / "004") == (
        {"units": 4.0, "kind": "fine"},
        {"accuracy": 4.1},
        [("by_epoch", 1, 0.0), ("by_epoch", 2, 4.0)],
    )


def events(folder):
    """What the run says to TensorBoard: the parameters, the figures, the curves' points."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    (path,) = folder.glob("*tfevents*")
    reader = PyRecordReader_New(str(path))
    found = []
    for _ in range(5):
        reader.GetNext()
        found.append(Event.FromString(reader.record()))
    (start,) = found[1].summary.value
    said = HParamsPluginData.FromString(start.metadata.plugin_data.content).session_start_info
    values = said.hparams.items()
    parameters = {name: getattr(value, value.WhichOneof("kind")) for name, value in values}
    figures = {value.tag: round(value.simple_value, 3) for value in found[2].summary.value}
    points = [
        (point.tag, event.step, point.simple_value)
        for event in found[3:]
        for point in event.summary.value
    ]
    return parameters, figures, points


def test_ctrl_c_ends_the_kernels_and_keeps_what_is_finished(tmp_path):
    sweep = start(tmp_path, "-g", "kind=fine,sleeps", "-g", "units=1,2")
    wait_until(lambda: len(kernels(tmp_path)) == 2, seconds=60)
    os.killpg(sweep.pid, signal.SIGINT)
    output, errors = sweep.communicate(timeout=30)
    assert sweep.returncode == 130
    assert "Traceback" not in errors
    assert "2 ok, 2 interrupted" in output
    assert all(is_gone(kernel) for kernel in kernels(tmp_path))


def test_what_a_killed_sweep_has_finished_is_not_done_again(tmp_path, capsys):
    sweep = start(tmp_path, "-g", "kind=fine,sleeps")
    wait_until(
        lambda: kernels(tmp_path) and any(row["seconds"] != "0.0" for row in rows(tmp_path)), 60
    )
    (folder,) = tmp_path.glob("runs/*")
    resume = ["sweep", "--resume", str(folder), "--notebooks", str(tmp_path)]
    assert __main__.main(resume) == 2  # while the first is at work
    assert "another sweep is at work there" in capsys.readouterr().err
    sweep.kill()
    sweep.communicate()
    wait_until(lambda: all(is_gone(kernel) for kernel in kernels(tmp_path)))
    before = (folder / "001/01_tiny.ipynb").stat().st_mtime_ns

    assert __main__.main([*resume, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "   1  kind=fine  finished",
        "   2  kind=sleeps",
        "1 run of 01_tiny",
    ]
    done = subprocess.run(command(tmp_path, "--resume", str(folder)), check=False)
    assert done.returncode == 0
    assert [row["status"] for row in rows(tmp_path)] == ["ok", "ok"]
    assert (folder / "001/01_tiny.ipynb").stat().st_mtime_ns == before


@pytest.fixture
def planned(tmp_path):
    """A sweep of which nothing was run yet."""
    write_lesson(tmp_path, "01_tiny", CODE, PARAMETERS)
    (lesson,) = lessons.find_lessons(tmp_path)
    points = plan_points(lesson, {}, ["units=1,2"], None, 1)
    (tmp_path / "runs").mkdir()
    sweep_files.write_plan(tmp_path / "runs", lesson, points)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["01", "-g", "units=1,3"],
            "holds a sweep of other runs; without -g and -p it goes on",
        ),
        (
            ["01", "-g", "units=1,2", "-p", "seed=1"],
            "holds a sweep of other runs; without -g and -p it goes on",
        ),
        (["--time-limit", "0"], "--time-limit 0: not seconds, a week at most"),
        (["-p", "seed=1"], "nothing varies: -g name=value,value, --grid FILE or --repeat N"),
    ],
)
def test_a_sweep_does_not_go_on_with_other_runs(planned, capsys, arguments, expected):
    assert resume(planned, capsys, *arguments) == (2, [], expected)


def test_a_sweep_goes_on_with_the_same_runs_and_after_a_change_of_prose(planned, capsys):
    path = planned / "01_tiny.ipynb"
    path.write_text(path.read_text().replace("One sentence.", "Another sentence."))
    for arguments in (["01", "-g", "units=1,2"], []):
        code, lines, error = resume(planned, capsys, *arguments, "--dry-run")
        assert (code, lines[-1], error) == (0, "2 runs of 01_tiny", "")


def test_a_sweep_does_not_go_on_with_other_code(planned, capsys):
    path = planned / "01_tiny.ipynb"
    path.write_text(path.read_text().replace("it holds", "it still holds"))
    expected = "the code of 01_tiny has changed since; start a new sweep"
    assert resume(planned, capsys) == (2, [], expected)


@pytest.mark.parametrize("text", ["", "{}", "[]", None])
def test_a_folder_without_a_sweep_is_refused(planned, capsys, text):
    (planned / "runs/sweep.json").unlink()
    if text is not None:
        (planned / "runs/sweep.json").write_text(text)
    code, _, error = resume(planned, capsys)
    assert code == 2
    assert error.startswith("holds no sweep: sweep.json: ")


@pytest.mark.parametrize("text", ["", "{}", '{"status": "time limit"}', '{"status": "?"}'])
def test_a_run_without_a_whole_result_is_not_finished(planned, text):
    (lesson,) = lessons.find_lessons(planned)
    _, points = sweep_files.read_plan(planned / "runs", [lesson])
    assert sweep_files.finished_runs(planned / "runs", lesson, points) == set()
    for run, content in (("001", text), ("002", None)):
        (planned / "runs" / run).mkdir()
        (planned / "runs" / run / "01_tiny.ipynb").touch()
        (result, _), *_ = sweep_files.results_so_far(planned / "runs", lesson, points)
        result.status = "ok"
        sweep_files.save_result(result, planned / "runs" / run)
        if content is not None:
            (planned / "runs" / run / "result.json").write_text(content)
    assert sweep_files.finished_runs(planned / "runs", lesson, points) == {2}
    (planned / "runs/002/01_tiny.ipynb").unlink()
    assert sweep_files.finished_runs(planned / "runs", lesson, points) == set()


def test_a_full_disk_does_not_end_the_sweep(planned, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweep_runs, "write_sweep_report", full)
    sweep_runs._report(planned / "runs", [], None, all_pictures=True)
    assert capsys.readouterr().err == "runs: no report: [Errno 28] No space left on device\n"


def test_a_curve_is_no_figure(capsys):
    command = ["sweep", "04", "-g", "depth=5,6", "--dry-run", "--figure"]
    assert __main__.main([*command, "validation_accuracy_by_epoch"]) == 2
    assert "04_deep_networks records no 'validation_acc" in capsys.readouterr().err


def test_the_first_figure_is_the_one_asked_for_or_a_telling_one():
    names = ["seconds", "loss", "lesson_01_accuracy", "test_accuracy"]
    assert order_figures(names, None)[:2] == ["test_accuracy", "lesson_01_accuracy"]
    assert order_figures(names, "loss")[:2] == ["loss", "test_accuracy"]


def test_a_figure_that_the_lesson_does_not_record_is_refused(capsys):
    command = ["sweep", "04", "-g", "depth=5,6", "--dry-run", "--figure"]
    assert __main__.main([*command, "test_accuracy"]) == 0
    assert __main__.main([*command, "acuracy"]) == 2
    expected = (
        "error: --figure: 04_deep_networks records no 'acuracy' (did you mean 'test_accuracy'?)"
    )
    assert capsys.readouterr().err.startswith(expected)


FULL = 'mount -t tmpfs -o size=200k disk "$0" && "${@:2}"; code=$?; cp -r "$0" "$1"; exit $code'
CAN_MOUNT = shutil.which("unshare") and os.system("unshare -rm true 2>/dev/null") == 0


@pytest.mark.skipif(not CAN_MOUNT, reason="no right to mount a small disk")
def test_on_a_small_disk_what_fits_is_kept_whole(tmp_path):
    write_lesson(tmp_path, "01_tiny", CODE, PARAMETERS)
    (tmp_path / "runs").mkdir()
    sweep = command(tmp_path, "01", "-g", "kind=fine,prints")
    shell = [
        "unshare",
        "-rm",
        "bash",
        "-c",
        FULL,
        str(tmp_path / "runs"),
        str(tmp_path / "copy"),
    ]
    done = subprocess.run([*shell, *sweep], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (tmp_path / "runs").rmdir()
    (tmp_path / "copy").rename(tmp_path / "runs")
    fine, prints = rows(tmp_path)
    assert (fine["status"], prints["status"]) == ("ok", "not saved")
    assert "[Errno 28] No space left on device" in prints["error"]
    for path in tmp_path.glob("runs/*/*/*.ipynb"):
        assert nbformat.read(path, as_version=4).cells
    assert not list(tmp_path.glob("runs/**/.*.part"))


def test_a_sweep_that_is_killed_leaves_no_kernel_on_a_cluster(tmp_path):
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as theirs:
        sweep = start(tmp_path, "-g", "kind=sleeps", "--scheduler", theirs.scheduler_address)
        wait_until(lambda: kernels(tmp_path), 60)
        sweep.kill()
        sweep.communicate()
        wait_until(lambda: is_gone(*kernels(tmp_path)))


def test_a_cluster_that_is_there_is_used_and_stays(planned):
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as theirs:
        (lesson,) = lessons.find_lessons(planned)
        _, points = sweep_files.read_plan(planned / "runs", [lesson])
        address = theirs.scheduler_address
        results = sweep_runs.run_sweep(planned / "runs", lesson, points, 60, address)
        assert [result.status for result in results] == ["ok", "ok"]
        with Client(address, set_as_default=False) as client:
            assert len(client.nthreads()) == 1


def test_a_scheduler_that_does_not_answer_is_named(planned, capsys, monkeypatch):
    monkeypatch.setattr(cluster, "ANSWERS_WITHIN", "1s")
    code, _, error = resume(planned, capsys, "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2
    assert "--scheduler tcp://127.0.0.1:9: " in error


def resume(folder, capsys, *arguments):
    """Go on with the sweep in runs/; return exit code, lines, and the error but for the folder."""
    runs = folder / "runs"
    code = __main__.main(
        ["sweep", *arguments, "--resume", str(runs), "--notebooks", str(folder)]
    )
    output = capsys.readouterr()
    error = output.err.removeprefix("error: ").strip().removeprefix(f"{runs}").lstrip(": ")
    assert error.count("\n") == 0
    return code, output.out.splitlines(), error
