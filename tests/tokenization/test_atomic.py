import pytest

from lib.tokenization import atomic
from lib.tokenization.atomic import write_atomically


def test_the_bytes_are_the_same_on_every_system(tmp_path):
    write_atomically(tmp_path / "file", "a\né")
    assert (tmp_path / "file").read_bytes() == b"a\n\xc3\xa9"


def test_the_old_file_survives_a_failure_and_nothing_is_left_behind(tmp_path, monkeypatch):
    write_atomically(tmp_path / "file", "old")

    def fail(*paths):
        raise OSError("no")

    monkeypatch.setattr(atomic.os, "replace", fail)
    with pytest.raises(OSError, match="no"):
        write_atomically(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "old"


def test_half_a_text_is_never_seen(tmp_path):
    write_atomically(str(tmp_path / "file"), "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(str(tmp_path / "file"), "new" * 100_000 + "\ud800")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "old"
