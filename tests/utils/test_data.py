import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from utils import data
from utils.errors import DataError, InputError
from utils.sources import digits, download, garments, newswires, npz
from utils.sources import images as drawing

TEN = np.arange(10, dtype="uint8")
SMALL = {  # a thousandth of the real layout, so that a file is written in no time
    "x_train": ("uint8", (60, 28, 28)),
    "y_train": ("uint8", (60,)),
    "x_test": ("uint8", (10, 28, 28)),
    "y_test": ("uint8", (10,)),
}


def images(fill=0):
    return {
        "x_train": np.full((60, 28, 28), fill, "uint8"),
        "y_train": np.tile(TEN, 6),
        "x_test": np.full((10, 28, 28), fill, "uint8"),
        "y_test": TEN,
    }


def wires():
    return {
        "x_train_tokens": np.tile(np.array([1, 4, 5], "int32"), 8_982),
        "x_train_row_splits": np.arange(0, 3 * 8_983, 3, dtype="int64"),
        "y_train": np.arange(8_982).astype("uint8") % 46,
        "x_test_tokens": np.tile(np.array([1, 5], "int32"), 2_246),
        "x_test_row_splits": np.arange(0, 2 * 2_247, 2, dtype="int64"),
        "y_test": np.arange(2_246).astype("uint8") % 46,
        "words": np.array(["the", "of"]),
        "class_names": np.array([f"topic {number}" for number in range(46)]),
    }


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in ("fashion_mnist", "mnist"):
        monkeypatch.setitem(npz.LAYOUT, name, SMALL)


