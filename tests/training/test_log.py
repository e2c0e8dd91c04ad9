"""The log: lines that survive kills, are continued where a run resumes, and read as a table."""

import sys

import pytest

from lib.training.log import Log, as_table, read_log


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "log.jsonl"


def test_lines_can_be_read_while_they_are_written(path):
    with Log(path) as log:
        log.write({"step": 1, "loss": 5.5, "valid": None})
        assert path.read_text(encoding="utf-8") == '{"step": 1, "loss": 5.5}\n'
        assert read_log(path) == [{"step": 1, "loss": 5.5}]


def test_resuming_drops_what_comes_again_and_half_lines(path):
    with Log(path) as log:
        for step in range(1, 6):
            log.write({"step": step})
    with open(path, "a", encoding="utf-8") as file:
        file.write('{"step": 6, "lo')
    assert [record["step"] for record in read_log(path)] == [1, 2, 3, 4, 5]
    with Log(path, start=3) as log:
        log.write({"step": 4})
    assert [record["step"] for record in read_log(path)] == [1, 2, 3, 4]


def test_a_new_run_starts_a_new_log(path):
    for _ in range(2):
        with Log(path) as log:
            log.write({"step": 1})
    assert read_log(path) == [{"step": 1}]


def test_what_json_has_no_word_for(path):
    with Log(path) as log:
        log.write({"step": 1, "loss": float("nan")})
    assert read_log(path) == [{"step": 1, "loss": "nan"}]
    assert read_log(path.with_name("none")) == []


def test_a_table_by_hand():
    records = [{"step": 1, "loss": 5.54}, {"step": 2000, "loss": 4.0, "valid": 12345.6}]
    assert as_table(records).splitlines() == [
        " step  loss   valid",
        "    1  5.54        ",
        "2,000     4  12,346",
    ]
    assert as_table([]) == ""


def test_a_long_log_is_thinned_to_what_says_most():
    records = [{"step": n, **({"valid": 1.0} if n % 10 == 0 else {})} for n in range(1, 101)]
    steps = [line.split()[0] for line in as_table(records, n_rows=5).splitlines()[1:]]
    assert steps == ["20", "40", "60", "80", "100"]
    assert len(as_table(records[:15], n_rows=15).splitlines()) == 16
    steps = [line.split()[0] for line in as_table(records[:15], n_rows=3).splitlines()[1:]]
    assert steps == ["5", "10", "15"]


def test_without_tensorboard_there_is_a_sentence(path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"run\.tensorboard=false"):
        Log(path, tensorboard=tmp_path)


def test_with_tensorboard_numbers_go_there_too(path, tmp_path, monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            written.append((folder, purge_step))

        def add_scalar(self, *values):
            written.append(values)

        def close(self):
            written.append("closed")

    fake = type(sys)("fake")
    fake.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    with Log(path, start=4, tensorboard=tmp_path) as log:
        log.write({"step": 5, "loss": 2.5, "valid": None})
    assert written == [(str(tmp_path), 5), ("loss", 2.5, 5), "closed"]
