"""What the pages say of the lessons is what the lessons say."""

import json

import pytest
from fragments import define_terms, found, last_runs, overview, status_table, write_fragments
from launch import PROJECT
from lesson import Lesson, find_lessons, seconds, slug
from view import as_shown

GLOSSARY = (PROJECT / "site/glossary.txt").read_text(encoding="utf-8").splitlines()
LESSONS = find_lessons()


def code(*outputs, tags=()):
    return {
        "cell_type": "code",
        "source": "",
        "outputs": list(outputs),
        "metadata": {"tags": tags},
    }


def stream(text):
    return {"output_type": "stream", "text": [text]}


def shown(*outputs):
    text = json.dumps({"cells": [code(*outputs)]})
    return json.loads(as_shown(text, "01_basics", None))["cells"][0]["outputs"]


def test_times_below_a_second_are_left_out():
    when = "(started: 2026-11-27 08:51:38 +00:00)\n"
    assert shown(stream(f"time: 815 μs {when}"), stream(f"time: 999 ms {when}")) == []
    assert shown(stream(f"5\ntime: 12.3 ms {when}"))[0]["text"] == "5\n"
    assert shown(stream(f"5\ntime: 1min 2s {when}"))[0]["text"] == "5\ntime: 1min 2s\n"
    assert shown(stream("time: 5 ms by hand\n"))[0]["text"] == "time: 5 ms by hand\n"


@pytest.mark.parametrize(
    ("time", "expected"),
    [("1min 2s", 62), ("534 ms", 0.534), ("4.65 s", 4.65), ("1h 1min 1s", 3661)],
)
def test_a_time_in_words_is_so_many_seconds(time, expected):
    assert seconds(time) == pytest.approx(expected)


def test_a_claim_is_shown_as_it_is_written():
    bundle = {
        "application/vnd.keras-by-experiment.claim+json": {},
        "text/plain": "✓ `a` *is* <b>",
    }
    data = shown({"output_type": "display_data", "data": bundle, "metadata": {}})[0]["data"]
    assert data == {"text/markdown": r"✓ \`a\` \*is\* \<b\>"}


def test_a_button_comes_after_the_title():
    cells = [{"cell_type": "markdown", "source": "# Title"}, code()]
    notebook = json.loads(as_shown(json.dumps({"cells": cells}), "01_basics", "owner/name"))
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["markdown", "markdown", "code"]
    assert "owner/name" in notebook["cells"][1]["source"]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_lesson_tells_what_the_pages_need(lesson):
    assert lesson.title[:2] == lesson.name[:2]
    assert lesson.summary in overview(lesson)
    assert lesson.found.startswith("- **")
    end = "\n".join(lesson.texts[-4:])
    assert all(line in end for line in lesson.found.splitlines())
    status = lesson.stored
    assert (status.status, status.kept > 0, status.seconds > 1) == ("ok", True, True)
    assert all([status.data, status.versions, status.date])


def test_every_term_of_the_glossary_is_explained_by_a_lesson():
    terms = [line.partition(": ")[0] for line in GLOSSARY]
    assert [term for term in terms if not any(one.define(term) for one in LESSONS)] == []
    assert len(set(terms)) == len(terms)
    defined = "\n".join(define_terms("\n".join(GLOSSARY), LESSONS))
    assert defined.count("](/notebooks/") == len(terms)


def test_links_between_lessons_hold_on_the_page_of_what_they_found():
    class One:
        name, title = "02_two", "02 · Two"
        found = "- **A**: see [01 · One](01_one.ipynb)."

    assert "(/notebooks/01_one.ipynb)" in found(One())


def test_a_heading_has_one_anchor():
    assert (
        slug("What does `validation_split` hold back?")
        == "what-does-validation_split-hold-back"
    )


def write_run(folder, lessons, seconds=1.5):
    folder.mkdir(parents=True)
    head = "run,lesson,status,seconds,claims_kept,claims_made,data_source,version.python,version.keras"
    rows = [
        f"{n},{lesson},ok,{seconds},2,3,stand-in,3.12,3.15" for n, lesson in enumerate(lessons)
    ]
    (folder / "results.csv").write_text("\n".join([head, *rows]) + "\n")


def test_the_status_is_that_of_the_last_run_of_each_lesson(tmp_path):
    first, second = (lesson.name for lesson in LESSONS[:2])
    write_run(tmp_path / "2026-01-01_10-00-00", [first, second])
    write_run(tmp_path / "2026-01-02_10-00-00", [first], 2.5)
    write_run(tmp_path / "2026-01-03_10-00-00", [second, second])  # a sweep
    rows = last_runs(tmp_path, LESSONS)
    assert [(row.lesson, row.seconds, row.date) for row in rows] == [
        (first, 2.5, "2026-01-02"),
        (second, 1.5, "2026-01-01"),
    ]
    assert "| ✓ ok | 2.5 | 2 of 3 | stand-in | 2026-01-02 | 3.12, , 3.15 |" in status_table(
        rows
    )


def test_a_run_that_failed_is_told_in_words():
    row = LESSONS[0].stored._replace(status="cell raised")
    assert "✗ cell raised" in status_table([row])


def test_without_a_run_the_page_says_how_to_make_one(tmp_path):
    write_fragments(tmp_path / "fragments", LESSONS, tmp_path / "runs")
    assert "make run" in (tmp_path / "fragments/run.md").read_text()


def test_a_picture_without_a_description_gets_one(tmp_path):
    path = tmp_path / "01_one.ipynb"
    picture = {"output_type": "display_data", "data": {"image/png": "AAAA"}, "metadata": {}}
    title = {"cell_type": "markdown", "source": "# 01 · One"}
    path.write_text(json.dumps({"cells": [title, code(picture)]}))
    assert all("01 · One" in text for text in Lesson(path).descriptions.values())
