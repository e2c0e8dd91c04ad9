import pytest
import torch
from descents import after, parameters

from lib.training.adaptive import AdaGrad, Adam, AdamW, RMSProp, adam_direction

EXACT = {"rtol": 0, "atol": 1e-10}
PAIRS = {
    "AdaGrad": (AdaGrad, torch.optim.Adagrad, {}),
    "RMSProp": (RMSProp, torch.optim.RMSprop, {"alpha": 0.8}),
    "Adam": (Adam, torch.optim.Adam, {"betas": (0.7, 0.9)}),
    "AdamW": (AdamW, torch.optim.AdamW, {"betas": (0.7, 0.9)}),
}


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.3}, {"eps": 0.1, "lr": 0.2}], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_is_pytorchs(name, settings):
    ours, theirs, more = PAIRS[name]
    expected = after(lambda params: theirs(params, **settings, **more))
    torch.testing.assert_close(
        after(lambda params: ours(params, **settings, **more)), expected, **EXACT
    )


@pytest.mark.parametrize("name", PAIRS)
def test_defaults_are_pytorchs(name):
    ours, theirs, _ = PAIRS[name]
    params = parameters()
    mine, other = ours(params).defaults, theirs(params).defaults
    assert mine == {setting: other[setting] for setting in mine}


def test_adam_by_hand():
    state = {}
    first = adam_direction(torch.tensor([4.0, -1e-3]), state, (0.9, 0.999), eps=0.0)
    torch.testing.assert_close(first, torch.tensor([1.0, -1.0]))  # whatever the size
    second = adam_direction(torch.tensor([0.0, 0.0]), state, (0.5, 0.5), eps=0.0)
    # averages 0.4 / 2 and 1.6e-2 / 2, divided by 1 - 0.5^2
    assert second[0].item() == pytest.approx((0.2 / 0.75) / (0.008 / 0.75) ** 0.5, rel=1e-5)


def test_adagrad_by_hand():
    p = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    optimizer = AdaGrad([p], lr=1.0, eps=0.0)
    for gradient in ([3.0, 1.0], [4.0, 1.0]):
        p.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
    expected = torch.tensor([-1 - 4 / 5, -1 - 0.5**0.5], dtype=torch.float64)
    torch.testing.assert_close(p.detach(), expected)


def test_adam_decays_what_has_large_gradients_less_and_adamw_all_alike():
    for optimizer, alike in ((Adam, False), (AdamW, True)):
        p = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
        rule = optimizer([p], lr=0.01, weight_decay=0.1)
        for step in range(100):  # these gradients cancel
            p.grad = torch.tensor([1.0, 100.0], dtype=torch.float64) * (-1) ** step
            rule.step()
        left, right = (1 - p.detach()).tolist()
        assert (abs(left / right - 1) < 0.01) == alike
