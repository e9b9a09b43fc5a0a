"""Exercises: their form in a lesson, and that their checks tell right answers from wrong ones.

An exercise is four cells in a row, at the end of a section, two to four in a lesson:

- Task, Markdown: ``### Exercise 1.1 · Short title``, the task, and two hints, a nudge and then
  nearly the answer, each ``<details><summary>Hint 1</summary>``, a blank line, text, a blank line,
  ``</details>``. Without the blank lines Markdown is not rendered in there.
- Stub, code, tag ``exercise``: ``name = ...  # your code``, or a function whose whole body that is.
  Its names are the exercise's own: no later cell may depend on whether it was solved.
- Check, code, tag ``hide-input`` and ``source_hidden``: ``def conditions(name)``, which yields
  ``(holds, message)``, and ``check("1.1", conditions, name)``.
- Solution, Markdown, folded like a hint: one fence of Python, which takes the stub's place, then
  what it measured and why.

``exercises/01.yml`` holds for each exercise what a student may plausibly write into the stub cell:
two or more wrong answers, each with a part of the feedback it must get, and right ones beside the
lesson's solution, where there are any. An answer raises nothing by itself. ::

    "1.1":
      wrong:
        - answer: layer_size = 784 * 300
          feedback: what else does a unit have
        - answer: |
            biases = 784
            layer_size = 784 * 300 + biases
          feedback: 784 weights and 1 bias
      right:
        - layer_size = 784 * 300 + 300

All of them are tried in one quick run of the lesson; ``pytest tests/lessons/test_exercises.py -k
01`` does it for one lesson.
"""

import ast
import copy
import json
import re
import symtable
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from helpers import quick_values, write_lesson
from nbformat.v4 import new_code_cell, new_markdown_cell

from runner import process
from runner.parameters import read_yaml
from runner.result import Run
from utils.exercises import collect_exercises
from utils.paths import NOTEBOOKS

ANSWERS = Path(__file__).parent / "exercises"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
NAMES = [path.stem for path in LESSONS]

FOLDED = re.compile(
    r"^<details><summary>([^<]+)</summary>\n\n(.+?)\n\n</details>$", re.MULTILINE | re.DOTALL
)
HEADING = re.compile(r"### Exercise (\d+\.\d+) · .+\n\n")
SOLUTION = re.compile(r"```python\n(.+?)\n```\n\n(?!```)\S.+", re.DOTALL)
COLLAPSED = {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}


class Exercise(NamedTuple):
    """The four cells of an exercise."""

    task: dict
    stub: dict
    check: dict
    solution: dict

    @property
    def number(self) -> str:
        return HEADING.match(self.task.source)[1]

    @property
    def answer(self) -> str:
        """The code of the solution."""
        return SOLUTION.match(FOLDED.match(self.solution.source)[2])[1]


def is_stub(cell):
    return "exercise" in cell.metadata.get("tags", [])


def exercises(lesson):
    starts = [at - 1 for at, cell in enumerate(lesson.cells) if is_stub(cell)]
    return [Exercise(*lesson.cells[start : start + 4]) for start in starts]


