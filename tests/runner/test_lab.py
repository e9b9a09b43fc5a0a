"""The working copy of the lessons: what is copied, what is replaced, and that the student's work always stays."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from jupyterlab import labapp

import utils
from runner import lab
from runner.cli import main
from utils.errors import InputError

SERVE = """
import sys
from pathlib import Path
from runner import lab
notebooks, working_copy, *arguments = sys.argv[1:]
sys.exit(lab.open_lab(arguments, Path(notebooks), Path(working_copy)))
"""


@pytest.fixture
def course(tmp_path):
    """A course of two lessons, beside files that are none."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "01_basics.ipynb").write_text("basics, version 1")
    (notebooks / "02_depth.ipynb").write_text("depth, version 1")
    (notebooks / "profiles.yml").write_text("quick: {}")
    (notebooks / "scratch.ipynb").write_text("no lesson")
    return notebooks


@pytest.fixture
def mine(tmp_path, course):
    """The working copy after a first start."""
    lab.prepare(course, tmp_path / "my_lessons")
    return tmp_path / "my_lessons"


def contents(folder: Path) -> dict[str, str]:
    """The visible files of a folder, by name."""
    return {
        path.name: path.read_text()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    }


def test_first_start_copies_the_lessons_and_nothing_else(course, tmp_path):
    lines = lab.prepare(course, tmp_path / "deep" / "my_lessons")
    assert contents(tmp_path / "deep" / "my_lessons") == {
        "01_basics.ipynb": "basics, version 1",
        "02_depth.ipynb": "depth, version 1",
    }
    assert lines == ["01_basics.ipynb: copied", "02_depth.ipynb: copied"]


def test_second_start_says_and_changes_nothing(course, mine):
    before = {path: path.stat().st_mtime_ns for path in mine.glob("*.ipynb")}
    assert lab.prepare(course, mine) == []
    assert {path: path.stat().st_mtime_ns for path in mine.glob("*.ipynb")} == before


def test_copies_can_be_written_even_if_the_lessons_cannot(course, tmp_path):
    (course / "01_basics.ipynb").chmod(0o444)
    lab.prepare(course, tmp_path / "my_lessons")
    assert (tmp_path / "my_lessons" / "01_basics.ipynb").stat().st_mode & 0o200


def test_untouched_copy_is_replaced_by_a_newer_lesson(course, mine):
    for version in ("basics, version 2", "basics, version 3"):
        (course / "01_basics.ipynb").write_text(version)
        (line,) = lab.prepare(course, mine)
        assert line.startswith("01_basics.ipynb: replaced by a newer version")
        assert contents(mine) == {
            "01_basics.ipynb": version,
            "02_depth.ipynb": "depth, version 1",
        }


def test_changed_copy_of_the_current_lesson_stays_silently(course, mine):
    (mine / "01_basics.ipynb").write_text("my work")
    assert lab.prepare(course, mine) == []
    assert contents(mine) == {
        "01_basics.ipynb": "my work",
        "02_depth.ipynb": "depth, version 1",
    }


def test_one_byte_is_a_change(course, mine):
    (mine / "01_basics.ipynb").write_text("basics, version 1\n")
    (course / "01_basics.ipynb").write_text("basics, version 2")
    lab.prepare(course, mine)
    assert (mine / "01_basics.ipynb").read_text() == "basics, version 1\n"


def test_newer_lesson_goes_beside_a_changed_copy_once(course, mine):
    (mine / "01_basics.ipynb").write_text("my work")
    (course / "01_basics.ipynb").write_text("basics, version 2")
    (line,) = lab.prepare(course, mine)
    assert re.fullmatch(
        r"01_basics\.ipynb: yours, left as it is; .* newer .*: 01_basics\.new\.ipynb", line
    )
    expected = {
        "01_basics.ipynb": "my work",
        "01_basics.new.ipynb": "basics, version 2",
        "02_depth.ipynb": "depth, version 1",
    }
    assert contents(mine) == expected
    assert lab.prepare(course, mine) == []
    assert contents(mine) == expected


