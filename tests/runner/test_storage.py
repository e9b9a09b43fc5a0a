"""Notebooks from and runs to a storage: one in memory in the place of s3:// and the others."""

import pytest
from helpers import HOLDS, write_lesson
from papermill.iorw import papermill_io

from runner import cli, storage
from utils.errors import InputError

SECRET = "signature=hush"


class Memory:
    """What papermill calls a handler, for addresses that begin with memory://."""

    def __init__(self):
        self.files = {}

    def read(self, address):
        return self.files[address]

    def write(self, text, address):
        if "locked" in address:
            raise PermissionError(f"no right to write {address}")
        self.files[address] = text


@pytest.fixture
def memory(monkeypatch):
    handler = Memory()
    monkeypatch.setattr(papermill_io, "_handlers", list(papermill_io._handlers))
    papermill_io.register("memory://", handler)
    return handler


@pytest.fixture
def stored(memory, tmp_path, monkeypatch):
    """The command line for a lesson that lies in the memory, and beside it one that does not."""
    write_lesson(tmp_path, "01_stored", [HOLDS])
    path = tmp_path / "01_stored.ipynb"
    memory.files[f"memory://in/01_stored.ipynb?{SECRET}"] = path.read_text()
    path.rename(tmp_path / "02_here.ipynb")
    monkeypatch.setattr(storage, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(cli, "_interrupt_once", lambda: None)
    return [f"memory://in/01_stored.ipynb?{SECRET}", "--notebooks", str(tmp_path)]


def test_a_lesson_from_a_storage_is_run_and_its_run_copied_there(memory, stored, capsys):
    output = ["--output", f"memory://out/?{SECRET}"]
    assert cli.main(["run", *stored, *output, "-p", "epochs=2"]) == 0
    output = capsys.readouterr().out
    assert "01_stored  ok" in output
    assert "Copied to memory://out/\n" in output
    names = {address.removeprefix("memory://out/") for address in memory.files}
    (time,) = {name.split("/")[0] for name in names if name.endswith("results.csv?" + SECRET)}
    files = ["index.html", "results.csv", "batch.json"]
    files += [f"01_stored/01_stored.{ending}" for ending in ("html", "ipynb", "log")]
    files += ["01_stored/result.json"]
    assert {f"{time}/{name}?{SECRET}" for name in files} | {
        f"keras-by-experiment.txt?{SECRET}"
    } < names
    table = memory.files[f"memory://out/{time}/results.csv?{SECRET}"]
    assert table.splitlines()[1].startswith("01_stored,01_stored,ok,")


def test_a_sweep_of_a_lesson_from_a_storage(memory, stored, tmp_path, capsys):
    sweep = ["sweep", *stored, "-g", "epochs=1,2"]
    assert cli.main([*sweep, "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith("2 runs of 01_stored\n")
    assert cli.main([*sweep, "--output", "memory://out"]) == 0
    assert [name for name in memory.files if name.endswith("/points.csv")]
    names = [address for address in memory.files if address.endswith("/01_stored.ipynb")]
    assert sorted(name.split("/")[-2] for name in names)[:2] == ["001", "002"]
    assert "Copied to memory://out" in capsys.readouterr().out
    (folder,) = tmp_path.glob("runs/*")
    assert cli.main([*sweep, "--resume", str(folder), "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith("0 runs of 01_stored\n")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("memory://in/02_none.ipynb", "cannot be read: KeyError"),
        (
            "s3://bucket/01_x.ipynb",
            "cannot be read: PapermillOptionalDependencyException: The boto3",
        ),
    ],
)
def test_a_lesson_that_is_not_there_is_named(memory, tmp_path, address, expected):
    with pytest.raises(InputError, match=f"{address} {expected}"):
        storage.notebook_here(address)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_lesson_is_named(memory, stored, capsys):
    memory.files["memory://in/notes.ipynb"] = "{}"
    assert cli.main(["run", "memory://in/notes.ipynb", *stored[1:]]) == 2
    expected = "error: notes.ipynb is not a lesson notebook: KeyError: 'cells'\n"
    assert capsys.readouterr().err == expected
    assert cli.main(["run", "memory://in/01_basics?sig=hush", *stored[1:]]) == 2
    expected = "error: 01_basics is no lesson's name; 01_basics.ipynb would be one\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("other", ["memory://in/01_stored.ipynb", "01_stored"])
def test_two_lessons_of_one_name_are_refused(memory, stored, tmp_path, capsys, other):
    (text,) = memory.files.values()
    memory.files["memory://in/01_stored.ipynb"] = text
    write_lesson(tmp_path, "01_stored", [HOLDS])
    assert cli.main(["run", *stored, other]) == 2
    assert capsys.readouterr().err.startswith("error: two lessons have ")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("address", ["in/01_x.ipynb?sig=hush", "me:hush@in/01_x.ipynb"])
def test_of_an_address_with_a_secret_no_message_is_shown(memory, address):
    with pytest.raises(InputError) as caught:
        storage.notebook_here(f"memory://{address}")
    assert str(caught.value) == "memory://in/01_x.ipynb cannot be read: KeyError"


def test_what_stands_before_an_at_sign_is_not_shown():
    assert storage.without_query("https://me:hush@host/a@b/01_x.ipynb?c=d@e") == (
        "https://host/a@b/01_x.ipynb"
    )


def test_no_warning_shows_a_signature_that_looks_like_a_folder(memory, stored, recwarn):
    (text,) = memory.files.values()
    memory.files["memory://in/01_stored.ipynb?signature=hu/sh.x"] = text
    storage.notebook_here("memory://in/01_stored.ipynb?signature=hu/sh.x")
    assert not recwarn.list


def test_an_output_that_refuses_is_told_before_anything_runs(stored, tmp_path, capsys):
    assert cli.main(["run", *stored, "--output", f"memory://locked?{SECRET}"]) == 2
    error = capsys.readouterr().err
    assert "memory://locked/keras-by-experiment.txt cannot be written: PermissionError" in error
    assert "hush" not in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()
