import os
import stat
from pathlib import Path

import pytest

from utils.files import whole_file, write_file


@pytest.fixture
def umask():
    """Set the umask, and put back the old one at the end."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
def test_a_file_has_the_mode_that_the_umask_gives(tmp_path, umask, mask):
    umask(mask)
    (tmp_path / "plain").touch()
    write_file(tmp_path / "whole", b"new")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "whole")]
    assert modes == [0o666 & ~mask] * 2


def test_whoever_reads_meanwhile_finds_the_old_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with whole_file(path) as first, whole_file(path) as second:
        first.write(b"first")
        second.write(b"second")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def disk_full(*arguments, **options):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["open", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(Path, step, disk_full)
        with pytest.raises(OSError, match="No space left"):
            write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
