"""Filters are compared by what the same model learns from their data."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lib.grading import data_contest, leaderboard
from lib.grading.data_contest import BUDGETS, END, Score, disagreements, stream_of, trained
from lib.grading.entries import markdown, read_entries, read_entry
from lib.grading.raw_crawl import crawl

ABOUT = 'author = "Ada"\nbudget = "mini"\ndescription = "Everything."\n'
ALL = """
def select(records, examples):
    return [record.body.decode("utf-8", "replace") for record in records]
"""


@pytest.fixture
def board(tmp_path, monkeypatch) -> Path:
    """A leaderboard without entries, whose model trains for two steps."""
    small = replace(BUDGETS["mini"], scale=0.05, steps=2)
    monkeypatch.setitem(BUDGETS, "mini", small)
    board = tmp_path / "4_data" / "leaderboard"
    board.mkdir(parents=True)
    (board / "contest.toml").write_text('module = "lib.grading.data_contest"\n')
    return board


def entry(board: Path, name: str, code: str = ALL) -> Path:
    folder = board / "entries" / name
    folder.mkdir(parents=True)
    (folder / "entry.py").write_text(code)
    (folder / "entry.toml").write_text(ABOUT)
    return folder


def test_an_honest_entry_is_run_ranked_and_reproduced(board, capsys):
    entry(board, "everything")
    leaderboard.add(board, "everything")
    claim = read_entry(board / "entries" / "everything", data_contest).claim
    texts = [record.body.decode("utf-8", "replace") for record in crawl(data_contest.SEED, 0.05)]
    assert claim.data_bytes == sum(len(text.encode()) + 1 for text in texts)
    assert claim.epochs == pytest.approx(2 * 4 * 32 / claim.data_bytes)
    assert 5 < claim.bits_per_byte < 9  # hardly trained: near log2(257)
    leaderboard.check(board, "everything")
    assert "everything is reproduced" in capsys.readouterr().out
    page = (board / "README.md").read_text("utf-8")
    assert "| 1 | [everything](entries/everything/) | Ada |" in page
    assert page == markdown(read_entries(board), "4")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ('["words that nobody wrote qwxyz " * 9]', "text may not be made up"),
        ("[]", "at least one"),
        ("[b'bytes']", "returns texts"),
        ('["..."]', "text may not be made up"),
    ],
)
def test_data_from_elsewhere_are_refused(board, returned, said):
    entry(board, "cheat", f"def select(records, examples):\n    return {returned}\n")
    with pytest.raises(leaderboard.Refused, match=said):
        leaderboard.add(board, "cheat")


def test_masks_are_no_made_up_words():
    data_contest.check_origin(["|||EMAIL_ADDRESS|||"], crawl(0, 0.05))


def test_the_stream_has_an_end_behind_each_text():
    assert stream_of(["ab", ""]).tolist() == [97, 98, END, END]


def test_better_data_make_a_better_model():
    budget = replace(BUDGETS["mini"], steps=40)
    good, bad = (stream_of([text] * 40) for text in ("the cake is good. ", "0123456789"))
    ids = stream_of(["the cake is good. "])[None]
    losses = [trained(one, budget).logits(ids).log_softmax(-1) for one in (good, bad)]
    right, wrong = (x[0, :-1].gather(1, ids[0, 1:, None]).mean().item() for x in losses)
    assert right > wrong + 1


def test_the_same_stream_gives_the_same_model():
    budget, stream = replace(BUDGETS["mini"], steps=2), stream_of(["abcdefgh" * 50])
    one, other = (trained(stream, budget).logits(stream[None, :16]) for _ in range(2))
    assert torch.equal(one, other)


def test_claims_that_do_not_hold_are_found():
    claim = Score(1.0, 1000, 1.0, 1e9, "crawl")
    assert disagreements(claim, replace(claim, bits_per_byte=1.009)) == []
    for change in ({"bits_per_byte": 1.02}, {"data_bytes": 1100}, {"flops": 2e9}):
        assert next(iter(change)) in disagreements(claim, replace(claim, **change))[0]
    assert "about the crawl" in disagreements(claim, replace(claim, corpus="other"))[0]