def test_untouched_newer_version_is_replaced_by_the_next_one(course, mine):
    (mine / "01_basics.ipynb").write_text("my work")
    for version in ("basics, version 2", "basics, version 3"):
        (course / "01_basics.ipynb").write_text(version)
        assert len(lab.prepare(course, mine)) == 1
    assert contents(mine) == {
        "01_basics.ipynb": "my work",
        "01_basics.new.ipynb": "basics, version 3",
        "02_depth.ipynb": "depth, version 1",
    }


def test_changed_newer_version_stays_as_well(course, mine):
    (mine / "01_basics.ipynb").write_text("my work")
    (course / "01_basics.ipynb").write_text("basics, version 2")
    lab.prepare(course, mine)
    (mine / "01_basics.new.ipynb").write_text("my work on version 2")
    assert lab.prepare(course, mine) == []

    (course / "01_basics.ipynb").write_text("basics, version 3")
    (line,) = lab.prepare(course, mine)
    assert line.endswith(": 01_basics.new-2.ipynb")
    (mine / "01_basics.new-2.ipynb").write_text("my work on version 3")
    (course / "01_basics.ipynb").write_text("basics, version 4")
    lab.prepare(course, mine)
    assert lab.prepare(course, mine) == []
    assert contents(mine) == {
        "01_basics.ipynb": "my work",
        "01_basics.new.ipynb": "my work on version 2",
        "01_basics.new-2.ipynb": "my work on version 3",
        "01_basics.new-3.ipynb": "basics, version 4",
        "02_depth.ipynb": "depth, version 1",
    }


def test_newer_version_that_the_student_deleted_does_not_come_back(course, mine):
    (mine / "01_basics.ipynb").write_text("my work")
    (course / "01_basics.ipynb").write_text("basics, version 2")
    lab.prepare(course, mine)
    (mine / "01_basics.new.ipynb").unlink()
    assert lab.prepare(course, mine) == []
    assert set(contents(mine)) == {"01_basics.ipynb", "02_depth.ipynb"}


def test_newer_version_put_in_the_place_of_the_own_one_is_an_untouched_copy(course, mine):
    (mine / "01_basics.ipynb").write_text("my work")
    (course / "01_basics.ipynb").write_text("basics, version 2")
    lab.prepare(course, mine)
    (mine / "01_basics.new.ipynb").replace(mine / "01_basics.ipynb")
    assert lab.prepare(course, mine) == []
    (course / "01_basics.ipynb").write_text("basics, version 3")
    lab.prepare(course, mine)
    assert contents(mine) == {
        "01_basics.ipynb": "basics, version 3",
        "02_depth.ipynb": "depth, version 1",
    }


def test_deleted_copy_is_put_back(course, mine):
    (mine / "01_basics.ipynb").unlink()
    assert lab.prepare(course, mine) == ["01_basics.ipynb: copied"]
    assert (mine / "01_basics.ipynb").read_text() == "basics, version 1"


@pytest.mark.parametrize("work", ["my work", "depth, version 1"], ids=["changed", "untouched"])
def test_copy_of_a_removed_lesson_stays(course, mine, work):
    (mine / "02_depth.ipynb").write_text(work)
    (course / "02_depth.ipynb").unlink()
    assert lab.prepare(course, mine) == []
    assert (mine / "02_depth.ipynb").read_text() == work


def test_own_files_stay_even_under_the_name_of_a_new_lesson(course, mine):
    (mine / "ideas.ipynb").write_text("mine")
    (mine / "03_depth.ipynb").write_text("mine too")
    (course / "03_depth.ipynb").write_text("a lesson that came later")
    (line,) = lab.prepare(course, mine)
    assert line.startswith("03_depth.ipynb: yours")
    assert (mine / "ideas.ipynb").read_text() == "mine"
    assert (mine / "03_depth.ipynb").read_text() == "mine too"
    assert (mine / "03_depth.new.ipynb").read_text() == "a lesson that came later"


