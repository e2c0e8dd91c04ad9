import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from lib.model.config import ModelConfig
from lib.model.norm import LayerNorm, RMSNorm, layer_norm, make_norm, rms_norm


def test_by_hand():
    x = torch.tensor([1.0, 7.0])  # the mean square is 25
    assert_close(rms_norm(x, torch.ones(2), 0.0), torch.tensor([0.2, 1.4]))
    assert_close(rms_norm(x, torch.tensor([5.0, 10.0]), 0.0), torch.tensor([1.0, 14.0]))
    ones = torch.ones(2)  # the mean is 4, and both are 3 away from it
    assert_close(layer_norm(x, ones, None, 0.0), torch.tensor([-1.0, 1.0]))
    assert_close(layer_norm(x, 2 * ones, ones, 0.0), torch.tensor([-1.0, 3.0]))


def test_eps_is_added_to_the_mean_square():
    assert_close(rms_norm(torch.tensor([1.0, 7.0]), torch.ones(2), 11.0)[1], torch.tensor(7 / 6))
    assert rms_norm(torch.zeros(3), torch.ones(3), 1e-5).eq(0).all()


def test_match_pytorch():
    x = torch.randn(2, 3, 7, dtype=torch.float64) + 1
    weight, bias = torch.randn(2, 7, dtype=torch.float64)
    assert_close(rms_norm(x, weight, 1e-3), F.rms_norm(x, (7,), weight, 1e-3))
    assert_close(layer_norm(x, weight, bias, 1e-3), F.layer_norm(x, (7,), weight, bias, 1e-3))
    assert_close(layer_norm(x, weight, None, 1e-3), F.layer_norm(x, (7,), weight, None, 1e-3))


@pytest.mark.parametrize(
    "norm", [RMSNorm(5, 1e-5, torch.float32), LayerNorm(5, 0.0, True, torch.float32)]
)
def test_half_precision_is_widened_inside(norm):
    """Squares of 1,000 are beyond float16, and bfloat16 cannot tell 1,000 from 1,001."""
    x = torch.tensor([-1000.0, 1000.0, 1000.0, -1000.0, 0.0])
    for dtype in (torch.float16, torch.bfloat16):
        out = norm(x.to(dtype))
        assert out.dtype == dtype
        assert_close(out, norm(x.to(dtype).float()).to(dtype), rtol=0, atol=0)
        assert out.isfinite().all()


def test_the_config_chooses():
    shape = (37, 11, 1, 24, 4)
    rms = make_norm(ModelConfig(*shape, norm_eps=0.5, bias=True))
    assert isinstance(rms, RMSNorm) and rms.eps == 0.5 and not hasattr(rms, "bias")
    layer = make_norm(ModelConfig(*shape, norm="layer", bias=True, dtype="bfloat16"))
    assert isinstance(layer, LayerNorm) and layer.weight.dtype == layer.bias.dtype == torch.bfloat16
    assert make_norm(ModelConfig(*shape, norm="layer")).bias is None


def test_no_norm_leaves_everything_as_it_is():
    norm, x = make_norm(ModelConfig(37, 11, 1, 24, 4, norm="none")), torch.randn(2, 3, 24)
    assert norm(x) is x and not list(norm.parameters())


@pytest.mark.parametrize("kind", ["rms", "layer"])
def test_with_an_offset_the_scale_is_one_plus_the_weight(kind):
    shape = {"norm": kind, "bias": True, "dtype": "float64"}
    plain, offset = (
        make_norm(ModelConfig(37, 11, 1, 7, 1, 1, 2, norm_offset=o, **shape)) for o in (False, True)
    )
    x = torch.randn(3, 7, dtype=torch.float64)
    assert offset.weight.eq(0).all() and torch.equal(offset(x), plain(x))
    offset.weight.data = torch.randn(7, dtype=torch.float64)
    plain.weight.data = offset.weight + 1
    assert_close(offset(x), plain(x))


def test_the_offset_is_added_in_float32():
    """In bfloat16 1 + 0.001 would be 1."""
    norm = RMSNorm(2, 0.0, torch.bfloat16, offset=True)
    torch.nn.init.constant_(norm.weight, 0.001)
    weight = norm.weight[0].float().item()
    assert_close(norm(torch.ones(2)), torch.full((2,), 1 + weight))
