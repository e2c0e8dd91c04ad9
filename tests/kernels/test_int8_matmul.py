"""Products with an int8 weight: against float64 for few and many rows, and what rounding costs."""

import pytest
import torch
from against_float64 import assert_close, draw

from lib.kernels.int8_matmul import int8_matmul, int8_matmul_op, quantize_rows, tile_shape


def example(place, N, K):
    return quantize_rows(draw(N, K, dtype=torch.float32, device=place, seed=1))


@pytest.mark.parametrize(("M", "N", "K"), [(1, 67, 1100), (5, 3, 1), (67, 35, 130)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_few_rows_and_many(place, M, N, K, dtype):
    weight, scales = example(place, N, K)
    x = draw(M, K, dtype=dtype, device=place)
    expected = x.double() @ (weight.double() * scales.double().unsqueeze(1)).t()
    within = 1 if dtype == torch.bfloat16 else 8  # 1100 terms added in float32
    assert_close(int8_matmul(x, weight, scales), expected, within)


def test_few_rows_share_the_sum_among_programs():
    assert tile_shape(1, 64, 1100, torch.bfloat16)["SPLIT"] == 3
    assert tile_shape(1, 4096, 4096, torch.bfloat16)["SPLIT"] == 4
    assert tile_shape(1, 50257, 4096, torch.bfloat16)["SPLIT"] == 1
    assert tile_shape(4096, 4096, 4096, torch.bfloat16)["BLOCK_M"] == 128


def test_the_gradient_goes_through_to_x(place):
    weight, scales = example(place, 19, 37)
    x = draw(2, 3, 37, dtype=torch.float32, device=place).requires_grad_()
    grad = draw(2, 3, 19, dtype=torch.float32, device=place, seed=2)
    int8_matmul(x, weight, scales).backward(grad)
    exact = weight.double() * scales.double().unsqueeze(1)
    assert_close(x.grad, grad.double() @ exact, within=4)


def test_strides_and_empty_tensors(place):
    weight, scales = example(place, 19, 37)
    x = draw(37, 4, dtype=torch.float32, device=place).t()
    packed, packed_weight = x.contiguous(), weight.t().contiguous().t()
    assert torch.equal(int8_matmul(x, packed_weight, scales), int8_matmul(packed, weight, scales))
    assert int8_matmul(x[:0], weight, scales).shape == (0, 19)
    nothing = int8_matmul(x[:, :0], weight[:, :0], scales)
    assert nothing.eq(0).all()
    assert nothing.shape == (4, 19)


def test_rounding_is_off_by_half_a_scale_at_most():
    weight = torch.tensor([[127.0, -63.5, 1.4], [0.0, 0.0, 0.0], [1e-3, -1e-3, 4e-6]])
    q, scales = quantize_rows(weight)
    assert q.tolist() == [[127, -64, 1], [0, 0, 0], [127, -127, 1]]  # ties go to the even number
    off = (q * scales.unsqueeze(1) - weight).abs()
    assert (off <= scales.unsqueeze(1) * 0.5000001).all()
    assert quantize_rows(weight[:, :0])[0].shape == (3, 0)


def test_the_op_keeps_what_it_promises_to_torch(place):
    weight, scales = example(place, 5, 7)
    x = torch.randn(3, 7, device=place)
    torch.library.opcheck(int8_matmul_op, (x, weight, scales), test_utils="test_faketensor")


def test_wrong_tensors_get_a_sentence(place):
    weight, scales = example(place, 5, 7)
    x = torch.zeros(3, 7, device=place)
    with pytest.raises(TypeError, match=r"weight in int8, not torch.float32: weight, scales = qu"):
        int8_matmul(x, weight.float(), scales)
    with pytest.raises(ValueError, match=r"x of shape \(3, 7\), not \(3, 6\)"):
        int8_matmul(x[:, :6], weight, scales)
    with pytest.raises(ValueError, match=r"scales of shape \(5,\), not \(4,\)"):
        int8_matmul(x, weight, scales[:4])
