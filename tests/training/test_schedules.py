import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.training.adaptive import AdamW
from lib.training.schedules import (
    SCHEDULES,
    branch_points,
    constant,
    cosine,
    linear,
    scale_lr,
    stairs,
    steps_to_run,
    wsd,
)


def test_cosine_by_hand():
    values = [cosine(step, 14, n_warmup=4, floor=0.2) for step in range(17)]
    assert values[:5] == [0, 0.25, 0.5, 0.75, 1]
    assert values[9] == pytest.approx(0.6)  # half way down from 1 to 0.2
    assert values[14:] == pytest.approx([0.2, 0.2, 0.2])
    assert cosine(8, 16, 4, 0.0) == pytest.approx(0.75)  # cos 60° = 1/2


def test_linear_by_hand():
    values = [linear(step, 6, n_warmup=2, floor=0.2) for step in range(8)]
    assert values == pytest.approx([0, 0.5, 1, 0.8, 0.6, 0.4, 0.2, 0.2])


def test_wsd_by_hand():
    values = [wsd(step, 8, n_warmup=2, n_decay=4, floor=0.2) for step in range(10)]
    assert values == pytest.approx([0, 0.5, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.2])
    assert [wsd(step, 20) for step in (17, 18, 19, 20)] == pytest.approx([1, 1, 0.5, 0])


def test_stairs_by_hand():
    values = [stairs(step, 10, n_warmup=1) for step in range(12)]
    assert values[:8] == [0, *[1] * 7]
    assert values[8:] == pytest.approx([0.1**0.5, 0.1, 0.1, 0.1])
    assert [stairs(step, 4, at=(0.5,), factor=0.5) for step in range(4)] == [1, 1, 0.5, 0.5]


def test_constant_by_hand():
    assert [constant(step, 9, 2) for step in range(4)] == [0, 0.5, 1, 1]


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_linear_and_cosine_are_pytorchs(floor):
    p = torch.nn.Parameter(torch.zeros(1))
    for ours, theirs in (
        (
            lambda step: cosine(step, 20, floor=floor),
            lambda sgd: torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 20, floor),
        ),
        (
            lambda step: linear(step, 20, floor=floor),
            lambda sgd: torch.optim.lr_scheduler.LinearLR(sgd, 1.0, floor, 20),
        ),
    ):
        sgd = torch.optim.SGD([p], lr=1.0)
        scheduler = theirs(sgd)
        for step in range(21):
            assert ours(step) == pytest.approx(sgd.param_groups[0]["lr"])
            sgd.step()
            scheduler.step()


@given(
    name=st.sampled_from(sorted(SCHEDULES)),
    n_warmup=st.integers(0, 20),
    n_steps=st.integers(30, 90),
)
def test_up_once_and_down_once(name, n_warmup, n_steps):
    values = [SCHEDULES[name](step, n_steps, n_warmup) for step in range(n_steps + 3)]
    assert values[n_warmup] == 1
    assert values[:n_warmup] == sorted(values[:n_warmup])
    assert values[n_warmup:] == sorted(values[n_warmup:], reverse=True)
    assert min(values) >= 0
    assert max(values) == 1
    assert values[-1] == values[n_steps]


def test_every_branch_follows_the_trunk_until_it_decays():
    starts = branch_points([40, 100, 200], n_decay=15)
    assert starts == {40: 25, 100: 85, 200: 185}
    for end, start in starts.items():
        for step in range(end + 1):
            branch = wsd(step, end, n_warmup=10, n_decay=15)
            trunk = wsd(step, None, n_warmup=10)
            assert (branch == trunk) == (step <= start)
        assert branch == 0
    assert branch_points([40, 100]) == {40: 36, 100: 90}


def test_one_trunk_is_cheaper_than_many_cosines():
    assert steps_to_run([40, 100, 200], n_decay=15) == {"cosine": 340, "wsd": 185 + 45}
    assert steps_to_run([100]) == {"cosine": 100, "wsd": 100}


def test_what_does_not_fit_is_explained():
    for name, schedule in SCHEDULES.items():
        with pytest.raises(ValueError, match=r"warm-up of 12 steps does not fit into the \d+"):
            schedule(3, 10, 12)
        assert 0 <= schedule(0, 0) <= 1, name
    with pytest.raises(ValueError, match="decay over 12 steps does not fit into 10"):
        wsd(3, 10, n_decay=12)
    with pytest.raises(ValueError, match="into the 6 steps"):
        wsd(3, 10, n_warmup=7, n_decay=4)


def test_scaling_the_rate_of_every_group():
    p, q = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = AdamW([{"params": [p], "lr": 0.5}, {"params": [q]}], lr=2.0)
    scale_lr(optimizer, 0.5)
    scale_lr(optimizer, 0.25)  # of the first rate, not of the last
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.5]
    resumed = AdamW([{"params": [p]}, {"params": [q]}])
    resumed.load_state_dict(optimizer.state_dict())
    scale_lr(resumed, 1.0)
    assert [group["lr"] for group in resumed.param_groups] == [0.5, 2.0]
    assert math.isclose(sum(g["initial_lr"] for g in resumed.param_groups), 2.5)
