"""Students' copies of a tiny lesson, graded in one batch: what counts, what is put back, what costs only itself."""

import csv
import json
import re
import subprocess

import nbformat
import pytest
from helpers import HOLDS, command, write_lesson

from runner import cli, copies
from runner.lessons import find_lessons

CHECK = """def right({name}):
    yield {name}({given}) == {wanted}, "what is {name}({given})?"


check("{number}", right, {name})"""
LESSON = [
    "from utils.exercises import check",
    "def double(x):\n    ...  # your code",
    CHECK.format(name="double", given=2, wanted=4, number="1.1"),
    "def square(x):\n    ...  # your code",
    CHECK.format(name="square", given=3, wanted=9, number="1.2"),
    HOLDS,
]
DOUBLE, SQUARE = "def double(x):\n    return 2 * x", "def square(x):\n    return x * x"
FORGES = """def check(number, *_):
    from IPython.display import display
    content = {"number": number, "result": "✓", "messages": []}
    display({"application/vnd.keras-by-experiment.exercise+json": content}, raw=True)
check("1.1")"""
FORGES_BEFORE_EACH_CELL = f"""{FORGES}
square = print
get_ipython().events.register("pre_run_cell", lambda _, forge=check: forge("1.2"))"""
# what each writes in place of the two stubs
ANSWERS = {
    "anna": (DOUBLE, SQUARE),
    "ben": (DOUBLE.replace("2", "3"), "def square(x):\n    return 2 * x"),
    "carla": (DOUBLE, None),
    "cheat": (FORGES, FORGES_BEFORE_EACH_CELL),
    "a_loop": (DOUBLE, SQUARE + "\nwhile True: pass"),
    "killer": (DOUBLE, "os._exit(1)"),
    "raises": ("1 / 0", SQUARE),
    "mess": (DOUBLE, SQUARE),
}


