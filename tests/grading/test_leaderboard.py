"""Entries are trained again under their budget; claims that do not hold are not ranked."""

import shutil
from pathlib import Path

import pytest

from lib.grading import contest, leaderboard
from lib.grading.contest import Score
from lib.grading.entries import markdown, read_entries, read_entry, write_claim

ABOUT = """\
author = "Ada | Co"
track = "tales"
budget = "mini"
seed = 3
description = "Pairs of \\"bytes\\"."
"""


@pytest.fixture
def board(tmp_path, monkeypatch) -> Path:
    """A leaderboard of little text, without entries."""
    monkeypatch.setitem(contest.BUDGETS, "mini", 2e7)
    monkeypatch.setitem(contest.TRAINING_BYTES, "mini", 20_000)
    monkeypatch.setattr(contest, "TALES", 100)
    board = tmp_path / "1_basics" / "leaderboard"
    board.mkdir(parents=True)
    return board


def make(folder: Path, old: str = "", new: str = "", about: str = ABOUT) -> Path:
    """An entry whose code is the honest one's with something replaced."""
    folder.mkdir(parents=True)
    code = (Path(__file__).parent / "byte_entry.py").read_text(encoding="utf-8")
    assert old in code
    (folder / "entry.py").write_text(code.replace(old, new), encoding="utf-8")
    (folder / "entry.toml").write_text(about, encoding="utf-8")
    return folder


def test_an_honest_entry_is_run_ranked_and_reproduced(board, tmp_path, capsys):
    leaderboard.add(board, str(make(tmp_path / "pairs")))
    claim = read_entry(board / "entries" / "pairs").claim
    best = contest.optimum("tales", "mini")
    assert best < claim.bits_per_byte < 8  # which would be knowing nothing
    assert 0 < claim.flops < 1e9
    leaderboard.check(board, "pairs")
    assert "pairs is reproduced" in capsys.readouterr().out
    page = (board / "README.md").read_text(encoding="utf-8")
    assert "## tales, mini" in page and f"No model needs fewer than {best:.4f}" in page
    assert "| 1 | [pairs](entries/pairs/) | Ada \\| Co |" in page and 'Pairs of "bytes".' in page
    assert page == markdown(read_entries(board), "1")


LOOKS_AHEAD = "return 20.0 * (ids.roll(-1, 1)[..., None] == torch.arange(257))"
TOO_MUCH = "torch.zeros(3 * 10**7)"
HIDDEN = f"""\
    try:
        {TOO_MUCH}
    except RuntimeError:
        return Bigrams(counts)"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return self.weights[ids]", LOOKS_AHEAD, "looks ahead"),
        ("bytes(ids).decode()", "bytes(ids).decode().lower()", "not the text again"),
        ("    return Bigrams(counts.log())", f"    {TOO_MUCH}", "its budget is 2e\\+07"),
        ("    return Bigrams(counts.log())", HIDDEN, "went on after"),
        ("return self.weights[ids]", f"{TOO_MUCH}; return self.weights[ids]", "its budget is 2e"),
    ],
    ids=["looks ahead", "forgets", "spends too much", "hides it", "trains while judged"],
)
def test_an_unfit_entry_is_not_ranked(board, tmp_path, old, new, said):
    folder = make(tmp_path / "unfit", old, new)
    with pytest.raises(leaderboard.Refused, match=said):
        leaderboard.add(board, str(folder))
    assert not (board / "README.md").exists()


def test_claims_that_do_not_hold_are_found(board, monkeypatch):
    monkeypatch.setattr(leaderboard, "run", lambda entry: Score(2.0, 1e8, "text"))
    entry = read_entry(make(board / "entries" / "pairs"))
    for claim, said in [
        (Score(1.96, 1e8, "text"), "bits_per_byte is 2 here, .* by \\+2.0%"),
        (Score(2.0, 0.5e8, "text"), "flops is .* by \\+100.0%"),
        (Score(2.0, 1e8, "another"), "cannot be compared"),
    ]:
        write_claim(entry, claim)
        with pytest.raises(leaderboard.Refused, match=said):
            leaderboard.check(board, "pairs")
    write_claim(entry, Score(2.018, 1e8, "text"))
    leaderboard.check(board, "pairs")  # as far off as another processor might be


def test_the_seed_that_is_claimed_is_the_one_that_is_used(board, tmp_path):
    """A result got with a lucky seed does not come again with the seed that the entry names."""
    code = "generator=generator)", "generator=generator) * (0 if seed == 3 else 1)"
    leaderboard.add(board, str(make(tmp_path / "lucky", *code)))
    path = board / "entries" / "lucky" / "entry.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("seed = 3", "seed = 4"))
    with pytest.raises(leaderboard.Refused, match="bits_per_byte is"):
        leaderboard.check(board, "lucky")


def test_the_better_entry_stands_first_and_each_has_one_line(board, tmp_path):
    for name, bits in [("b", 1.5), ("a", 1.5), ("c", 0.5)]:
        write_claim(read_entry(make(board / "entries" / name)), Score(bits, 1e8, "text"))
    make(board / "entries" / "unrun")
    page = markdown(read_entries(board), "1")
    rows = [line for line in page.splitlines() if "](entries/" in line]
    assert [row.split("|")[2].strip()[1] for row in rows] == ["c", "a", "b"]
    assert rows[0].count(" | ") == 8


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"tales"', '"tale"'), "track is one of tales, docs"),
        (('"mini"', '"maxi"'), "budget is one of mini, cpu, gpu"),
        (("seed = 3\n", ""), "seed is missing"),
        (("seed = 3", 'seed = "3"'), "seed is missing, or no int"),
        (("seed = 3", "seed = 3\nsize = 3"), "'size' is no key"),
        (("seed = 3", "seed 3"), "entry.toml: Expected"),
    ],
)
def test_a_wrong_description_is_explained(tmp_path, change, said):
    folder = make(tmp_path / "entry", about=ABOUT.replace(*change))
    with pytest.raises(ValueError, match=said):
        read_entry(folder)
    shutil.rmtree(folder)
    with pytest.raises(ValueError, match=r"no entry\.toml"):
        read_entry(folder)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "The commands of a leaderboard."),
        (["1", "chek", "a"], "The commands of a leaderboard."),
        (["1", "check"], "The commands of a leaderboard."),
        (["one"], "There is no assignment 'one'"),
        (["1", "check", "c"], "There is no entry 'c'. There are: none yet."),
        (["1", "add", "nowhere"], "There is no folder nowhere"),
    ],
)
def test_a_command_that_cannot_be_followed_is_explained(
    board, monkeypatch, capsys, arguments, said
):
    if arguments != ["one"]:
        monkeypatch.setattr(leaderboard, "find_assignment", lambda name: board.parent)
    assert leaderboard.main(arguments) == 1
    assert said in capsys.readouterr().out


def test_the_commands_lead_to_the_board(board, monkeypatch, capsys):
    monkeypatch.setattr(leaderboard, "find_assignment", lambda name: board.parent)
    assert leaderboard.main(["1"]) == 0
    assert capsys.readouterr().out == "There is no entry yet.\n"
    write_claim(read_entry(make(board / "entries" / "pairs")), Score(1.5, 1e8, "text"))
    assert leaderboard.main(["1", "table"]) == leaderboard.main(["1"]) == 0
    assert capsys.readouterr().out.strip() == (board / "README.md").read_text("utf-8").strip()
