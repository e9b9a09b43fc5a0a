"""A batch with tiny lessons, real workers and real kernels, and what goes wrong in one."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace

import nbformat
import pytest
from helpers import (
    HOLDS,
    KINDS,
    KINDS_CODE,
    KINDS_IMPORTS,
    KINDS_PARAMETERS,
    WITHOUT_TENSORFLOW,
    command,
    is_gone,
    kernels,
    options,
    rows,
    start_sweep,
    wait_until,
    write_lesson,
)

from runner import batch, cli, lessons, pool, result
from runner.points import plan_points


def test_the_tables_and_the_page_of_a_sweep(tmp_path):
    sweep = start_sweep(tmp_path, "-g", "units=2,4", "--repeat", "2", tensorflow=True)
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
    assert 'href="004/01_tiny.html"' in text
    assert (page.parent / "004/01_tiny.html").exists()
    assert re.search('<img alt="(.*?)"', text)[1].startswith("accuracy over")
    assert "://" not in text
    assert list(page.parent.glob("004/*tfevents*"))


def test_ctrl_c_ends_the_kernels_and_keeps_what_is_finished(tmp_path):
    sweep = start_sweep(tmp_path, "-g", "kind=fine,lasts", "-g", "units=1,2", "--at-once", "2")
    wait_until(lambda: len(kernels(tmp_path)) == 2, seconds=60)
    os.killpg(sweep.pid, signal.SIGINT)
    output, errors = sweep.communicate(timeout=30)
    assert sweep.returncode == 130
    assert "Traceback" not in errors
    assert "2 ok, 2 interrupted" in output
    assert all(is_gone(kernel) for kernel in kernels(tmp_path))


def test_what_a_killed_sweep_has_finished_is_not_done_again(tmp_path, capsys):
    sweep = start_sweep(tmp_path, "-g", "kind=fine,sleeps")
    wait_until(
        lambda: kernels(tmp_path) and any(row["seconds"] != "0.0" for row in rows(tmp_path)), 60
    )
    (folder,) = tmp_path.glob("runs/*")
    resume = ["sweep", "--resume", str(folder), "--notebooks", str(tmp_path)]
    assert cli.main(resume) == 2  # while the first is at work
    assert "another batch is at work there" in capsys.readouterr().err
    sweep.kill()
    sweep.communicate()
    wait_until(lambda: all(is_gone(kernel) for kernel in kernels(tmp_path)))
    before = (folder / "001/01_tiny.ipynb").stat().st_mtime_ns

    assert cli.main([*resume, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "   1  kind=fine  finished",
        "   2  kind=sleeps",
        "1 run of 01_tiny",
    ]
    done = subprocess.run(command("sweep", tmp_path, "--resume", str(folder)), check=False)
    assert done.returncode == 0
    assert [row["status"] for row in rows(tmp_path)] == ["ok", "ok"]
    assert (folder / "001/01_tiny.ipynb").stat().st_mtime_ns == before


@pytest.fixture
def planned(tmp_path):
    """A sweep of which nothing was run yet."""
    write_lesson(tmp_path, "01_tiny", KINDS_CODE, KINDS_PARAMETERS)
    (lesson,) = lessons.find_lessons(tmp_path)
    points = plan_points(lesson, {}, [], ["units=1,2"], None, 1)
    folder = batch.start(tmp_path / "made", [batch.new_run(lesson, point) for point in points])
    folder.rename(tmp_path / "runs")
    return tmp_path


def resume(folder, capsys, *arguments):
    """Go on with the sweep in runs/; return exit code, lines, and the error but for the folder."""
    runs = folder / "runs"
    code = cli.main(["sweep", *arguments, "--resume", str(runs), "--notebooks", str(folder)])
    output = capsys.readouterr()
    error = output.err.removeprefix("error: ").strip().removeprefix(f"{runs}").lstrip(": ")
    assert error.count("\n") == 0
    return code, output.out.splitlines(), error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["01", "-g", "units=1,3"], "holds other runs; without lessons, -g and -p it goes on"),
        (
            ["01", "-g", "units=1,2", "-p", "seed=1"],
            "holds other runs; without lessons, -g and -p it goes on",
        ),
        (["--time-limit", "0"], "--time-limit 0: not seconds, a week at most"),
        (["--at-once", "0"], "--at-once 0: not a number of runs"),
        (["-p", "seed=1"], "nothing varies: -g name=value,value, --grid FILE or --repeat N"),
    ],
)
def test_a_sweep_does_not_go_on_with_other_runs(planned, capsys, arguments, expected):
    assert resume(planned, capsys, *arguments) == (2, [], expected)


def test_a_sweep_does_not_go_on_with_another_lesson(planned, capsys):
    write_lesson(planned, "02_tiny", KINDS_CODE, KINDS_PARAMETERS)
    expected = "holds other runs; without lessons, -g and -p it goes on"
    assert resume(planned, capsys, "02", "-g", "units=1,2") == (2, [], expected)


def test_a_sweep_goes_on_with_the_same_runs_and_after_a_change_of_prose(planned, capsys):
    path = planned / "01_tiny.ipynb"
    path.write_text(path.read_text().replace("One sentence.", "Another sentence."))
    for arguments in (["01", "-g", "units=1,2"], []):
        code, lines, error = resume(planned, capsys, *arguments, "--dry-run")
        assert (code, lines[-1], error) == (0, "2 runs of 01_tiny", "")


def test_a_sweep_does_not_go_on_with_other_code(planned, capsys):
    path = planned / "01_tiny.ipynb"
    path.write_text(path.read_text().replace("it holds", "it still holds"))
    expected = "the code of 01_tiny has changed since, or another notebook was run: name that, or start anew"
    assert resume(planned, capsys) == (2, [], expected)


def test_what_a_folder_holds_is_not_executed(planned, capsys):
    """Somebody gave it to you, or changed the copy in it: the course's own lesson is run."""
    changed = (planned / "01_tiny.ipynb").read_text().replace("it holds", "changed")
    (planned / "runs/lessons").mkdir()
    (planned / "runs/lessons/01_tiny.ipynb").write_text(changed)
    done = subprocess.run(
        command("sweep", planned, "--resume", str(planned / "runs")),
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0
    run = result.load(planned / "runs/001")
    assert [claim["text"] for claim in run.claims] == ["it holds", "it holds"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"units"', '"unitz"', "01_tiny: no parameter 'unitz' (did you mean 'units'?)"),
        (": 2", ": 2000", "01_tiny: units=2000 is not an int from 1 to 100"),
        ('"01_tiny"', '"02_tiny"', "no lesson '02_tiny' (did you mean '01_tiny'?)"),
    ],
)
def test_a_plan_is_checked_before_it_goes_on(planned, capsys, old, new, expected):
    plan = planned / "runs/batch.json"
    plan.write_text(plan.read_text().replace(old, new))
    code, lines, error = resume(planned, capsys)
    assert (code, lines) == (2, [])
    assert expected in error


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"code": {}, "runs": [1]}', '{"code": {}, "runs": []}', None]
)
def test_a_folder_without_a_batch_is_refused(planned, capsys, text):
    (planned / "runs/batch.json").unlink()
    if text is not None:
        (planned / "runs/batch.json").write_text(text)
    code, _, error = resume(planned, capsys)
    assert code == 2
    assert error.startswith("holds no batch: batch.json: ")


