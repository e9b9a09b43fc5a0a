"""Each lesson, broken on purpose: a claim must turn ✗, and nbval must fail on it."""

import os
import subprocess
import sys

import nbformat
import pytest
from bench.mutate import named_mutants, write_mutant
from helpers import quick_run

from runner.lessons import find_lessons
from utils.paths import PROJECT
from utils.results import collect

RUN = 4  # of a lesson's named mutations; `make mutate` runs all
BY_LESSON = [(lesson, list(named_mutants(lesson))) for lesson in find_lessons()]
CASES = [(lesson, *case) for lesson, cases in BY_LESSON for case in cases[:RUN]]
IDS = [f"{lesson.name}-{mutant.cell}" for lesson, mutant, _ in CASES]


def test_every_lesson_has_a_mutation():
    assert [lesson.name for lesson, cases in BY_LESSON if not cases] == []


@pytest.mark.parametrize(("lesson", "cases"), BY_LESSON, ids=[one.name for one, _ in BY_LESSON])
def test_every_named_mutation_breaks_a_claim_of_a_later_cell(lesson, cases):
    cells = nbformat.read(lesson.path, as_version=4).cells
    claims = [collect({"cells": [cell]})[0] for cell in cells]
    made = {one["text"]: n for n, found in enumerate(claims) for one in found}
    assert [breaks for mutant, breaks in cases if made[breaks] < mutant.cell] == []


@pytest.mark.parametrize(("lesson", "mutant", "breaks"), CASES, ids=IDS)
def test_a_broken_lesson_breaks_its_claim(lesson, mutant, breaks, tmp_path):
    path = tmp_path / lesson.path.name
    write_mutant(lesson, mutant, path)
    notebook = nbformat.read(path, as_version=4)
    (made,) = (n for n, cell in enumerate(notebook.cells) if breaks in str(cell.get("outputs")))
    del notebook.cells[made + 1 :]  # what comes later has nothing to do with it
    nbformat.write(notebook, path)
    run = quick_run(lesson, tmp_path)
    assert (run.status, run.error) == ("claim failed", "")
    assert f"✗ {breaks}" in run.problems


def test_nbval_fails_on_a_broken_claim(tmp_path):
    """Started in another folder, so that this also shows that a lesson runs wherever it lies."""
    lesson, mutant, breaks = next(case for case in CASES if case[0].name.startswith("06"))
    write_mutant(lesson, mutant, tmp_path / lesson.path.name)
    settings = ["-c", PROJECT / "pyproject.toml", "--rootdir", PROJECT, "-p", "conftest"]
    command = [sys.executable, "-m", "pytest", *settings, "--nbval", "-x", "."]
    # without CI: pytest words its explanations differently there
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PYTHONPATH"] = str(PROJECT)
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1, result.stdout
    assert "{'holds': True} != {'holds': False}" in result.stdout, result.stdout
    assert breaks in result.stdout, result.stdout