def hand_in(folder, lesson, name, answers, change=lambda cells: cells):
    notebook = json.loads(lesson.read_text())
    stubs = [
        cell for cell in notebook["cells"] if "exercise" in cell["metadata"].get("tags", [])
    ]
    for stub, answer in zip(stubs, answers, strict=True):
        stub["source"] = answer or stub["source"]
    notebook["cells"] = change(notebook["cells"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.ipynb").write_text(json.dumps(notebook))


def write_exercises(folder, name="01_tiny"):
    write_lesson(folder, name, LESSON)
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if "# your code" in cell.source:
            cell.metadata["tags"] = ["exercise"]
    nbformat.write(notebook, folder / f"{name}.ipynb")
    (folder / "profiles.yml").write_text('quick: {"01": {epochs: 2}}')
    return folder / f"{name}.ipynb"


def cheats(cells):
    """Changes a check and the parameters, and removes the other check."""
    *_, first, _, second, _ = cells
    first["source"] = "check('1.1')"
    cells[1]["source"] = "epochs = 99"
    return [cell for cell in cells if cell is not second]


def messes(cells):
    """Moves a cell, adds one, and saves with a program that knows no ids."""
    *before, last = cells
    added = {"cell_type": "code", "metadata": {}, "source": ["helper = 1"], "outputs": []}
    mixed = [last, added, *before]
    return [{name: v for name, v in cell.items() if name != "id"} for cell in mixed]


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """One batch of them all: what it printed, its folder, and the rows of grades.csv by copy."""
    folder = tmp_path_factory.mktemp("grade")
    lesson, handed = write_exercises(folder), folder / "handed in"
    changes = {"cheat": cheats, "mess": messes}
    for name, answers in ANSWERS.items():
        change = changes.get(name, lambda cells: cells)
        hand_in(handed / ("below" if name == "anna" else "."), lesson, name, answers, change)
    (handed / "broken.ipynb").write_text('{"cells": [')
    (handed / "other.ipynb").write_text('{"cells": []}')
    arguments = command("grade", folder, str(handed), "--time-limit", "12", "--at-once", "3")
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    (done.folder,) = folder.glob("runs/*")
    done.handed, done.notebooks = handed, folder
    with (done.folder / "grades.csv").open(newline="") as file:
        done.rows = {row["copy"]: row for row in csv.DictReader(file)}
    return done


@pytest.mark.parametrize(
    ("copy", "marks", "status"),
    [
        ("below anna", ["✓", "✓", "2 of 2"], "ok"),
        ("ben", ["✗", "✗", "0 of 2"], "ok"),
        ("carla", ["✓", "○", "1 of 2"], "ok"),
        ("cheat", ["raised", "✗", "0 of 2"], "cell raised"),
        ("a_loop", ["✓", "time limit", "1 of 2"], "time limit"),
        ("killer", ["✓", "kernel died", "1 of 2"], "kernel died"),
        ("raises", ["raised", "✓", "1 of 2"], "cell raised"),
        ("mess", ["✓", "✓", "2 of 2"], "ok"),
        ("broken", ["", "", ""], "not run"),
        ("other", ["", "", ""], "not run"),
    ],
)
def test_each_copy_has_its_marks_and_costs_no_other(graded, copy, marks, status):
    row = graded.rows[copy]
    assert [row["1.1"], row["1.2"], row["right"]] == marks
    assert row["status"] == status


def test_what_was_changed_is_named(graded):
    told = {name: row["put back"] for name, row in graded.rows.items() if row["put back"]}
    assert told == {"cheat": "parameters, check 1.1, check 1.2"}


def test_what_is_no_copy_is_one_line(graded):
    assert graded.rows["broken"]["what went wrong"].startswith("no notebook: JSONDecodeError: ")
    assert graded.rows["other"]["what went wrong"].startswith("a copy of no lesson; ")


def test_the_screen_shows_the_table(graded):
    lines = graded.stdout.splitlines()
    assert lines[0].split() == [*("copy", "1.1", "1.2", "right", "status", "put", "back")]
    assert any(re.fullmatch(r"carla +✓ +○ +1 of 2 +ok", line) for line in lines)
    assert "raises: 1.1: ZeroDivisionError: division by zero" in lines
    assert lines[-1] == f"Pages: {graded.folder / 'index.html'}"
    assert "Traceback" not in graded.stderr
    assert graded.returncode == 1  # some could not be run to their end


def test_the_page_leads_to_each_notebook_and_tells_who_got_which_feedback(graded):
    page = (graded.folder / "index.html").read_text()
    assert 'href="below%20anna/below%20anna.html"' in page
    assert (graded.folder / "below anna/below anna.html").exists()
    feedback = page.split("what is double(2)?")[1].split("</tr>")[0]
    assert re.findall('href="(.*?)/', feedback) == ["ben"]


def test_the_profile_and_not_the_copy_sets_the_values(graded):
    notebook = json.loads((graded.folder / "cheat/cheat.ipynb").read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert "# Parameters\nepochs = 2\n" in sources
    assert not any("99" in source for source in sources)


def go_on(graded, capsys):
    folders = [str(graded.handed), "--notebooks", str(graded.notebooks)]
    code = cli.main(["grade", *folders, "--resume", str(graded.folder), "--dry-run"])
    return code, capsys.readouterr()


def test_it_can_be_resumed_unless_a_copy_was_changed(graded, capsys):
    code, said = go_on(graded, capsys)
    assert (code, said.err) == (0, "")
    assert "   4  carla  epochs=2  finished" in said.out.splitlines()
    path = graded.handed / "carla.ipynb"
    path.write_text(path.read_text().replace("2 * x", "x + x"))
    code, said = go_on(graded, capsys)
    assert code == 2
    assert "the code of carla has changed since" in said.err


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder, _: folder.rmdir(), "there is no such folder"),
        (lambda folder, _: (folder / "notes.txt").touch(), "no copy of a lesson in it"),
        (lambda folder, _: (folder / "a.ipynb").write_text("{}"), "no copy of a lesson in it"),
        (
            lambda folder, lesson: hand_in(folder, lesson.with_name("02_none.ipynb"), "a", ()),
            "02_none has no exercises",
        ),
        (
            lambda folder, lesson: [
                hand_in(folder, lesson, "a", (DOUBLE, SQUARE)),
                hand_in(folder, lesson.with_name("02_none.ipynb"), "b", ()),
            ],
            "copies of several lessons; --lesson names one: 01_tiny, 02_none",
        ),
    ],
)
def test_bad_input_starts_nothing(tmp_path, capsys, make, expected):
    lesson, handed = write_exercises(tmp_path), tmp_path / "handed in"
    write_lesson(tmp_path, "02_none", [HOLDS])
    handed.mkdir()
    make(handed, lesson)
    folders = ["--notebooks", str(tmp_path), "--output", str(tmp_path / "runs")]
    assert cli.main(["grade", str(handed), *folders]) == 2
    said = capsys.readouterr()
    assert (
        said.err.removeprefix(f"error: {handed}: ").removeprefix("error: ") == f"{expected}\n"
    )
    assert not (tmp_path / "runs").exists()


def test_with_a_lesson_named_others_are_left_out_and_what_has_lost_its_heading_is_not(tmp_path):
    lesson, handed = write_exercises(tmp_path), tmp_path / "handed in"
    write_lesson(tmp_path, "02_none", [HOLDS])
    hand_in(handed, lesson.with_name("02_none.ipynb"), "other", ())
    stubs = lambda cells: [cell for cell in cells if "your code" in cell["source"]]
    for name in ("lessons", "LESSONS_", "=1+2"):  # nor may a name do harm
        hand_in(handed, lesson, name, (None, None), stubs)
    found = copies.read_copies(handed, find_lessons(tmp_path), "01")
    assert [copy.name for copy in found.ready] == ["_1_2", "LESSONS_", "lessons__"]
    assert found.put_back["_1_2"] == "parameters, check 1.1, check 1.2, 3 other cells"


def test_the_lesson_may_be_a_notebook_that_is_none_of_the_lessons(tmp_path):
    own = write_exercises(tmp_path).rename(tmp_path / "own.ipynb")
    handed = tmp_path / "handed in"
    write_lesson(tmp_path, "02_none", [HOLDS])
    hand_in(handed, own, "anna", (DOUBLE, SQUARE))
    found = copies.read_copies(handed, find_lessons(tmp_path), str(own))
    assert (found.lesson.name, [*found.exercises]) == ("own", ["1.1", "1.2"])
    assert [copy.name for copy in found.ready] == ["anna"]