@pytest.mark.parametrize(
    "damage", [None, b"", b'{"01_basics.ipynb": "ab', b"[1]", b"\xff\xfe\x00", b'{"a": [1]}']
)
def test_without_a_readable_record_every_file_that_differs_is_the_students(
    course, mine, damage
):
    (mine / lab.COPIED).unlink()
    if damage is not None:
        (mine / lab.COPIED).write_bytes(damage)
    (course / "01_basics.ipynb").write_text("basics, version 2")
    (line,) = lab.prepare(course, mine)
    assert line.endswith(": 01_basics.new.ipynb")
    assert lab.prepare(course, mine) == []
    expected = {
        "01_basics.ipynb": "basics, version 1",
        "01_basics.new.ipynb": "basics, version 2",
        "02_depth.ipynb": "depth, version 1",
    }
    assert contents(mine) == expected
    (mine / lab.COPIED).unlink()
    lab.prepare(course, mine)
    assert contents(mine) == expected  # what is beside already is not added a second time

    (course / "02_depth.ipynb").write_text("depth, version 2")
    lab.prepare(course, mine)
    assert (
        mine / "02_depth.ipynb"
    ).read_text() == "depth, version 2"  # equal files were noted again


def test_interrupted_copy_leaves_the_old_file_and_no_part(course, mine, monkeypatch):
    (course / "01_basics.ipynb").write_text("basics, version 2")
    before = {path.name: path.read_bytes() for path in mine.iterdir()}

    def disk_full(part, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(OSError, match="No space left"):
        lab.prepare(course, mine)
    assert {path.name: path.read_bytes() for path in mine.iterdir()} == before


def test_interruption_before_the_record_is_written_loses_nothing(course, mine, monkeypatch):
    (mine / "02_depth.ipynb").write_text("my work")
    (course / "01_basics.ipynb").write_text("basics, version 2")
    (course / "02_depth.ipynb").write_text("depth, version 2")
    record = (mine / lab.COPIED).read_bytes()
    lab.prepare(course, mine)
    (mine / lab.COPIED).write_bytes(record)  # as if the computer had stopped just before
    lab.prepare(course, mine)
    assert contents(mine) == {
        "01_basics.ipynb": "basics, version 2",
        "02_depth.ipynb": "my work",
        "02_depth.new.ipynb": "depth, version 2",
    }


def refusal(course, working_copy, capsys) -> str:
    """The one line with which the course cannot be opened."""
    with pytest.raises(InputError) as caught:
        lab.open_lab([], course, working_copy)
    assert capsys.readouterr().out == ""
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folder_that_cannot_be_written_ends_in_one_clear_line(
    course, tmp_path, capsys, monkeypatch
):
    def read_only(path, _):  # not chmod: it does not stop root, who runs some CIs
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(lab, "write_file", read_only)
    line = refusal(course, tmp_path / "my_lessons", capsys)
    for part in (
        str(tmp_path / "my_lessons"),
        "Permission denied",
        "Make that folder writable",
    ):
        assert part in line


def test_file_in_the_place_of_the_folder_ends_in_one_clear_line(course, tmp_path, capsys):
    (tmp_path / "my_lessons").write_text("not a folder")
    refusal(course, tmp_path / "my_lessons", capsys)
    assert (tmp_path / "my_lessons").read_text() == "not a folder"


def test_the_page_to_start_with_is_copied_and_kept_as_lessons_are(course, mine):
    (course / lab.START).write_text("page, version 1")
    assert lab.prepare(course, mine) == ["00_start_here.md: copied"]
    (mine / lab.START).write_text("my notes")
    (course / lab.START).write_text("page, version 2")
    (line,) = lab.prepare(course, mine)
    assert line.endswith("newer version is beside it: 00_start_here.new.md")
    assert (mine / lab.START).read_text() == "my notes"


def test_the_page_to_start_with_leads_to_every_lesson_and_nowhere_else():
    links = re.findall(r"\]\((.*?)\)", (lab.NOTEBOOKS / lab.START).read_text())
    first, *table = links
    assert table == sorted(path.name for path in lab.NOTEBOOKS.glob(lab.PATTERN))
    assert first == table[0]


def test_every_start_opens_that_page_and_arguments_come_after_it(course, tmp_path, monkeypatch):
    opened = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    monkeypatch.setattr(labapp, "main", opened.append)
    lab.open_lab([], course, tmp_path / "mine")
    lab.open_lab(["--no-browser"], course, tmp_path / "mine")
    page = "--LabApp.default_url=/lab/tree/00_start_here.md"
    assert [arguments[1:] for arguments in opened] == [[page], [page, "--no-browser"]]


@pytest.mark.parametrize("before", ["", "elsewhere"])
def test_a_kernel_imports_the_courses_utils_whatever_lies_beside_the_lesson(
    course, tmp_path, monkeypatch, before
):
    said = []

    def start_a_kernel(_):
        manager, client = start_new_kernel()
        try:
            client.execute_interactive(
                "import utils, sys; print(utils.__file__, 'elsewhere' in str(sys.path))",
                output_hook=lambda message: said.append(message["content"].get("text", "")),
                timeout=30,
            )
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "utils.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", before)
    monkeypatch.setattr(labapp, "main", start_a_kernel)
    lab.open_lab([], course, tmp_path / "mine")
    assert "".join(said).split() == [utils.__file__, str(bool(before))]


