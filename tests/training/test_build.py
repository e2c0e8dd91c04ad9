"""From words to parts: every name makes something that trains, with the settings asked for."""

from typing import get_args

import pytest
from tiny_run import tiny_config

from lib.training.build import make_model, make_optimizer, make_schedule, training_batches
from lib.training.config import OptimizerConfig, OptimizerName, ScheduleConfig, ScheduleName
from lib.training.loop import training_steps
from lib.training.ranks import Ranks


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_every_optimizer_learns(tmp_path, name):
    config = tiny_config(tmp_path)
    lr = {"sgd": 0.5, "momentum": 0.05, "lion": 0.003}.get(name, 0.01)
    model = make_model(config)
    optimizer = make_optimizer(OptimizerConfig(name, lr, weight_decay=0.0), model)
    losses = [s.loss for s in training_steps(model, optimizer, training_batches(config), 4)]
    assert losses[-1] < losses[0] - 0.2


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_settings_arrive(tmp_path, name):
    config = OptimizerConfig(name, 0.25, betas=(0.5, 0.75), momentum=0.625, weight_decay=0.125)
    groups = make_optimizer(config, make_model(tiny_config(tmp_path))).param_groups
    assert {group["lr"] for group in groups} == {0.25}
    assert [group["weight_decay"] for group in groups] == [0.125, 0.0]
    wanted = {"betas": (0.5, 0.75), "momentum": 0.625}
    assert all(group[key] == wanted[key] for group in groups for key in wanted if key in group)
    named = {key for group in groups for key in group}
    assert ("betas" in named) == (name in ("adam", "adamw", "lion", "muon", "soap"))
    assert ("momentum" in named) == (name in ("momentum", "muon"))


@pytest.mark.parametrize("name", get_args(ScheduleName))
def test_every_schedule_warms_up_and_ends_where_it_should(name):
    schedule = make_schedule(ScheduleConfig(name, warmup=4, floor=0.25), 100)
    assert schedule(1) == 0.25
    assert schedule(4) == 1.0
    end = {"constant": 1.0, "stairs": pytest.approx(0.1)}.get(name, pytest.approx(0.25))
    assert schedule(100) == end


def test_the_decay_of_wsd_is_as_long_as_asked():
    schedule = make_schedule(ScheduleConfig("wsd", warmup=0, decay=50, floor=0.0), 100)
    assert [schedule(step) for step in (50, 75, 100)] == [1.0, 0.5, 0.0]


def test_ranks_get_their_share(tmp_path):
    batch = next(training_batches(tiny_config(tmp_path), Ranks(1, 4)))
    assert batch.ids.shape == (2, 24)
