import torch
from torch.testing import assert_close

from lib.model.linear import Linear, linear


def test_by_hand():
    weight = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, -1.0]])  # (out, in)
    x = torch.tensor([1.0, 10.0, 100.0])
    assert linear(x, weight).tolist() == [321, -100]
    assert linear(x, weight, torch.tensor([0.5, 100.0])).tolist() == [321.5, 0]


def test_any_number_of_leading_dimensions():
    layer = Linear(3, 5, bias=True, dtype=torch.float32)
    assert layer(torch.zeros(3)).shape == (5,)
    assert layer(torch.zeros(2, 7, 4, 3)).shape == (2, 7, 4, 5)


def test_the_input_decides_the_dtype_and_weights_keep_theirs():
    layer = Linear(3, 5, bias=True, dtype=torch.float32)
    torch.nn.init.normal_(layer.weight)
    out = layer(torch.ones(2, 3, dtype=torch.bfloat16))
    out.sum().backward()
    assert out.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == layer.bias.grad.dtype == torch.float32
    assert_close(layer.weight.grad, torch.full((5, 3), 2.0))


def test_a_layer_starts_at_zero_and_says_its_size():
    layer = Linear(3, 5, bias=False, dtype=torch.float32)
    assert layer.weight.eq(0).all() and layer.bias is None
    assert repr(layer) == "Linear(3 -> 5, bias=False)"