def test_the_command_opens_the_projects_lessons_with_the_arguments_given(monkeypatch):
    opened = []
    monkeypatch.setattr(lab, "open_lab", lambda arguments: opened.append(arguments) or 7)
    assert main(["lab", "--no-browser", "01_basics.ipynb"]) == 7
    assert opened == [["--no-browser", "01_basics.ipynb"]]
    assert lab.MY_LESSONS.is_absolute()


def test_jupyterlab_serves_the_working_copy_from_anywhere_and_leaves_no_process(tmp_path):
    notebooks, working_copy, elsewhere = (
        tmp_path / name for name in ("notebooks", "my lessons", "elsewhere")
    )
    notebooks.mkdir()
    elsewhere.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), notebooks / "01_basics.ipynb")
    (notebooks / lab.START).write_text("# Start here")
    token, port = secrets.token_hex(), free_port()
    options = [
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
    ]
    settings = {
        f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    command = [sys.executable, "-c", SERVE, notebooks, working_copy, *options]
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(
            [*command, "--allow-root"],
            cwd=elsewhere,
            env=os.environ | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}/{{}}?token={token}"
            listing = json.loads(
                wait_for(address.format("api/contents"), server, tmp_path / "log")
            )
            viewers = address.format("lab/api/settings/@jupyterlab/docmanager-extension:plugin")
            viewers = json.loads(wait_for(viewers, server, tmp_path / "log"))["schema"]
            children = psutil.Process(server.pid).children(recursive=True)
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=10) == 0
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
    assert {entry["name"] for entry in listing["content"]} == {lab.START, "01_basics.ipynb"}
    chosen = viewers["properties"]["defaultViewers"]["default"]
    assert chosen == {"markdown": "Markdown Preview"}  # not an editor
    assert not any(child.is_running() for child in children)
    with pytest.raises(ProcessLookupError):
        os.killpg(server.pid, 0)
    said = (tmp_path / "log").read_text()
    lines = [f"{name}: copied" for name in (lab.START, "01_basics.ipynb")]
    assert said.splitlines()[:3] == [f"Your lessons are in {working_copy}", *lines]
    assert f":{port}/lab/tree/{lab.START}?token=" in said


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address: str, server: subprocess.Popen, log: Path) -> bytes:
    """Ask until the server answers; if it ends or takes too long, fail with what it said."""
    deadline = time.monotonic() + 15
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not answer: {log.read_text()}")
