"""One `course run` of tiny lessons: what each status means, what is told, and what is left."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from helpers import (
    HOLDS,
    PARAMETERS,
    by_lesson,
    command,
    is_gone,
    kernels,
    wait_until,
    write_lesson,
)

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
