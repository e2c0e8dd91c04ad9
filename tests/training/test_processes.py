"""Runs that are killed, and ranks: whatever happens to processes, the numbers are the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import test_ranks
import torch
from tiny_run import assert_same_end, tiny_config

from lib.training.ranks import ALONE
from lib.training.settings import to_toml

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where processes.py has done its work. Saving every second step, many kills hit a save."""
    folder = tmp_path_factory.mktemp("processes")
    for name in ("whole", "killed"):
        config = tiny_config(folder / name, steps=60, save_every=2, eval_every=20)
        text = to_toml(config)
        (folder / f"{name}.toml").write_text(text, encoding="utf-8", newline="\n")
    subprocess.run([sys.executable, str(HERE / "processes.py"), str(folder)], check=True)
    return folder


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(folder):
    killed_at = json.loads((folder / "report.json").read_text(encoding="utf-8"))["killed_at"]
    assert len(set(killed_at)) >= 3, f"the run was too short for its kills, at steps {killed_at}"
    assert_same_end(folder / "killed", folder / "whole")


def test_two_ranks_are_one(folder):
    """Although they have unequally many targets."""
    steps, weights = test_ranks.train(ALONE)
    for rank in range(2):
        its_steps, its_weights, agreed = torch.load(folder / f"{rank}.pt")
        assert [n for _, n in its_steps] == [n for _, n in steps]
        torch.testing.assert_close([x for x, _ in its_steps], [x for x, _ in steps])
        torch.testing.assert_close(its_weights, weights)
        assert agreed == [False, True]
