"""Steps that are compared before they are timed; the clock is made up."""

import shutil
from pathlib import Path

import pytest

from lib.grading import leaderboard, step_contest
from lib.grading.boards import contest_of
from lib.grading.entries import markdown, read_entries, read_entry, write_claim
from lib.grading.evaluation import Unfit
from lib.grading.step_contest import Score

ABOUT = """\
author = "Ada | Co"
table = "mini"
description = "Half of the time."
"""


class Clock:
    """Only steps let time go on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def board(tmp_path, monkeypatch) -> Path:
    """A leaderboard of steps; the reference's takes two seconds."""
    monkeypatch.setitem(step_contest.CLOCKS, "cpu", Clock())
    step = step_contest.Reference.step

    def slow(self, *batch):
        step_contest.CLOCKS["cpu"].now += 2.0
        return step(self, *batch)

    monkeypatch.setattr(step_contest.Reference, "step", slow)
    board = tmp_path / "2_systems" / "leaderboard"
    board.mkdir(parents=True)
    (board / "contest.toml").write_text('module = "lib.grading.step_contest"\n', encoding="utf-8")
    return board


def make(folder: Path, old: str = "", new: str = "", about: str = ABOUT) -> Path:
    """An entry whose code is the honest one's with something replaced."""
    folder.mkdir(parents=True)
    code = (Path(__file__).parent / "quick_entry.py").read_text(encoding="utf-8")
    assert old in code
    (folder / "entry.py").write_text(code.replace(old, new), encoding="utf-8")
    (folder / "entry.toml").write_text(about, encoding="utf-8")
    return folder


def test_an_honest_entry_is_measured_ranked_and_reproduced(board, tmp_path, capsys):
    leaderboard.add(board, str(make(tmp_path / "half")))
    claim = read_entry(board / "entries" / "half", contest_of(board)).claim
    assert (claim.ratio, claim.seconds, claim.reference_seconds) == (0.5, 1.0, 2.0)
    assert claim.peak_mib >= claim.reference_peak_mib > 0.1
    assert claim.machine and claim.date and claim.command.endswith("leaderboard 2 add half")
    leaderboard.check(board, "half")
    assert "half is reproduced: the time within 15%" in capsys.readouterr().out
    page = (board / "README.md").read_text(encoding="utf-8")
    assert "## mini" in page and "| 1 | [half](entries/half/) | Ada \\| Co | 0.500 |" in page
    assert page == markdown(read_entries(board), "2")


SKIPS = "self.n = getattr(self, 'n', 0) + 1; loss = self.inner.step(ids, targets)"
LATER = f"{SKIPS}\n        return loss if self.n < 6 else loss * 0"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return self.inner.step(ids, targets)", "return targets.sum() * 0.0", "The loss is 0.0"),
        ("return self.inner.step(ids, targets)", LATER, "loss is 0.0.* in timed step 3"),
        ("return self.inner.weights()", "return {}", "weights.. must have the reference's names"),
        (
            "return self.inner.step(ids, targets)",
            "self.inner.optimizer.param_groups[0]['betas'] = (0.5, 0.5)\n"
            "        return self.inner.step(ids, targets)",
            "of its way off; 5% are allowed",
        ),
    ],
    ids=["no work", "no work once it counts", "hides its weights", "another optimizer"],
)
def test_an_unfit_entry_is_not_ranked(board, tmp_path, old, new, said):
    with pytest.raises(leaderboard.Refused, match=said):
        leaderboard.add(board, str(make(tmp_path / "unfit", old, new)))
    assert not (board / "README.md").exists()


def claim(ratio: float, peak: float = 100.0) -> Score:
    return Score(ratio, peak, 200.0, 1.0, 2.0, "a processor", "2026-01-01", "a command")


def test_claims_that_do_not_hold_are_found(board, monkeypatch):
    monkeypatch.setattr(leaderboard, "run", lambda entry: claim(0.5))
    entry = read_entry(make(board / "entries" / "half"), contest_of(board))
    for wrong, said in [(claim(0.4), "takes 0.500 of the reference's"), (claim(0.5, 90.0), "peak")]:
        write_claim(entry, wrong)
        with pytest.raises(leaderboard.Refused, match=said):
            leaderboard.check(board, "half")
    write_claim(entry, claim(0.52, 101.0))
    leaderboard.check(board, "half")


def test_the_faster_entry_stands_first_and_memory_decides_between_equals(board):
    for name, score in [("b", claim(0.7)), ("a", claim(0.5, 90.0)), ("c", claim(0.5))]:
        write_claim(read_entry(make(board / "entries" / name), contest_of(board)), score)
    make(board / "entries" / "unrun")
    rows = [
        line for line in markdown(read_entries(board), "2").splitlines() if "](entries/" in line
    ]
    assert [row.split("|")[2].strip()[1] for row in rows] == ["a", "c", "b"]
    assert all(row.count(" | ") == 9 for row in rows)


def test_a_wrong_description_is_explained(board, tmp_path):
    folder = make(tmp_path / "entry", about=ABOUT.replace("mini", "maxi"))
    with pytest.raises(ValueError, match="table is one of mini, cpu, gpu"):
        read_entry(folder, step_contest)
    shutil.rmtree(folder)


def test_a_gpu_is_asked_for(board, tmp_path, monkeypatch):
    monkeypatch.setattr(step_contest.torch.cuda, "is_available", lambda: False)
    entry = read_entry(make(tmp_path / "entry", about=ABOUT.replace("mini", "gpu")), step_contest)
    with pytest.raises(Unfit, match="there is none here"):
        step_contest.score(entry)