@pytest.fixture
def real_size(small, monkeypatch):
    for name in ("fashion_mnist", "mnist"):
        monkeypatch.setitem(npz.LAYOUT, name, npz.IMAGES)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with an empty cache, no network, and stand-ins that cost nothing to draw (all pixels are 7)."""
    monkeypatch.setattr(data, "PROJECT", tmp_path)
    monkeypatch.setattr(data, "DATA", tmp_path / "data")
    monkeypatch.setattr(download, "reachable", lambda: False)
    monkeypatch.setattr(garments, "draw", lambda: images(fill=7))
    monkeypatch.setattr(newswires, "draw", wires)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.delenv("COURSE_DATA_SOURCE", raising=False)
    (tmp_path / "data").mkdir()
    return tmp_path


def test_with_nothing_to_be_had_the_stand_in_is_loaded_said_and_kept(project, capsys):
    loaded = data.load("fashion_mnist")
    assert loaded.source == "stand-in"
    assert loaded.x_train.shape == (60, 28, 28)
    assert loaded.x_train[0, 0, 0] == 7
    assert loaded.class_names[9] == "Ankle boot"
    said = capsys.readouterr().out
    assert "STAND-IN" in said
    assert "make data" in said
    assert [path.suffix for path in (project / "data").iterdir()] == [".npz"]


def test_the_kept_stand_in_is_not_drawn_again(project, monkeypatch):
    first = data.load("fashion_mnist", "stand-in")
    monkeypatch.setattr(garments, "draw", lambda: pytest.fail("drawn again"))
    assert np.array_equal(data.load("fashion_mnist", "stand-in").x_test, first.x_test)


def assert_drawn_again(monkeypatch):
    monkeypatch.setattr(garments, "draw", lambda: images(fill=8))
    assert data.load("fashion_mnist", "stand-in").x_train[0, 0, 0] == 8


@pytest.mark.parametrize("package", ["numpy", "scipy", "scikit-learn"])
def test_another_version_of_what_it_is_drawn_with_draws_the_stand_in_again(
    project, monkeypatch, package
):
    data.load("fashion_mnist", "stand-in")
    installed = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: "99.0" if name == package else installed(name)
    )
    assert_drawn_again(monkeypatch)


@pytest.mark.parametrize("module", [garments, drawing], ids=lambda module: module.__name__)
def test_other_code_draws_the_stand_in_again(project, monkeypatch, module):
    data.load("fashion_mnist", "stand-in")
    (project / "edited.py").write_bytes(Path(module.__file__).read_bytes() + b"# edited")
    monkeypatch.setattr(module, "__file__", str(project / "edited.py"))
    assert_drawn_again(monkeypatch)


def test_code_that_draws_another_stand_in_changes_nothing(project, monkeypatch):
    data.load("fashion_mnist", "stand-in")
    monkeypatch.setattr(digits, "__file__", garments.__file__)
    monkeypatch.setattr(garments, "draw", lambda: pytest.fail("drawn again"))
    assert data.load("fashion_mnist", "stand-in").x_train[0, 0, 0] == 7


def test_the_cache_comes_before_the_stand_in_and_course_data_before_the_cache(
    project, monkeypatch, capsys
):
    npz.write(project / "data" / "fashion_mnist.npz", images(fill=1))
    assert data.load("fashion_mnist").x_train[0, 0, 0] == 1
    npz.write(project / "mine" / "fashion_mnist.npz", images(fill=2))
    monkeypatch.setenv("COURSE_DATA", "mine")  # relative: from the project's folder
    loaded = data.load("fashion_mnist")
    assert (loaded.x_train[0, 0, 0], loaded.source) == (2, "real")
    assert "the real data, from COURSE_DATA" in capsys.readouterr().out
    assert data.load("fashion_mnist", "stand-in").x_train[0, 0, 0] == 7


def test_real_never_falls_back(project):
    with pytest.raises(
        DataError, match=r"Fashion-MNIST: no real data found.*make data.*COURSE_DATA"
    ):
        data.load("fashion_mnist", "real")


def test_the_environment_can_choose_the_source_but_not_against_the_argument(
    project, monkeypatch
):
    npz.write(project / "data" / "fashion_mnist.npz", images(fill=1))
    monkeypatch.setenv("COURSE_DATA_SOURCE", "stand-in")
    monkeypatch.setattr(download, "reachable", lambda: pytest.fail("the network was asked"))
    assert data.load("fashion_mnist").source == "stand-in"
    assert data.load("fashion_mnist", "real").source == "real"
    monkeypatch.setenv("COURSE_DATA_SOURCE", "reel")
    with pytest.raises(
        InputError, match="COURSE_DATA_SOURCE 'reel' is unknown; allowed: auto, real, stand-in"
    ):
        data.load("fashion_mnist")


def test_newswires_are_lists_of_word_ids(project):
    loaded = data.load("reuters")
    assert loaded.x_train.shape == (8_982,)
    assert loaded.x_train[0] == [1, 4, 5]
    assert loaded.x_test[-1] == [1, 5]
    assert loaded.words == ("the", "of")
    assert len(loaded.class_names) == 46


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        (
            "fashion",
            "auto",
            "data set 'fashion' is unknown; allowed: fashion_mnist, mnist, reuters",
        ),
        ("mnist", "standin", "source 'standin' is unknown; allowed: auto, real, stand-in"),
    ],
)
def test_unknown_names_and_sources_are_refused(project, name, source, message):
    with pytest.raises(InputError, match=message):
        data.load(name, source)


@pytest.mark.parametrize("folder", ["nowhere", "~no-such-user/data"])
def test_a_course_data_folder_that_is_not_there_is_named(project, monkeypatch, folder):
    monkeypatch.setenv("COURSE_DATA", folder)
    with pytest.raises(DataError, match=f"COURSE_DATA={folder}: .*unset it"):
        data.load("fashion_mnist")


def truncated(path):
    npz.write(path, images())
    os.truncate(path, 1_000)


def flipped_bytes(path):
    npz.write(path, images())
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff" * 1000)


def flipped_header(path):
    npz.write(path, images())
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 200)
        tail = file.read()
        place = tail.rindex(b"PK\x01\x02") + 6  # the version that is needed to extract
        file.seek(path.stat().st_size - 200 + place)
        file.write(b"\xff")


def pickled(path):
    np.savez(path, **(images() | {"x_test": np.array([[1], [2, 3]], dtype=object)}))


def foreign(path):
    path.write_text("<html>404 Not Found</html>")


def empty(path):
    path.touch()


def other_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", "not an array")


def wrong_shape(path):
    npz.write(path, images() | {"x_train": np.zeros((60, 784), "uint8")})


def wrong_dtype(path):
    npz.write(path, images() | {"x_train": np.zeros((60, 28, 28), "float16")})


def missing_array(path):
    npz.write(path, {key: array for key, array in images().items() if key != "y_test"})


def wrong_label(path):
    npz.write(path, images() | {"y_test": np.full(10, 10, "uint8")})


FAULTS = {
    truncated: "not an .npz file, or cut off",
    flipped_bytes: "damaged",
    flipped_header: "damaged",
    pickled: "holds more than plain arrays",
    foreign: "not an .npz file, or cut off",
    empty: "not an .npz file, or cut off",
    other_archive: "damaged",
    wrong_shape: r"x_train is uint8 \(60, 784\), not uint8 \(60, 28, 28\)",
    wrong_dtype: r"x_train is float16",
    missing_array: "the array y_test is missing",
    wrong_label: "y_test has a label above 9",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_damaged_file_of_the_cache_is_named_and_moved_aside(project, fault, capsys):
    path = project / "data" / "fashion_mnist.npz"
    fault(path)
    before = path.read_bytes()
    assert data.load("fashion_mnist").source == "stand-in"
    said = capsys.readouterr().out
    assert str(path) in said
    assert "Moved aside" in said
    aside = list(path.parent.glob("fashion_mnist.npz.*.damaged"))
    assert [file.read_bytes() == before for file in aside] == [True]
    assert not path.exists()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_damaged_file_of_the_user_is_named_and_left_alone(project, fault, monkeypatch):
    path = project / "mine" / "fashion_mnist.npz"
    path.parent.mkdir()
    fault(path)
    monkeypatch.setenv("COURSE_DATA", str(path.parent))
    with pytest.raises(DataError, match=FAULTS[fault]) as raised:
        data.load("fashion_mnist")
    assert str(path) in str(raised.value)
    assert "unset COURSE_DATA" in str(raised.value)
    assert path.exists()


def test_images_in_another_number_than_the_real_ones_are_refused(tmp_path, real_size):
    npz.write(tmp_path / "mnist.npz", images())
    with pytest.raises(
        DataError, match=r"x_train is uint8 \(60, 28, 28\), not uint8 \(60000, 28, 28\)"
    ):
        npz.read(tmp_path / "mnist.npz", "mnist")


def refuse(*arguments, **options):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(("owner", "function"), [(npz, "read"), (Path, "replace")])
def test_a_file_of_the_cache_that_cannot_be_read_or_moved_is_named(
    project, monkeypatch, owner, function
):
    path = project / "data" / "fashion_mnist.npz"
    foreign(path)
    monkeypatch.setattr(owner, function, refuse)
    with pytest.raises(DataError) as raised:
        data.load("fashion_mnist")
    assert str(path) in str(raised.value)
    assert "(Permission denied). Make it readable, or remove it." in str(raised.value)
    assert path.exists()


def test_newswires_that_point_outside_their_data_are_refused(tmp_path):
    for wrong in (
        {"x_train_row_splits": np.arange(0, 3 * 8_983, 3, dtype="int64") + 1},
        {"x_test_tokens": np.full(2 * 2_246, 6, "int32")},  # two words have the ids 4 and 5
    ):
        npz.write(tmp_path / "reuters.npz", wires() | wrong)
        with pytest.raises(DataError, match="point outside the data"):
            npz.read(tmp_path / "reuters.npz", "reuters")


def test_a_file_that_another_process_has_just_replaced_is_not_moved_aside(project, monkeypatch):
    path = project / "data" / "fashion_mnist.npz"
    foreign(path)

    def read_too_late(path, name):
        npz.write(path, images(fill=1))
        raise DataError(f"{path}: damaged.")

    with monkeypatch.context() as patched:
        patched.setattr(npz, "read", read_too_late)
        data.load("fashion_mnist")
    assert npz.read(path, "fashion_mnist")["x_train"][0, 0, 0] == 1


def test_a_file_that_goes_away_meanwhile_counts_as_absent(project, monkeypatch, capsys):
    path = project / "data" / "fashion_mnist.npz"
    foreign(path)

    def gone(path, name):
        path.unlink(missing_ok=True)
        raise DataError(f"{path}: damaged.")

    monkeypatch.setattr(npz, "read", gone)
    assert data.load("fashion_mnist").source == "stand-in"
    assert "Moved aside" not in capsys.readouterr().out


def test_where_nothing_can_be_written_the_lesson_still_gets_its_data(
    project, monkeypatch, capsys
):
    monkeypatch.setattr(npz, "write", refuse)
    assert data.load("fashion_mnist").x_train[0, 0, 0] == 7
    assert "could not be kept in data/ (Permission denied)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["fashion_mnist.npz", "absent.npz"])
def test_a_write_that_fails_half_way_leaves_nothing_and_keeps_the_old_file(
    tmp_path, monkeypatch, name
):
    npz.write(tmp_path / "fashion_mnist.npz", images(fill=1))

    def disk_full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", disk_full)
    with pytest.raises(OSError, match="No space left"):
        npz.write(tmp_path / name, images())
    assert [path.name for path in tmp_path.iterdir()] == ["fashion_mnist.npz"]
    assert npz.read(tmp_path / "fashion_mnist.npz", "fashion_mnist")["x_train"][0, 0, 0] == 1


def test_two_processes_that_fill_the_cache_at_once_both_get_whole_data(project, real_size):
    code = f"""
