"""record: what every submodule returned, and no trace of the recording afterwards."""

import pytest
import torch
from torch import nn

from lib.notebook.record import record


class Twice(nn.Module):
    """Runs one layer twice and returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.pair = Pair()

    def forward(self, x):
        return self.pair(self.layer(self.layer(x) + 1))


class Pair(nn.Module):
    def forward(self, x):
        return x, 2 * x


def test_outputs_by_name():
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.ReLU()))
    with record(model) as seen:
        model(torch.tensor([-3.0, 5.0]))
    assert list(seen) == ["0", "1.0", "1"]  # in the order in which they finished
    assert seen["0"].tolist() == [-3, 5]
    assert seen["1.0"].tolist() == seen["1"].tolist() == [0, 5]


def test_repeated_calls_keep_the_last_and_all():
    model = Twice()
    with record(model) as seen:
        model(torch.tensor(7.0))
    assert seen["layer"] == 8
    assert [x.item() for x in seen.calls["layer"]] == [7, 8]
    assert seen["pair"] == (torch.tensor(8.0), torch.tensor(16.0))


def test_a_shared_module_is_kept_under_both_names():
    layer = nn.ReLU()
    model = nn.ModuleDict({"a": layer, "b": layer})
    with record(model) as seen:
        model["a"](torch.tensor(2.0))
    assert seen["a"] == seen["b"] == 2


def test_recordings_nest_and_end():
    model = nn.Sequential(nn.Identity())
    with record(model) as outer:
        with record(model) as inner:
            model(torch.tensor(1.0))
        model(torch.tensor(2.0))
    model(torch.tensor(3.0))
    assert len(inner.calls["0"]) == 1
    assert [x.item() for x in outer.calls["0"]] == [1, 2]


def test_hooks_go_when_the_model_fails():
    model = nn.Sequential(nn.Linear(2, 3))
    with pytest.raises(RuntimeError), record(model):
        model(torch.zeros(5))
    assert not model[0]._forward_hooks


def test_a_wrong_name_is_told_the_right_ones():
    model = nn.Sequential(nn.Identity(), nn.Identity())
    with record(model) as seen:
        with pytest.raises(KeyError, match="Nothing is recorded yet"):
            seen["0"]
        model(torch.tensor(1.0))
    with pytest.raises(KeyError, match="Recorded: 0, 1"):
        seen["2"]
