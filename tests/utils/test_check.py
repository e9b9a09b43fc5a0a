import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from utils import exercises
from utils.exercises import EXERCISE, check, collect_exercises


@pytest.fixture
def said(monkeypatch):
    """Ask for what is said to answers: the text, and the content of the bundle."""
    bundles = []
    monkeypatch.setattr(exercises, "show", bundles.append)

    def said(conditions, *answers):
        assert check("2.1", conditions, *answers) is None
        bundle = bundles.pop()
        assert bundles == []
        return bundle["text/plain"].splitlines(), bundle[EXERCISE]

    return said


def mean_and_shape(scaled):
    yield scaled.shape == (4,), "keep the shape"
    yield abs(scaled.mean()) < 0.001, "the mean should be 0"


def test_a_right_answer_passes(said):
    content = {"number": "2.1", "result": "✓", "messages": []}
    assert said(mean_and_shape, np.array([1, -1, 2, -2])) == (["✓ 2.1"], content)


def test_a_wrong_answer_gets_a_line_for_each_condition_that_it_breaks(said):
    lines, content = said(mean_and_shape, np.ones(3))
    assert lines == ["✗ 2.1: keep the shape", "✗ 2.1: the mean should be 0"]
    assert content == {
        "number": "2.1",
        "result": "✗",
        "messages": ["keep the shape", "the mean should be 0"],
    }
    assert said(mean_and_shape, np.ones(4))[0] == ["✗ 2.1: the mean should be 0"]


def with_a_body(x): ...


def with_return(x):
    return None


class Callback:
    def on_epoch_end(self, epoch, logs=None): ...


@pytest.mark.parametrize(
    "answers",
    [(...,), (np.ones(3), ...), (with_a_body,), (with_return,), (Callback.on_epoch_end,)],
)
def test_what_is_not_attempted_is_not_judged(said, answers):
    content = {"number": "2.1", "result": "○", "messages": []}
    assert said(mean_and_shape, *answers) == (["○ 2.1: not attempted yet"], content)


@pytest.mark.parametrize("answer", [lambda: 5, lambda x: x, abs, Callback, [...], None, False])
def test_what_is_short_or_false_is_attempted(said, answer):
    assert said(lambda answer: [(True, "")], answer)[0] == ["✓ 2.1"]


class Tensor:
    shape = ()

    def __array__(self, dtype=None, copy=None):
        return np.array(True)


@pytest.mark.parametrize("holds", [True, np.bool_(True), np.array(True), Tensor()])
def test_one_truth_value_of_any_library_is_believed(said, holds):
    assert said(lambda answer: [(holds, "wrong")], 1)[0] == ["✓ 2.1"]


NO_TRUTH = [None, 1, 1.0, "yes", [True], (), object, np.array([True, True]), np.array(1), abs]


@pytest.mark.parametrize("holds", NO_TRUTH, ids=repr)
def test_anything_but_a_truth_value_is_not_believed(said, holds):
    lines, _ = said(lambda answer: [(holds, "wrong")], np.ones((3, 2)))
    assert lines == ["✗ 2.1: wrong (your answer: ndarray (3, 2))"]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            [0.5],
            "your answer (list) raised AttributeError: 'list' object has no attribute 'shape'",
        ),
        (None, "your answer (NoneType) raised AttributeError: "),
        (np.array(["a"] * 4), "your answer (ndarray (4,)) raised "),
    ],
)
def test_an_answer_of_the_wrong_type_is_told_what_it_is(said, answer, line):
    ((first, *_), content) = said(mean_and_shape, answer)
    assert first.startswith(f"✗ 2.1: {line}")
    assert content["result"] == "✗"


def test_an_error_does_not_hide_what_was_found_before_it(said):
    def conditions(function, number):
        yield number == 2, "not 2"
        yield function(0) == 1, "0 should become 1"

    lines, _ = said(conditions, lambda x: 1 / x, 3)
    error = "your answer (function, int) raised ZeroDivisionError: division by zero"
    assert lines == ["✗ 2.1: not 2", f"✗ 2.1: {error}"]


def test_a_long_error_of_keras_is_one_short_line(said):
    def conditions(answer):
        raise ValueError(
            "Exception when calling Dense.call().\n\n\x1b[1mShape\x1b[0m" + " x" * 900
        )
        yield

    ((line,), _) = said(conditions, 1)
    assert line.startswith("✗ 2.1: your answer (int) raised ValueError: Exception when calling")
    assert "Dense.call(). Shape x" in line
    assert len(line) < 350


@pytest.mark.parametrize("conditions", [lambda answer: iter(()), lambda answer: []])
def test_a_check_that_asks_nothing_does_not_pass(said, conditions):
    assert said(conditions, 1)[0] == ["✗ 2.1: nothing was checked: this exercise is broken"]


@pytest.mark.parametrize(
    "conditions", [lambda: [(True, "")], lambda answer: None, lambda answer: [1]]
)
def test_a_check_that_cannot_be_asked_does_not_pass(said, conditions):
    ((line,), _) = said(conditions, 1)
    assert "raised TypeError" in line


def whole(**changes):
    return {"number": "1.1", "result": "✗", "messages": ["too small"]} | changes


def test_what_was_said_is_found_again_in_the_saved_notebook(tmp_path):
    contents = [whole(), whole(number="1.2", result="○", messages=[]), whole(result="✓")]
    outputs = [new_output("display_data", data={EXERCISE: content}) for content in contents]
    cells = [new_code_cell(outputs=outputs[:2]), new_code_cell(outputs=outputs[2:])]
    nbformat.write(new_notebook(cells=cells), tmp_path / "lesson.ipynb")
    assert collect_exercises(nbformat.read(tmp_path / "lesson.ipynb", as_version=4)) == contents


MALFORMED = [
    {"data": {"text/plain": "✓ 1.1"}},
    *({"data": {EXERCISE: content}} for content in (None, [], "text", {}, {"number": "1.1"})),
    *({"data": {EXERCISE: whole(number=number)}} for number in (1.1, None, ["1.1"])),
    *({"data": {EXERCISE: whole(result=result)}} for result in (True, "", "ok", "✓✓")),
    *({"data": {EXERCISE: whole(messages=messages)}} for messages in (None, "text", {})),
]


@pytest.mark.parametrize("output", MALFORMED, ids=str)
def test_what_another_program_put_into_a_notebook_is_skipped(output):
    cells = [{"outputs": [output, {"data": {EXERCISE: whole()}}]}, {"cell_type": "markdown"}]
    assert collect_exercises({"cells": cells}) == [whole()]