import pathlib, numpy as np
from utils import data
from utils.sources import digits
data.DATA = pathlib.Path({str(project / "data")!r})
digits.draw = lambda: {{
    "x_train": np.full((60000, 28, 28), 3, "uint8"), "y_train": np.zeros(60000, "uint8"),
    "x_test": np.full((10000, 28, 28), 3, "uint8"), "y_test": np.zeros(10000, "uint8")}}
loaded = data.load("mnist", "stand-in")
assert (loaded.x_train == 3).all() and (loaded.x_test == 3).all()
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    (kept,) = (project / "data").iterdir()
    assert (npz.read(kept, "mnist")["x_train"] == 3).all()


def checksum(arrays):
    keys = ("x_train", "y_train", "x_test", "y_test")
    return hashlib.sha256(b"".join(arrays[key].tobytes() for key in keys)).hexdigest()


def child(monkeypatch, code):
    """Put another program in the place of the one that downloads."""
    run = subprocess.run

    def replaced(command, **options):
        return run([sys.executable, "-c", code, *command[3:]], **options)

    monkeypatch.setattr(download.subprocess, "run", replaced)


def serve(monkeypatch, path):
    """Let a download bring this file."""
    child(monkeypatch, f"import shutil, sys; shutil.copy({str(path)!r}, sys.argv[2])")


