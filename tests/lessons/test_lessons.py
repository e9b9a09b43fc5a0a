"""What holds for every lesson, now and later: its form, its stored outputs, and how it is tagged."""

import ast
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers import quick_run

from runner import cli
from runner.lessons import find_lessons
from runner.parameters import read_parameters
from utils.paths import NOTEBOOKS, PROJECT
from utils.results import collect

LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
NAMES = [path.stem for path in LESSONS]
IGNORED = "nbval-ignore-output"
TAGS = {"parameters", IGNORED, "exercise", "hide-input"}
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/])/(home|root|tmp|usr|Users|var|opt|mnt)/|[A-Z]:\\")
BOLD = re.compile(r"^- \*\*(.+?)\*\*", re.MULTILINE)


@pytest.fixture(scope="module", params=LESSONS, ids=NAMES)
def lesson(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(lesson):
    return [cell for cell in lesson.cells if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def python(cell):
    return "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))


def sections(lesson):
    """Map each heading to the text below it, over all Markdown cells."""
    text = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    parts = re.split(r"^(?:## |\*\*(?=In this lesson))(.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_there_are_lessons_numbered_without_gaps():
    assert [name[:2] for name in NAMES] == [
        f"{number:02d}" for number in range(1, len(NAMES) + 1)
    ]
    assert NAMES


def test_every_notebook_is_a_lesson_and_nbval_collects_each_of_its_code_cells():
    command = [sys.executable, "-m", "pytest", "--nbval", "--collect-only", "-q", "notebooks"]
    listing = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert sorted(NOTEBOOKS.rglob("*.ipynb")) == LESSONS
    for path in LESSONS:
        collected = listing.count(f"notebooks/{path.name}::")
        assert collected == len(code_cells(nbformat.read(path, as_version=4))), path.name


def test_it_opens_with_title_table_and_three_to_five_bullets(lesson):
    first = lesson.cells[0].source
    assert re.match(r"# \d\d · .+", first)
    assert re.search(
        r"^\| Minutes on two CPU cores \|( Minutes to study \|)? Data \| Before this \|\n\|[-|]+\|\n\| \d+ \|",
        first,
        re.MULTILINE,
    )
    assert 3 <= len(BOLD.findall(first)) <= 5


def test_the_closing_bullets_answer_the_opening_ones_in_order(lesson):
    found = sections(lesson)
    opening, closing = (
        BOLD.findall(found[name]) for name in ("In this lesson you will**", "What you saw")
    )
    assert [text.lower() for text in closing] == [text.lower() for text in opening]


def test_the_parameters_cell_is_the_first_and_says_type_default_meaning_and_range(lesson):
    tagged = [
        number for number, cell in enumerate(code_cells(lesson)) if "parameters" in tags(cell)
    ]
    assert tagged == [0]
    assert read_parameters(lesson, "lesson")  # says which line is not as agreed


def test_every_parameter_is_used(lesson):
    _, *rest = code_cells(lesson)
    nodes = [node for cell in rest for node in ast.walk(ast.parse(python(cell)))]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    assert set(read_parameters(lesson, "lesson")) - used == set()


@pytest.mark.parametrize("path", LESSONS, ids=NAMES)
def test_no_import_or_variable_is_unused(path):
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_code_cells_are_short(lesson):
    lengths = [
        len([line for line in cell.source.splitlines() if line.strip()])
        for cell in code_cells(lesson)
        if "parameters" not in cell.metadata.get("tags", [])  # as long as there are parameters
    ]
    assert min(lengths) > 0
    assert max(lengths) <= 12
    assert statistics.median(lengths) <= 8


def test_at_most_three_code_cells_stand_without_prose_between(lesson):
    """A cell of claims or figures may follow its computation; then it is the reader's turn."""
    kinds = "".join(cell.cell_type[0] for cell in lesson.cells[4:])
    assert "cccc" not in kinds


def test_it_is_stored_executed_from_top_to_bottom_without_an_error(lesson):
    assert [cell.execution_count for cell in code_cells(lesson)] == list(
        range(1, len(code_cells(lesson)) + 1)
    )
    kinds = {output.output_type for cell in code_cells(lesson) for output in cell.outputs}
    assert "error" not in kinds


def test_nothing_was_written_to_stderr_and_no_warning_is_stored(lesson):
    streams = [
        output
        for cell in code_cells(lesson)
        for output in cell.outputs
        if output.output_type == "stream"
    ]
    assert [
        output.text for output in streams if output.name == "stderr" or "Warning" in output.text
    ] == []


def test_stored_outputs_come_from_the_real_data(lesson):
    _, records = collect(lesson)
    assert records["data_source"] in ("real", "made by the lesson")


def test_every_claim_is_stored_kept_and_compared_by_nbval(lesson):
    claims, _ = collect(lesson)
    assert claims
    assert [claim["text"] for claim in claims if not claim["holds"]] == []
    assert [
        cell.source
        for cell in code_cells(lesson)
        if IGNORED in tags(cell) and "claim(" in cell.source
    ] == []


def test_only_known_tags_and_no_comment_markers_are_used(lesson):
    assert {tag for cell in lesson.cells for tag in tags(cell)} <= TAGS
    assert not any(
        re.search(r"^\s*#\s*(NBVAL|PYTEST)_", cell.source, re.MULTILINE)
        for cell in code_cells(lesson)
    )


def test_fewer_than_half_of_the_cells_are_ignored(lesson):
    ignored = [cell for cell in code_cells(lesson) if IGNORED in tags(cell)]
    assert len(ignored) < len(code_cells(lesson)) / 2


@pytest.mark.parametrize("path", LESSONS, ids=NAMES)
def test_the_file_is_small_and_holds_no_path_of_a_machine(path):
    assert path.stat().st_size <= 500_000
    lesson = nbformat.read(path, as_version=4)
    for cell in lesson.cells:  # pictures are base64, in which anything can stand
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
    text = nbformat.writes(lesson)
    assert ABSOLUTE_PATH.search(text) is None
    assert str(PROJECT) not in text
    assert str(Path.home()) not in text
    assert "papermill" not in lesson.metadata


def test_links_to_other_lessons_lead_somewhere(lesson):
    text = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", text):
        assert (NOTEBOOKS / target).is_file(), target


# the others' short run is that with answers to their exercises (test_exercises.py)
UNASKED = [one for one in find_lessons() if '"exercise"' not in one.path.read_text("utf-8")]


@pytest.mark.parametrize("lesson", UNASKED, ids=[lesson.name for lesson in UNASKED])
def test_a_short_run_in_another_folder_keeps_every_claim(lesson, tmp_path):
    shutil.copy(lesson.path, tmp_path)
    run = quick_run(lesson, tmp_path)
    assert (run.status, run.problems) == ("ok", [])
    assert run.claims


PLOTS = """if True:
    import json, sys, keras, tempfile
    from pathlib import Path
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    run_folder = Path(sys.argv[1])
    for cell in json.loads(Path(sys.argv[2]).read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and "plot_model(" in source:
            exec(source)
            print("plotted")"""


@pytest.mark.parametrize("name", ["09_full_pipeline"])  # 07's is in utils.plots, tested there
def test_a_graphviz_that_is_there_and_not_configured_costs_no_lesson(name, tmp_path):
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\necho 'There is no layout engine support' >&2\nexit 1\n")
    dot.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-c", PLOTS, tmp_path, NOTEBOOKS / f"{name}.ipynb"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "plotted"), done.stderr


def test_the_stored_times_fit_the_minutes_that_the_title_promises(lesson):
    minutes = int(re.search(r"^\| (\d+) \|", lesson.cells[0].source, re.MULTILINE)[1])
    text = "\n".join(
        output.text
        for cell in code_cells(lesson)
        for output in cell.outputs
        if output.output_type == "stream"
    )
    times = re.findall(
        r"^time: (?:(\d+)min )?([\d.]+) ?(s|ms|μs|ns) \(started", text, re.MULTILINE
    )
    unit = {"s": 1, "ms": 1e-3, "μs": 1e-6, "ns": 1e-9}
    seconds = sum(
        60 * int(more or 0) + float(value) * unit[name] for more, value, name in times
    )
    assert len(times) == len(code_cells(lesson)) - 1  # the parameters come before autotime
    assert 0 < seconds <= 60 * minutes


def test_the_sweeps_that_a_lesson_proposes_can_be_started(lesson, capsys):
    text = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    sweeps = re.findall(r"^course (sweep .+)$", text.replace("\\\n", " "), re.MULTILINE)
    for command in sweeps:
        assert cli.main([*shlex.split(command), "--dry-run"]) == 0, capsys.readouterr().err
    assert sweeps, "an open experiment proposes a sweep"
