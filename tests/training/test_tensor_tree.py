"""Trees of tensors through JSON and back, bit for bit."""

import json

import pytest
import torch

from lib.training.tensor_tree import flatten, unflatten


def test_by_hand():
    a, b = torch.ones(2), torch.zeros(3, dtype=torch.int64)
    flat, tensors = flatten({"state": {0: {"mean": a}}, "groups": [{"betas": (0.9, b)}]})
    assert flat == {
        "state": {"$pairs": [[0, {"mean": {"$tensor": "state.0.mean"}}]]},
        "groups": [{"betas": {"$tuple": [0.9, {"$tensor": "groups.0.betas.1"}]}}],
    }
    assert tensors.keys() == {"state.0.mean", "groups.0.betas.1"}


def test_there_and_back():
    values = torch.tensor([1 / 3, -0.0, float("inf")], dtype=torch.float64)
    tree = {
        "numbers": [1 / 3, 1e-300, True, None, 7, "text"],
        3: (1, [2.5]),
        "$strange": {},
        "empty": [],
        "tensor": values,
        "view": values[::2],
    }
    flat, tensors = flatten(tree)
    back = unflatten(json.loads(json.dumps(flat)), tensors)
    assert torch.equal(back.pop("tensor"), tree.pop("tensor"))
    assert torch.equal(back.pop("view"), tree.pop("view"))
    assert back == tree
    assert list(back) == list(tree)
    assert type(back[3]) is tuple


def test_what_cannot_be_saved_is_named():
    with pytest.raises(TypeError, match=r"a\.1 is a set"):
        flatten({"a": [1, {2}]})