def test_a_download_is_checked_kept_and_used(project, monkeypatch, capsys):
    monkeypatch.setattr(download, "reachable", lambda: True)
    npz.write(project / "served.npz", images(fill=5))
    monkeypatch.setitem(download.CHECKSUMS, "fashion_mnist", checksum(images(fill=5)))
    serve(monkeypatch, project / "served.npz")
    loaded = data.load("fashion_mnist")
    assert (loaded.source, loaded.x_train[0, 0, 0]) == ("real", 5)
    assert (
        npz.read(project / "data" / "fashion_mnist.npz", "fashion_mnist")["x_test"][0, 0, 0]
        == 5
    )
    assert "downloaded" in capsys.readouterr().out


def test_a_download_of_something_else_is_not_kept(project, monkeypatch, capsys):
    monkeypatch.setattr(download, "reachable", lambda: True)
    npz.write(project / "served.npz", images(fill=5))  # right layout, wrong pixels
    serve(monkeypatch, project / "served.npz")
    assert data.load("fashion_mnist").source == "stand-in"
    assert "wrong checksum" in capsys.readouterr().out
    assert not (project / "data" / "fashion_mnist.npz").exists()


def test_a_download_that_hangs_is_given_up(project, monkeypatch, capsys):
    monkeypatch.setattr(download, "reachable", lambda: True)
    monkeypatch.setattr(download, "LESSON_SECONDS", 0.5)
    child(monkeypatch, "import time; time.sleep(60)")
    assert data.load("fashion_mnist").source == "stand-in"
    assert "Fashion-MNIST: the download did not end within 0 s." in capsys.readouterr().out


