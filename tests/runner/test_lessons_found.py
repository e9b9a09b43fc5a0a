"""Which lesson is meant: by its number, its name, or the path of a file."""

import pytest
from helpers import HOLDS, write_lesson

from runner.lessons import find_lessons, read_lesson, select_lessons
from utils.errors import InputError


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two lessons, and a student's copies beside it in my_lessons/."""
    for folder in ("notebooks", "my_lessons"):
        (tmp_path / folder).mkdir()
        write_lesson(tmp_path / folder, "01_basics", [HOLDS])
    write_lesson(tmp_path / "notebooks", "02_schedules", [HOLDS])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def select(course, *wanted, folder="notebooks"):
    """The paths of the lessons that are meant, below the course's folder."""
    found = select_lessons(find_lessons(course / folder), list(wanted))
    return [str(one.path.absolute().relative_to(course)) for one in found]


def refusal(course, *wanted, folder="notebooks"):
    with pytest.raises(InputError) as caught:
        select(course, *wanted, folder=folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], ["01_basics", "02_schedules"]),
        (["2"], ["02_schedules"]),
        (["02", "01_basics", "2"], ["02_schedules", "01_basics"]),
        (["01_basics.ipynb"], ["01_basics"]),
        (["notebooks/01_basics.ipynb", "1"], ["01_basics"]),
    ],
)
def test_lessons_are_found_by_number_name_and_file(course, wanted, expected):
    assert select(course, *wanted) == [f"notebooks/{name}.ipynb" for name in expected]


def test_a_path_is_that_file_and_no_other_of_its_name(course, monkeypatch):
    mine = "my_lessons/01_basics.ipynb"
    assert select(course, mine) == select(course, str(course / mine)) == [mine]
    assert select(course, mine, "01") == [mine, "notebooks/01_basics.ipynb"]
    monkeypatch.chdir(course / "my_lessons")
    assert select(course, "01_basics.ipynb") == [mine]


def test_any_notebook_can_be_named_by_its_path(course):
    write_lesson(course, "01_basics.new", [HOLDS])
    write_lesson(course, "ideas", [HOLDS])
    assert select(course, "01_basics.new.ipynb", "ideas.ipynb") == [
        "01_basics.new.ipynb",
        "ideas.ipynb",
    ]
    assert read_lesson(course / "01_basics.new.ipynb").name == "01_basics.new"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mine/01_basics.ipynb", "no lesson 'mine/01_basics' (did you mean '01_basics'?)"),
        ("notebooks/", "no lesson 'notebooks/'; there are: 01_basics, 02_schedules"),
        ("03_none.ipynb", "no lesson '03_none'; there are: 01_basics, 02_schedules"),
        ("1_basic", "no lesson '1_basic' (did you mean '01_basics'?); there are: 01_basics"),
        ("7", "no lesson '7'; there are: 01_basics, 02_schedules"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(course, text, expected):
    assert refusal(course, text).startswith(expected)


def test_newer_versions_beside_a_students_copy_are_no_lessons_there(course):
    for ending in ("new", "new-2"):
        write_lesson(course / "my_lessons", f"01_basics.{ending}", [HOLDS])
    for wanted in ([], ["01"], ["01_basics"]):
        assert select(course, *wanted, folder="my_lessons") == ["my_lessons/01_basics.ipynb"]


@pytest.mark.parametrize("number", ["1", "01"])
def test_a_number_that_two_lessons_have_names_both(course, number):
    write_lesson(course / "notebooks", "01_other", [HOLDS])
    line = f"{number} is the number of 01_basics and 01_other: name one"
    assert refusal(course, number) == line
    assert select(course, "01_other") == ["notebooks/01_other.ipynb"]


def test_the_first_cell_tells_title_minutes_data_and_what_comes_before(course):
    lesson, _ = find_lessons(course / "notebooks")
    assert (lesson.title, lesson.minutes) == ("01 · basics", "1")
    assert (lesson.data, lesson.before) == ("Fashion-MNIST", "nothing")
    path = course / "notebooks" / "01_basics.ipynb"
    path.write_text(path.read_text().replace("| Minutes", "Minutes").replace("| Before", "|"))
    assert read_lesson(path).minutes == "?"


def test_a_folder_without_lessons_is_named(tmp_path):
    with pytest.raises(InputError, match="no lessons"):
        find_lessons(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"cells": [{"source": 3}]}', "\0"])
def test_a_damaged_lesson_is_named(tmp_path, text):
    (tmp_path / "01_basics.ipynb").write_text(text)
    with pytest.raises(InputError, match=r"01_basics\.ipynb is not a lesson notebook"):
        find_lessons(tmp_path)
