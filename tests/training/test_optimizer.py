"""What must hold for every optimizer: resuming, groups, closures, dtypes, and refusals."""

import copy
import io

import pytest
import torch
from descents import SHAPES, after, descend, parameters

from lib.training.adaptive import AdaGrad, Adam, AdamW, RMSProp
from lib.training.fused_adamw import FusedAdamW
from lib.training.lion import Lion
from lib.training.muon import Muon, MuonAdamW
from lib.training.optimizer import PerParameter
from lib.training.sgd import SGD, Momentum
from lib.training.soap import SOAP


def muon_adamw(params, **settings):
    params = list(params)
    matrices = [p for p in params if p.ndim == 2]
    return MuonAdamW(matrices, [p for p in params if p.ndim != 2], **settings)


ALL = {
    "SGD": lambda params: SGD(params, 0.1, weight_decay=0.1),
    "Momentum": lambda params: Momentum(params, 0.1, weight_decay=0.1, nesterov=True),
    "AdaGrad": lambda params: AdaGrad(params, 0.1),
    "RMSProp": lambda params: RMSProp(params, 0.1),
    "Adam": lambda params: Adam(params, 0.1, weight_decay=0.1),
    "AdamW": lambda params: AdamW(params, 0.1),
    "FusedAdamW": lambda params: FusedAdamW(params, 0.1, master=True),
    "Lion": lambda params: Lion(params, 0.1, weight_decay=0.1),
    "MuonAdamW": lambda params: muon_adamw(params, weight_decay=0.1),
    "SOAP": lambda params: SOAP(params, every=3),
}
every_optimizer = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


@every_optimizer
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_resuming_continues_bit_for_bit(make, dtype):
    expected = after(make, 9, dtype=dtype)
    params = parameters(dtype=dtype)
    optimizer = make(params)
    descend(optimizer, params, range(4))
    file = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "params": params}, file)
    file.seek(0)
    saved = torch.load(file)
    params = saved["params"]
    optimizer = make(params)
    optimizer.load_state_dict(saved["optimizer"])
    descend(optimizer, params, range(4, 9))
    assert all(torch.equal(p, x) for p, x in zip(params, expected, strict=True))


@pytest.mark.parametrize("name", set(ALL) - {"SGD"})  # which keeps nothing
def test_without_the_state_it_would_not(name):
    params = parameters()
    descend(ALL[name](params), params, range(4))
    descend(ALL[name](params), params, range(4, 9))
    assert not torch.equal(params[0], after(ALL[name], 9)[0])


@every_optimizer
def test_a_loaded_state_is_a_copy(make):
    params = parameters()
    optimizer = make(params)
    descend(optimizer, params, range(4))
    saved = optimizer.state_dict()
    before = copy.deepcopy(saved)
    others = parameters()
    other = make(others)
    other.load_state_dict(saved)
    descend(other, others, range(4, 6))
    for id, state in before["state"].items():
        for name, value in state.items():
            assert torch.equal(torch.as_tensor(saved["state"][id][name]), torch.as_tensor(value))


@every_optimizer
def test_averages_of_bfloat16_parameters_are_float32(make):
    params = parameters(dtype=torch.bfloat16)
    optimizer = make(params)
    descend(optimizer, params, range(4))
    other = make(parameters(dtype=torch.bfloat16))
    other.load_state_dict(optimizer.state_dict())
    for states in (optimizer.state.values(), other.state.values()):
        kept = [x.dtype for state in states for x in state.values() if torch.is_tensor(x)]
        assert set(kept) <= {torch.float32}
        assert kept or "SGD" in str(optimizer)
    assert {p.dtype for p in params} == {torch.bfloat16}


@every_optimizer
def test_parameters_without_a_gradient_stay(make):
    params = parameters()
    before = [p.detach().clone() for p in params]
    optimizer = make(params)
    for _ in range(3):
        params[0].grad = torch.ones(3, 5, dtype=torch.float64)
        optimizer.step()
    assert not torch.equal(params[0], before[0])
    assert all(torch.equal(p, x) for p, x in zip(params[1:], before[1:], strict=True))
    assert len(optimizer.state) <= 1


@every_optimizer
def test_the_loss_falls(make):
    params = parameters()
    optimizer = make(params)
    for group in optimizer.param_groups:
        group["lr"] = 0.01

    def loss():
        optimizer.zero_grad()
        value = sum((p - 3).square().sum() for p in params)
        value.backward()
        return value

    losses = [optimizer.step(loss).item() for _ in range(30)]
    assert losses[-1] < 0.99 * losses[0]


def test_groups_have_settings_of_their_own():
    first, second = parameters(((3, 5), (4,)))
    groups = [{"params": [first], "lr": 0.0}, {"params": [second], "weight_decay": 0.0}]
    optimizer = AdamW(groups, 0.1, weight_decay=0.5)
    before = first.detach().clone()
    descend(optimizer, [first, second], range(3))
    assert torch.equal(first, before)
    alone = parameters(((3, 5), (4,)))[1]
    optimizer = torch.optim.AdamW([alone], 0.1, weight_decay=0.0)
    for step in range(3):
        alone.grad = (3 * alone.detach() + step + 1).sin() * (1 + step)
        optimizer.step()
    torch.testing.assert_close(second, alone)


def test_a_state_of_other_parameters_is_refused():
    optimizer = AdamW(parameters())
    with pytest.raises(ValueError, match="parameter group"):
        AdamW(parameters(SHAPES[:2])).load_state_dict(optimizer.state_dict())


def test_a_rule_must_be_given():
    (p,) = parameters(((2,),))
    with pytest.raises(NotImplementedError, match="needs an update"):
        descend(PerParameter([p], {}), [p], [0])


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda params: SGD(params, -1.0), "lr is -1.0. Choose a number from 0 up"),
        (lambda params: SGD(params, float("nan")), "lr is nan"),
        (lambda params: Momentum(params, 0.1, momentum=1.0), "momentum is 1.0.*below 1"),
        (lambda params: AdaGrad(params, eps=-1.0), "eps is -1.0"),
        (lambda params: RMSProp(params, alpha=1.5), "alpha is 1.5"),
        (lambda params: AdamW(params, betas=(0.9, 1.0)), r"betas\[1\] is 1.0"),
        (lambda params: AdamW(params, weight_decay=-0.1), "weight_decay is -0.1"),
        (lambda params: Lion(params, betas=(-0.1, 0.9)), r"betas\[0\] is -0.1"),
        (lambda params: SOAP(params, every=0), "from 1 up, not 0"),
        (lambda params: Muon(params), r"the shape \(4,\).*MuonAdamW takes both"),
        (lambda params: MuonAdamW(params, []), r"the shape \(4,\)"),
        (lambda params: muon_adamw(params, adamw_lr=-1.0), "adamw_lr is -1.0"),
    ],
)
def test_impossible_settings_are_explained(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make(parameters())