def test_a_download_that_fails_says_why(project, monkeypatch):
    child(monkeypatch, "raise OSError('name not resolved')")
    with pytest.raises(DataError, match=r"^the download failed: OSError: name not resolved$"):
        download.fetch("fashion_mnist", seconds=30)


def seconds_until_unreachable():
    started = time.monotonic()
    assert download.reachable() is False
    return time.monotonic() - started


def test_a_machine_without_network_is_noticed_at_once(monkeypatch):
    monkeypatch.setattr(download, "ORIGIN", "http://127.0.0.1:9/mnist.npz")  # nothing listens
    assert seconds_until_unreachable() < 1


@pytest.mark.parametrize(
    "answer", [b"", b"welcome to our hotel\r\n\r\n", b"HTTP/1.0 404 No\r\n\r\n"]
)
def test_a_server_that_is_silent_or_answers_nonsense_counts_as_no_network(monkeypatch, answer):
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.5)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(download, "ORIGIN", f"http://127.0.0.1:{server.getsockname()[1]}/")

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)
                if not answer:
                    time.sleep(1)

        threading.Thread(target=serve, daemon=True).start()
        assert seconds_until_unreachable() < 0.9


def test_what_keras_returns_is_brought_into_the_layout_of_the_files(tmp_path, monkeypatch):
    keras = pytest.importorskip("keras")
    rows = np.empty(8_982, dtype=object)
    rows[:] = [[1, 4, 5], *[[1, 5]] * 8_981]
    labels = np.arange(8_982) % 46
    reuters = keras.datasets.reuters
    monkeypatch.setattr(
        reuters, "load_data", lambda: ((rows, labels), (rows[:2_246], labels[:2_246]))
    )
    monkeypatch.setattr(reuters, "get_word_index", lambda: {"of": 2, "the": 1})
    npz.write(tmp_path / "reuters.npz", download.arrays_from_keras("reuters"))
    arrays = npz.read(tmp_path / "reuters.npz", "reuters")
    assert arrays["words"].tolist() == ["the", "of"]
    assert arrays["x_train_tokens"][:5].tolist() == [1, 4, 5, 1, 5]
    assert arrays["x_train_row_splits"][:3].tolist() == [0, 3, 5]
    assert len(arrays["class_names"]) == 46


def test_make_data_says_of_each_data_set_what_came_of_it(project, monkeypatch, capsys):
    npz.write(project / "data" / "fashion_mnist.npz", images())
    child(monkeypatch, "raise OSError('no network')")
    assert data.fetch_missing() is False
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "OK    Fashion-MNIST: data/fashion_mnist.npz",
        "FAIL  MNIST: the download failed: OSError: no network",
        "FAIL  Reuters: the download failed: OSError: no network",
        "You can also put files into data/ yourself; data/README.md gives their layout.",
    ]


def test_make_data_does_not_say_ok_where_nothing_could_be_kept(project, monkeypatch, capsys):
    monkeypatch.setattr(npz, "write", refuse)
    monkeypatch.setattr(download, "fetch", lambda *options, **more: images())
    assert data.fetch_missing() is False
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        f"FAIL  {t}: [Errno 13] Permission denied" for t in data.TITLES.values()
    ]


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_real_data_pass_the_check_of_a_download(name, real_size, monkeypatch):
    folder = data.course_data_folder()
    if folder is None or not (folder / f"{name}.npz").exists():
        pytest.skip("needs COURSE_DATA")
    serve(monkeypatch, folder / f"{name}.npz")
    assert download.fetch(name, seconds=60)["x_train"].shape == (60_000, 28, 28)


def test_importing_the_package_loads_no_tensorflow_and_prints_nothing():
    code = "import sys, utils.data, utils.session, utils.results; assert 'tensorflow' not in sys.modules"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