def finished_runs(folder):
    (lesson,) = lessons.find_lessons(folder)
    runs = batch.resume(folder / "runs", {"01_tiny": lesson})
    return [run.name for run in runs if run.status in result.FINISHED]


@pytest.mark.parametrize("text", ["", "{}", '{"status": "time limit"}', '{"status": "?"}'])
def test_a_run_without_a_whole_result_is_not_finished(planned, text):
    (lesson,) = lessons.find_lessons(planned)
    assert finished_runs(planned) == []
    runs = batch.resume(planned / "runs", {"01_tiny": lesson})
    for run, content in zip(runs, (text, None), strict=True):
        run.folder.mkdir()
        run.notebook.touch()
        run.status = result.Status.OK
        result.save(run)
        if content is not None:
            (run.folder / "result.json").write_text(content)
    assert finished_runs(planned) == ["002"]
    (planned / "runs/002/01_tiny.ipynb").unlink()
    assert finished_runs(planned) == []


def test_a_folder_of_other_values_is_not_taken_for_finished(planned):
    (lesson,) = lessons.find_lessons(planned)
    first, second = batch.resume(planned / "runs", {"01_tiny": lesson})
    first.folder.mkdir()
    first.notebook.touch()
    first.status, first.values = result.Status.OK, second.values
    result.save(first)
    assert finished_runs(planned) == []