def read(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def form_faults(lesson, number):
    """Say what is not of the agreed form in the exercises of the lesson of this number."""
    found = exercises(lesson)
    faults = [] if 2 <= len(found) <= 4 else [f"two to four exercises, not {len(found)}"]
    for place, (task, stub, check, solution) in enumerate(found, start=1):
        name = f"{number}.{place}"
        after = lesson.cells[lesson.cells.index(solution) + 1 :]
        hints, folded = FOLDED.findall(task.source), FOLDED.fullmatch(solution.source)
        kinds = [cell.cell_type for cell in (task, stub, check, solution)]
        needed = {
            "cells: Markdown, code, code, Markdown": kinds
            == ["markdown", "code", "code", "markdown"],
            f"the task opens with '### Exercise {name} · …'": (
                (heading := HEADING.match(task.source)) and heading[1] == name
            ),
            "the task ends with Hint 1 and Hint 2, folded, blank lines around their texts": (
                [title for title, _ in hints] == ["Hint 1", "Hint 2"]
                and task.source.count("<details") == 2
                and task.source.endswith("</details>")
            ),
            "'...  # your code' in the stub": "...  # your code" in stub.source,
            f"the check cell is collapsed: {COLLAPSED}": check.metadata == COLLAPSED,
            f'the check cell defines conditions(…) and ends with check("{name}", conditions, …)': (
                re.match(r"def conditions\(", check.source)
                and re.search(rf'\n\n\ncheck\("{name}", conditions, .+\)$', check.source)
            ),
            "the solution is folded, and is a fence of Python and what it measured": (
                folded and folded[1] == "Solution" and SOLUTION.fullmatch(folded[2])
            ),
            "a heading comes next": after and re.match("#+ ", after[0].source),
        }
        faults += [f"{name}: {rule}" for rule, kept in needed.items() if not kept]
    return faults


def python(cell):
    return re.sub(r"^[%!].*$", "", cell.source, flags=re.MULTILINE)


def assigned(code):
    """The names that code gives a value to, those in its functions aside."""
    symbols = symtable.symtable(code, "answer", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned()}


def names(code):
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


def shared_names(lesson):
    """Say which names of an exercise other cells use; ``conditions`` is every check's own."""
    shared, code = [], [cell for cell in lesson.cells if cell.cell_type == "code"]
    for exercise in exercises(lesson):
        sources = python(exercise.stub), exercise.check.source, exercise.answer
        own = set().union(*map(assigned, sources))
        for cell in code:
            if cell not in (exercise.stub, exercise.check):
                is_check = cell.metadata == COLLAPSED and "conditions" in assigned(python(cell))
                used = names(python(cell)) - ({"conditions"} if is_check else set())
                where = f"occurs also in the cell {cell.source[:40]!r}"
                shared += [f"{exercise.number}: {name} {where}" for name in sorted(own & used)]
    return shared


class Expected(NamedTuple):
    """What the check must say to an answer."""

    number: str
    answer: str
    result: str
    feedback: str = ""

    def fault(self, said):
        """Say how what was said differs, if it does."""
        messages = " / ".join(said["messages"])
        got = f"{said['result']} {said['number']}: "
        wanted = f"{self.result} {self.number}: "
        kept = got == wanted and self.feedback in messages
        return (
            "" if kept else f"{self.answer!r} got {got}{messages}, not {wanted}{self.feedback}"
        )


def answered(lesson, answers):
    """Return a copy of the lesson in which every answer stands, and what each check must say."""
    lesson, expected = copy.deepcopy(lesson), []
    for exercise in exercises(lesson):
        number, mine = exercise.number, answers[exercise.number]
        right = [*mine.get("right", []), exercise.answer]
        inserted = [
            *(Expected(number, one["answer"], "✗", one["feedback"]) for one in mine["wrong"]),
            *(Expected(number, answer, "✓") for answer in right),
        ]
        expected += [Expected(number, exercise.stub.source, "○"), *inserted]
        sources = [code for one in inserted for code in (one.answer, exercise.check.source)]
        place = lesson.cells.index(exercise.solution)
        lesson.cells[place:place] = map(new_code_cell, sources)
    return lesson, expected


def answer_faults(name, lesson, answers, folder, changes):
    """Run the lesson with every answer in it; say which check, or which claim, went wrong."""
    notebook, expected = answered(lesson, answers)
    nbformat.write(notebook, folder / f"{name}.ipynb")
    run = Run(name, "", folder / f"{name}.ipynb", folder / "run" / name, changes, changes)
    run = process.execute(run, 600, {})
    said = collect_exercises(json.loads(run.notebook.read_text(encoding="utf-8")))
    faults = [*run.problems, *map(Expected.fault, expected, said)]
    if len(said) != len(expected):
        faults.append(f"of {len(expected)} checks {len(said)} came to an end")
    return [fault for fault in faults if fault]


def test_every_lesson_has_exercises():
    assert [name for name in NAMES if not exercises(read(name))] == []


@pytest.mark.parametrize("name", NAMES)
def test_exercises_have_their_form_and_names_of_their_own(name):
    lesson = read(name)
    assert form_faults(lesson, int(name[:2])) == []
    assert shared_names(lesson) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_has_two_wrong_answers_and_their_feedback(name):
    answers = read_yaml(ANSWERS / f"{name[:2]}.yml")
    assert list(answers) == [exercise.number for exercise in exercises(read(name))]
    for number, mine in answers.items():
        assert len(mine["wrong"]) >= 2, number
        assert {frozenset(one) for one in mine["wrong"]} == {frozenset(("answer", "feedback"))}
        assert set(mine) <= {"wrong", "right"}, number
        assert all(one["feedback"] for one in mine["wrong"]), number


@pytest.mark.parametrize("name", NAMES)
def test_checks_refuse_wrong_answers_and_pass_right_ones(name, tmp_path):
    answers = read_yaml(ANSWERS / f"{name[:2]}.yml")
    assert answer_faults(name, read(name), answers, tmp_path, quick_values(name)) == []


TASK = """### Exercise 1.{place} · Double it

Double it.

<details><summary>Hint 1</summary>

Once is not enough.

</details>

<details><summary>Hint 2</summary>

Multiply by 2.

</details>"""
SOLVED = """<details><summary>Solution</summary>

```python
{answer}
```

It is 6, because 3 is there twice.

</details>"""
NUMBER = """def conditions(double):
    yield double > 3, "more than once"
    yield double == 6, "not twice"


check("1.1", conditions, double)"""
FUNCTION = """def conditions(doubled):
    yield doubled(2) == 4, "2 should become 4"
    yield doubled(5) == 10, "5 should become 10"


check("1.2", conditions, doubled)"""
ANSWERED = {
    "1.1": {
        "wrong": [
            {"answer": "double = 3", "feedback": "more than once"},
            {"answer": "double = 9", "feedback": "not twice"},
            {"answer": "double = '33'", "feedback": "your answer (str) raised TypeError"},
        ],
        "right": ["half = 3\ndouble = half + half"],
    },
    "1.2": {
        "wrong": [
            {"answer": "def doubled(x):\n    return x + 2", "feedback": "5 should become 10"},
            {"answer": "def doubled(x):\n    return x * x", "feedback": "5 should become 10"},
        ]
    },
}


@pytest.fixture
def tiny(tmp_path):
    """A lesson with two exercises and a claim behind them."""
    write_lesson(tmp_path, "01_tiny", ["from utils.exercises import check\n\nthree = 3"])
    lesson = nbformat.read(tmp_path / "01_tiny.ipynb", as_version=4)
    for place, (stub, check, answer) in enumerate(
        [
            ("double = ...  # your code", NUMBER, "double = 6"),
            (
                "def doubled(x):\n    ...  # your code",
                FUNCTION,
                "def doubled(x):\n    return 2 * x",
            ),
        ],
        start=1,
    ):
        lesson.cells += [
            new_markdown_cell(TASK.format(place=place)),
            new_code_cell(stub, metadata={"tags": ["exercise"]}),
            new_code_cell(check, metadata=COLLAPSED),
            new_markdown_cell(SOLVED.format(answer=answer)),
            new_markdown_cell("## What you saw"),
        ]
    lesson.cells.append(new_code_cell("claim('three is three', three == 3)"))
    return lesson


def test_a_tiny_lesson_is_without_fault(tiny, tmp_path):
    assert form_faults(tiny, 1) == shared_names(tiny) == []
    assert answer_faults("01_tiny", tiny, ANSWERED, tmp_path, {}) == []


def test_what_is_wrong_with_checks_and_answers_is_found(tiny, tmp_path):
    answers = copy.deepcopy(ANSWERED)
    answers["1.1"]["wrong"] = [
        {"answer": "double = 6.0", "feedback": "not twice"},  # it passes
        {"answer": "double = 9", "feedback": "no such words"},
    ]
    answers["1.1"]["right"] = ["double = 7"]  # it is refused
    answers["1.2"]["right"] = ["doubled = three = abs"]  # it is refused, and breaks the claim
    first = exercises(tiny)[0]
    first.solution.source = first.solution.source.replace("double = 6", "double = 5")
    exercises(tiny)[1].stub.source = "doubled = abs"  # it counts as attempted
    assert answer_faults("01_tiny", tiny, answers, tmp_path, {}) == [
        "✗ three is three",
        "'double = 6.0' got ✓ 1.1: , not ✗ 1.1: not twice",
        "'double = 9' got ✗ 1.1: not twice, not ✗ 1.1: no such words",
        "'double = 7' got ✗ 1.1: not twice, not ✓ 1.1: ",
        "'double = 5' got ✗ 1.1: not twice, not ✓ 1.1: ",
        "'doubled = abs' got ✗ 1.2: 2 should become 4 / 5 should become 10, not ○ 1.2: ",
        "'doubled = three = abs' got ✗ 1.2: 2 should become 4 / 5 should become 10, not ✓ 1.2: ",
    ]


def test_an_answer_that_ends_the_lesson_is_named(tiny, tmp_path):
    answers = copy.deepcopy(ANSWERED)
    answers["1.2"]["right"] = ["doubled = 2 * nothing"]
    error, ended = answer_faults("01_tiny", tiny, answers, tmp_path, {})
    assert "NameError: name 'nothing' is not defined" in error
    assert ended == "of 11 checks 9 came to an end"


DAMAGES = [  # cell of the first exercise, what is changed, to what, a part of the fault
    (0, "1.1", "1.3", "opens with '### Exercise 1.1"),
    (0, "</summary>\n\nOnce", "</summary>\nOnce", "blank lines"),
    (0, "Hint 2", "Answer", "Hint 1 and Hint 2"),
    (1, "  # your code", "", "your code"),
    (2, '"1.1"', '"1.2"', 'ends with check("1.1"'),
    (3, "```python", "```", "a fence of Python"),
    (3, "It is 6, because 3 is there twice.", "", "what it measured"),
    (3, "</details>", "</details>\n\nAnd so on.", "is folded"),
]


@pytest.mark.parametrize(("place", "text", "changed", "fault"), DAMAGES)
def test_a_damaged_form_is_found(tiny, place, text, changed, fault):
    cell = exercises(tiny)[0][place]
    assert text in cell.source
    cell.source = cell.source.replace(text, changed, 1)
    (found,) = form_faults(tiny, 1)
    assert fault in found


def test_a_check_cell_that_is_not_collapsed_and_text_after_a_solution_are_found(tiny):
    exercises(tiny)[0].check.metadata = {}
    tiny.cells[-2].source = "And so on."
    collapsed, heading = form_faults(tiny, 1)
    assert "1.1: the check cell is collapsed" in collapsed
    assert heading == "1.2: a heading comes next"


@pytest.mark.parametrize("code", ["print(double)", "double = 1", "def f():\n    return double"])
def test_a_name_of_an_exercise_in_another_cell_is_found(tiny, code):
    tiny.cells.append(new_code_cell(code))
    assert shared_names(tiny) == [f"1.1: double occurs also in the cell {code!r}"]
