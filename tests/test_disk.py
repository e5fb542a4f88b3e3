"""Files on the disk: whole or not at all, whatever kills the writer or fills the disk."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from training.disk import make_folder, write_bytes
from training.errors import DiskError

ROOT = Path(__file__).parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links as POSIX has them")


def test_content_comes_back_and_replaces_what_was_there(tmp_path):
    path = tmp_path / "file"
    for content in (b"first, and longer", b"second", b""):
        write_bytes(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    write_bytes(tmp_path / "link", b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "file").read_bytes() == b"content"
    assert os.listdir(tmp_path / "elsewhere") == ["file"]


@posix
def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(DiskError, match=f"{name}: cannot be written: is no regular file; name another"):
            write_bytes(tmp_path / name, b"content")
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(
        DiskError, match=r"file: cannot be written: No such file or directory; free space"
    ) as at:
        write_bytes(tmp_path / "none" / "file", b"")
    assert "\n" not in str(at.value)
    assert at.value.code == 6


def test_a_file_as_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="below: cannot be written: Not a directory"):
        write_bytes(tmp_path / "file" / "below", b"")
    with pytest.raises(DiskError, match="below: cannot be made: Not a directory; name another folder"):
        make_folder(tmp_path / "file" / "below")
    with pytest.raises(DiskError, match="file: cannot be made: File exists; name another folder"):
        make_folder(tmp_path / "file")


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_bytes(tmp_path / "file", b"old")

    def interrupt(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_content_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    """A power cut must not leave the name without the content."""
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: calls.append(stat.S_ISDIR(os.fstat(fd).st_mode)) or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda *paths: calls.append("rename") or replace(*paths))
    write_bytes(tmp_path / "file", b"content")
    assert calls == ([False, "rename", True] if os.name == "posix" else [False, "rename"])


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    """A process that may write no file beyond 10 kB stands for a full disk."""
    pytest.importorskip("resource", reason="limits on file sizes are POSIX")
    code = """
import resource, sys
from pathlib import Path
from training.disk import write_bytes
from training.errors import DiskError
path = Path(sys.argv[1])
write_bytes(path, b"old" * 1000)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    write_bytes(path, b"new" * 1_000_000)
except DiskError as error:
    print(error)
write_bytes(path.with_name("small"), b"fits")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "file"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert (
        done.stdout
        == f"{tmp_path / 'file'}: cannot be written: File too large; free space, or name another place\n"
    )
    assert (tmp_path / "file").read_bytes() == b"old" * 1000
    assert sorted(os.listdir(tmp_path)) == ["file", "small"]