def test_the_lock_is_one_that_a_shared_file_system_gives(planned, monkeypatch):
    """NFS answers "Bad file descriptor" to an exclusive lock on a file opened to be read."""
    locked = []
    monkeypatch.setattr(fcntl, "flock", lambda file, _: locked.append(file.mode))
    with batch._alone_in(planned / "runs"):
        assert locked == ["rb+"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), TypeError("odd")])
def test_a_report_that_fails_does_not_end_the_batch(planned, capsys, monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(batch, "write_report", fails)
    (lesson,) = lessons.find_lessons(planned)
    runs = batch.resume(planned / "runs", {"01_tiny": lesson})
    assert batch._report(planned / "runs", runs, None, final=True) is False
    assert capsys.readouterr().err == f"runs: no report: {error}\n"


def test_reports_keep_their_distance_and_hold_up_no_run(planned, monkeypatch):
    (lesson,) = lessons.find_lessons(planned)
    runs = [batch.new_run(lesson, {"units": units}) for units in range(1, 41)]
    folder = batch.start(planned / "made", runs)
    said = []

    def submit(run, time_limit):
        future = Future()
        threading.Timer(0.05, future.set_result, [run]).start()
        said.append(run.name)
        return future

    @contextmanager
    def fake(*_):
        yield submit, lambda: 1

    monkeypatch.setattr(pool, "here", fake)
    monkeypatch.setattr(batch, "REPORT_SECONDS", 0.5)
    began = time.monotonic()
    monkeypatch.setattr(batch, "write_report", lambda *_, final: said.append(final))
    assert batch.work(folder, runs, 60)
    assert said[0] is False
    assert said[-1] is True
    assert said[1:3] == ["001", "002"]  # the second is handed out before the first is reported
    assert said[3] is False
    assert said.count(False) < 4 + (time.monotonic() - began) / 0.5


def test_ctrl_c_does_not_make_a_measured_run_an_interrupted_one(planned, monkeypatch):
    (lesson,) = lessons.find_lessons(planned)
    runs = batch.resume(planned / "runs", {"01_tiny": lesson})
    futures = []

    def submit(run, time_limit):
        futures.append((Future(), run))
        return futures[-1][0]

    @contextmanager
    def fake(*_):
        try:
            yield submit, lambda: 2
        finally:  # the first ended in the meantime
            future, run = futures[0]
            future.set_result(replace(run, status=result.Status.OK))

    def ctrl_c(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "here", fake)
    monkeypatch.setattr(batch, "wait", ctrl_c)
    monkeypatch.setattr(batch, "write_report", lambda *_, **__: None)
    assert batch.work(planned / "runs", runs, 60)
    assert [run.status for run in runs] == ["ok", "interrupted"]


def test_a_scheduler_that_goes_away_ends_in_a_report(planned, monkeypatch, capsys):
    @contextmanager
    def fake(*_):
        yield None, slots

    def slots():
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr(pool, "on_workers", fake)
    finals = []
    monkeypatch.setattr(batch, "write_report", lambda *_, final: finals.append(final))
    (lesson,) = lessons.find_lessons(planned)
    runs = batch.resume(planned / "runs", {"01_tiny": lesson})
    assert batch.work(planned / "runs", runs, 60, "tcp://there:1")
    assert finals == [False, True]
    assert capsys.readouterr().err.endswith("runs: ended: Timed out trying to connect\n")


def test_what_another_batch_has_finished_meanwhile_is_not_done_again(planned, monkeypatch):
    (lesson,) = lessons.find_lessons(planned)
    runs = batch.resume(planned / "runs", {"01_tiny": lesson})
    for run in batch.resume(planned / "runs", {"01_tiny": lesson}):
        run.folder.mkdir()
        run.notebook.touch()
        result.save(replace(run, status=result.Status.OK))
    monkeypatch.setattr(pool, "execute", lambda *_, **__: pytest.fail("done again"))
    assert batch.work(planned / "runs", runs, 60)
    assert [run.status for run in runs] == ["ok", "ok"]


@pytest.mark.parametrize("name", ["lessons", "002"])
def test_a_link_in_a_folder_is_not_followed(planned, capsys, name):
    (planned / "mine").mkdir()
    (planned / "runs" / name).symlink_to(planned / "mine")
    assert resume(planned, capsys) == (2, [], f"{name} is a link; start anew")
    assert list((planned / "mine").iterdir()) == []


def test_batches_of_the_same_second_have_folders_of_their_own(planned):
    (lesson,) = lessons.find_lessons(planned)
    run = batch.new_run(lesson, {})
    folders = [batch.start(planned / "many", [run]) for _ in range(4)]
    assert len(set(folders)) == 4


def test_gpus_are_counted_and_each_has_one_run(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    seen = []

    def note(run, time_limit, environment, stop, bar):
        seen.append((environment["CUDA_VISIBLE_DEVICES"], run))
        time.sleep(0.1)
        return run

    monkeypatch.setattr(pool, "execute", note)
    with pool.here(6, None) as (submit, slots):
        assert slots() == 2
        futures = [submit(number, 1) for number in range(6)]
        assert [future.result() for future in futures] == list(range(6))
    assert [device for device, _ in seen[:2]] == ["3", "5"]
    assert {device for device, _ in seen} == {"3", "5"}
    with pool.here(6, 4) as (_, slots):
        assert slots() == 4  # told otherwise


def test_a_curve_is_no_single_record(capsys):
    command = ["sweep", "04", "-g", "depth=5,6", "--dry-run", "--record"]
    assert cli.main([*command, "validation_accuracy_by_epoch"]) == 2
    assert "04_deep_networks records no 'validation_acc" in capsys.readouterr().err


def test_a_record_that_the_lesson_does_not_make_is_refused(capsys):
    command = ["sweep", "04", "-g", "depth=5,6", "--dry-run", "--record"]
    assert cli.main([*command, "test_accuracy"]) == 0
    assert cli.main([*command, "test_acuracy"]) == 2
    expected = "04_deep_networks records no 'test_acuracy' (did you mean 'test_accuracy'?)"
    assert capsys.readouterr().err.startswith(f"error: --record: {expected}")


FULL = 'mount -t tmpfs -o size=200k disk "$0" && "${@:2}"; code=$?; cp -r "$0" "$1"; exit $code'
CAN_MOUNT = shutil.which("unshare") and os.system("unshare -rm true 2>/dev/null") == 0


@pytest.mark.skipif(not CAN_MOUNT, reason="no right to mount a small disk")
def test_on_a_small_disk_what_fits_is_kept_whole(tmp_path):
    write_lesson(tmp_path, "01_tiny", KINDS_CODE, KINDS_PARAMETERS)
    (tmp_path / "runs").mkdir()
    sweep = command("sweep", tmp_path, "01", "-g", "kind=prints,fine")
    shell = ["unshare", "-rm", "bash", "-c", FULL, tmp_path / "runs", tmp_path / "copy"]
    done = subprocess.run([*shell, *sweep], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (tmp_path / "runs").rmdir()
    (tmp_path / "copy").rename(tmp_path / "runs")
    prints, fine = rows(tmp_path)
    assert prints["status"] == "not saved"
    assert "[Errno 28] No space left on device" in prints["error"]
    # a page is larger than the disk: a run without its page is not called ok
    assert fine["status"] == "not saved"
    for path in tmp_path.glob("runs/*/*/*.ipynb"):
        assert nbformat.read(path, as_version=4).cells
    assert not list(tmp_path.glob("runs/**/.*.part"))


@pytest.fixture
def dask(tmp_path):
    """Start `dask scheduler` on loopback and return how to add `dask worker` processes to it."""
    environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    address = tmp_path / "scheduler.json"
    started = []

    def add(*arguments):
        file = ["--scheduler-file", str(address), "--host", "127.0.0.1", "--no-dashboard"]
        with (tmp_path / "dask.log").open("a") as log:
            command = [
                "env",
                WITHOUT_TENSORFLOW,
                sys.executable,
                "-m",
                "dask",
                *arguments,
                *file,
            ]
            process = subprocess.Popen(
                command, env=environment, cwd=tmp_path, stdout=log, stderr=log
            )
        started.append(process)
        return process

    add("scheduler", "--port", "0")
    wait_until(lambda: address.exists() and address.read_text(), 30)
    add.address = json.loads(address.read_text())["address"]
    add.worker = lambda *more: add("worker", "--nthreads", "1", "--no-nanny", *more)
    yield add
    for process in started:
        process.kill()
        process.wait()


def test_workers_come_and_go_and_every_run_is_done(dask, tmp_path):
    first, _ = dask.worker(), dask.worker()
    sweep = start_sweep(
        tmp_path, "-g", "units=1,2,3,4,5,6,7", "-p", "kind=waits", "--scheduler", dask.address
    )
    wait_until(lambda: len(kernels(tmp_path)) == 2, 60)
    first.kill()
    dask.worker()
    output, errors = sweep.communicate(timeout=120)
    assert (sweep.returncode, output.splitlines()[-2]) == (0, "7 ok"), errors
    started = {(row["run"], row["status"]) for row in rows(tmp_path)}
    assert started == {(f"{number:03d}", "ok") for number in range(1, 8)}


def test_a_run_that_costs_every_worker_its_life_is_given_up(dask, tmp_path):
    dask.worker(), dask.worker(), dask.worker()
    KINDS["loses_worker"] = "psutil.Process().parents()[2].kill()\ntime.sleep(100)"
    write_lesson(
        tmp_path, "01_tiny", [KINDS_IMPORTS, HOLDS, KINDS.pop("loses_worker")], KINDS_PARAMETERS
    )
    run = command("run", tmp_path, "01", "--scheduler", dask.address)
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (row,) = rows(tmp_path)
    assert row["status"] == "worker died"
    assert row["error"].startswith("KilledWorker: ")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_that_is_ended_leaves_no_kernel_on_a_worker(dask, tmp_path, how):
    dask.worker()
    sweep = start_sweep(tmp_path, "-g", "kind=waits,sleeps", "--scheduler", dask.address)
    wait_until(lambda: kernels(tmp_path), 60)
    sweep.send_signal(how)
    _, errors = sweep.communicate(timeout=30)
    assert "Traceback" not in errors
    wait_until(lambda: all(map(is_gone, kernels(tmp_path))))


def test_a_worker_that_may_start_no_process_says_so(dask, tmp_path):
    dask("worker", "--nthreads", "1", "--nanny")
    sweep = start_sweep(tmp_path, "-g", "units=1,2", "--scheduler", dask.address)
    sweep.communicate(timeout=100)
    assert {row["status"] for row in rows(tmp_path)} == {"worker died"}
    assert "DASK_DISTRIBUTED__WORKER__DAEMON=False" in rows(tmp_path)[0]["error"]


def test_a_scheduler_that_does_not_answer_is_named(planned, capsys, monkeypatch):
    monkeypatch.setattr(pool, "ANSWERS_WITHIN", "1s")
    code, _, error = resume(planned, capsys, "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2
    assert "--scheduler tcp://127.0.0.1:9: " in error


def test_without_a_scheduler_no_port_is_open_and_no_dask_is_there(tmp_path):
    write_lesson(tmp_path, "01_tiny", KINDS_CODE, KINDS_PARAMETERS)
    code = """if True:
        import sys, psutil
        from runner import cli, process
        asked = process._ask
        def ports(process):
            try:
                found = process.net_connections("inet")
            except psutil.NoSuchProcess:  # it has just ended
                return []
            return [one for one in found if one.status == psutil.CONN_LISTEN]
        def look(*arguments):
            here = psutil.Process()
            family = [here, *here.children(recursive=True)]
            print(f"open {[one for process in family for one in ports(process)]}\\n", end="")
            return asked(*arguments)
        process._ask = look
        cli.main(sys.argv[1:])
        print("dask", [name for name in sys.modules if name.startswith(("dask", "distributed"))])"""
    run = ["env", WITHOUT_TENSORFLOW, sys.executable, "-c", code]
    # one by one: ipykernel has a port on loopback for the prints of its children
    run += options("sweep", tmp_path, "01", "-g", "units=1,2", "--at-once", "1")
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.count("open []") == 4
    assert "dask []" in done.stdout
