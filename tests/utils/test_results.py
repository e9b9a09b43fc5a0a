import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from utils import results


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(results, "show", bundles.append)
    return bundles


@pytest.mark.parametrize("holds", [True, np.bool_(True), np.float32(2) > 1])
def test_a_true_comparison_keeps_the_claim(shown, holds):
    results.claim("two is more than one", holds)
    assert shown[0]["text/plain"] == "✓ two is more than one"
    assert shown[0][results.CLAIM] == {"text": "two is more than one", "holds": True}


@pytest.mark.parametrize(
    "holds", [False, np.bool_(False), None, 1, "yes", [0], np.array([True, True]), float("nan")]
)
def test_anything_but_a_plain_true_breaks_the_claim_and_does_not_raise(shown, holds):
    results.claim("text", holds)
    assert shown[0]["text/plain"] == "✗ text"
    assert shown[0][results.CLAIM]["holds"] is False


def test_record_stores_full_precision_and_shows_four_digits(shown):
    results.record(
        test_accuracy=np.float32(0.8026),
        steps=np.int64(1719),
        data_source="real",
        loss=float("inf"),
        kept=np.bool_(True),
    )
    assert shown[0][results.RECORD] == {
        "test_accuracy": float(np.float32(0.8026)),
        "steps": 1719,
        "data_source": "real",
        "loss": "inf",
        "kept": True,
    }
    assert shown[0]["text/plain"].splitlines()[:2] == ["test_accuracy = 0.8026", "steps = 1719"]


ROWS = [[0.5, 0.75], (0.5, 0.75), [np.float32(0.5), np.float64(0.75)]]
ROWS += [np.array([0.5, 0.75]), np.array([0.5, 0.75], object)]


@pytest.mark.parametrize("row", ROWS)
def test_record_takes_a_curve(shown, row):
    results.record(validation_accuracy_by_epoch=row)
    assert shown[0][results.RECORD] == {"validation_accuracy_by_epoch": [0.5, 0.75]}
    assert shown[0]["text/plain"] == "validation_accuracy_by_epoch = 0.5 0.75"


def test_a_curve_may_hold_what_json_cannot(shown):
    results.record(loss=[0.123456, float("nan")])
    assert shown[0][results.RECORD] == {"loss": [0.123456, "nan"]}
    assert shown[0]["text/plain"] == "loss = 0.1235 nan"


@pytest.mark.parametrize("value", [{}, None, ["a"], np.zeros((2, 2)), [[1]]])
def test_record_refuses_what_no_table_can_hold(shown, value):
    expected = (
        r"record\(history=\.\.\.\): a number, a string or a row of numbers is needed, not "
    )
    with pytest.raises(TypeError, match=expected + type(value).__name__):
        results.record(history=value)
    assert shown == []


def test_what_was_shown_is_found_again_in_the_saved_notebook(shown, tmp_path):
    results.claim("kept", True)
    results.claim("broken", False)
    results.record(loss=0.5)
    results.record(accuracy=0.75)
    outputs = [new_output("display_data", data=bundle) for bundle in shown]
    cells = [new_code_cell(outputs=outputs[:2]), new_code_cell(outputs=outputs[2:])]
    nbformat.write(new_notebook(cells=cells), tmp_path / "lesson.ipynb")
    claims, records = results.collect(nbformat.read(tmp_path / "lesson.ipynb", as_version=4))
    assert [(claim["text"], claim["holds"]) for claim in claims] == [
        ("kept", True),
        ("broken", False),
    ]
    assert records == {"loss": 0.5, "accuracy": 0.75}


MALFORMED = [
    {"output_type": "stream", "name": "stdout", "text": "✓ text"},
    *(
        {"data": {results.CLAIM: claim}}
        for claim in (None, [], "text", {}, {"text": "no holds"})
    ),
    *(
        {"data": {results.CLAIM: {"text": "text", "holds": holds}}}
        for holds in (1, None, "yes")
    ),
    {"data": {results.CLAIM: {"text": ["text"], "holds": True}}},
    *({"data": {results.RECORD: record}} for record in (None, [], [["loss", 1]], 0.5)),
    *(
        {"data": {results.RECORD: {"loss": value}}}
        for value in (None, {}, [None], [[1]], ["abc"])
    ),
    *({"data": {results.RECORD: {name: 1.0}}} for name in ("a\ud800b", "a\nb")),
    {"data": {results.RECORD: {"accuracy": 1.0, "loss": {}}}},
]


@pytest.mark.parametrize("output", MALFORMED, ids=str)
def test_what_another_program_put_into_a_notebook_is_skipped(output):
    whole = {"data": {results.CLAIM: {"text": "kept", "holds": True}, results.RECORD: {"x": 1}}}
    cells = [{"outputs": [output, whole]}, {"cell_type": "markdown"}]
    assert results.collect({"cells": cells}) == ([{"text": "kept", "holds": True}], {"x": 1})


def test_records_of_all_kinds_are_found():
    records = {
        "loss": 0.5,
        "steps": 3,
        "kept": True,
        "by_epoch": [0.5, "nan", "inf", "-inf", True],
        "source": "real",
    }
    cells = [{"outputs": [{"data": {results.RECORD: records}}]}]
    assert results.collect({"cells": cells}) == ([], records)
