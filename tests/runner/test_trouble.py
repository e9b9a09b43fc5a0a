"""One sweep with all that can go wrong in a run: what is told of each, and what is left."""

import nbformat
import pytest
from helpers import KINDS, is_gone, kernels, rows, start_sweep

from runner.engine import MOST_TEXT


@pytest.fixture(scope="module")
def troubled(tmp_path_factory):
    """One sweep in which every kind of run goes wrong: its exit code, output, folder and rows."""
    folder = tmp_path_factory.mktemp("sweep")
    kinds = [kind for kind in KINDS if kind not in ("lasts", "waits")]
    sweep = start_sweep(folder, "-g", f"kind={','.join(kinds)}", "--time-limit", "20")
    sweep.output, sweep.errors = sweep.communicate(timeout=200)
    (sweep.folder,) = folder.glob("runs/*")
    sweep.rows = {row["parameter.kind"]: row for row in rows(folder)}
    return sweep


@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("fine", "ok", ""),
        ("loses_process", "worker died", "In [6] exec("),
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
        "2 ok, 1 kernel died, 1 worker died, 1 not saved, 1 time limit",
        f"Pages: {troubled.folder / 'index.html'}",
    ]
    assert "Traceback" not in troubled.errors
    for row in troubled.rows.values():
        assert f"{row['run']}  kind={row['parameter.kind']}: {row['status']}" in troubled.errors


def test_no_kernel_outlives_the_sweep(troubled):
    (kernel,) = kernels(troubled.folder.parent.parent)
    assert is_gone(kernel)
