import math

import pytest
import torch
from einops import rearrange
from torch.testing import assert_close
from transformers import GPTNeoXConfig, LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gpt_neox import modeling_gpt_neox as gpt_neox

from lib.model.rope import rotate_adjacent, rotate_halves, rotation, stretched

ROTATE = [rotate_adjacent, rotate_halves]


def test_angles_by_hand():
    """With two pairs and theta 100 the second pair turns ten times slower."""
    cos, sin = rotation(torch.tensor([0, 3]), 4, 100.0)
    angles = torch.tensor([[0.0, 0.0], [3.0, 0.3]])
    assert_close(cos, angles.cos())
    assert_close(sin, angles.sin())


def test_a_quarter_turn():
    quarter = (torch.zeros(1, 2), torch.ones(1, 2))
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    assert rotate_adjacent(x, quarter).flatten().tolist() == [-2, 1, -4, 3]
    assert rotate_halves(x, quarter).flatten().tolist() == [-3, -4, 1, 2]


@pytest.mark.parametrize("rotate", ROTATE)
def test_products_see_only_the_distance(rotate):
    """All positions shifted by 5 or by 1,000: the products of all queries and keys stay."""
    torch.manual_seed(0)
    q, k = torch.randn(2, 2, 7, 3, 6)

    def products(first: int) -> torch.Tensor:
        turn = rotation(torch.arange(first, first + 7), 6, 10_000.0)
        return torch.einsum("btnh,bsnh->bnts", rotate(q, turn), rotate(k, turn))

    assert_close(products(5), products(0), atol=1e-5, rtol=0)
    assert_close(products(1000), products(0), atol=1e-3, rtol=0)  # float32 angles of 1,000 radians
    assert (products(0) - torch.einsum("btnh,bsnh->bnts", q, k)).abs().max() > 0.1


@pytest.mark.parametrize("rotate", ROTATE)
def test_lengths_stay_and_position_0_does_not_turn(rotate):
    x = torch.randn(2, 5, 3, 8)
    turned = rotate(x, rotation(torch.arange(5), 8, 10_000.0))
    assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(turned[:, 0], x[:, 0])
    assert not torch.allclose(turned[:, 1], x[:, 1])


def test_both_conventions_are_one_up_to_the_order_of_coordinates():
    x = torch.randn(2, 5, 3, 8)
    turn = rotation(torch.arange(5), 8, 10_000.0)
    reordered = rearrange(x, "B T N (pairs two) -> B T N (two pairs)", two=2)
    back = rearrange(
        rotate_halves(reordered, turn), "B T N (two pairs) -> B T N (pairs two)", two=2
    )
    assert_close(back, rotate_adjacent(x, turn))


@pytest.mark.parametrize("rotate", ROTATE)
def test_positions_may_differ_between_sequences(rotate):
    x = torch.randn(2, 3, 1, 4)
    positions = torch.tensor([[0, 1, 2], [7, 0, 1]])
    both = rotate(x, rotation(positions, 4, 10_000.0))
    for row in range(2):
        alone = rotate(x[row : row + 1], rotation(positions[row], 4, 10_000.0))
        assert torch.equal(both[row : row + 1], alone)


def test_angles_stay_exact_in_bfloat16():
    x = torch.tensor([1.0, 0.0], dtype=torch.bfloat16).expand(1, 2, 1, 2)
    turned = rotate_adjacent(x, rotation(torch.tensor([1000, 1001]), 2, 10_000.0))
    assert turned.dtype == torch.bfloat16
    expected = torch.tensor([math.cos(1000), math.cos(1001)])
    assert_close(turned[0, :, 0, 0].float(), expected, atol=2**-8, rtol=0)


@pytest.mark.parametrize("rotate", ROTATE)
def test_the_rest_of_a_head_stays_where_fewer_angles_are_given(rotate):
    x = torch.randn(2, 5, 3, 8)
    turn = rotation(torch.arange(5), 6, 10_000.0)
    turned = rotate(x, turn)
    assert torch.equal(turned[..., 6:], x[..., 6:])
    assert torch.equal(turned[..., :6], rotate(x[..., :6], turn))


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
def test_partial_rotation_is_that_of_gpt_neox(share):
    parameters = {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": share}
    config = GPTNeoXConfig(hidden_size=48, num_attention_heads=3, rope_parameters=parameters)
    q, k = torch.randn(2, 2, 7, 3, 16)
    cos, sin = gpt_neox.GPTNeoXRotaryEmbedding(config)(q, torch.arange(7)[None])
    theirs = gpt_neox.apply_rotary_pos_emb(q, k, cos, sin, unsqueeze_dim=2)
    turn = rotation(torch.arange(7), round(16 * share), 500.0)
    assert_close((rotate_halves(q, turn), rotate_halves(k, turn)), theirs)


# Longer texts


@pytest.mark.parametrize(
    "scaling", [(8.0, 1.0, 4.0, 8192), (32.0, 1.0, 4.0, 8192), (2.0, 3.0, 50.0, 1000)]
)
def test_speeds_are_those_of_llama_3_1(scaling):
    names = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    parameters = {"rope_type": "llama3", "rope_theta": 500_000.0, **dict(zip(names, scaling))}
    config = LlamaConfig(hidden_size=128, num_attention_heads=1, rope_parameters=parameters)
    theirs, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    speed = 500_000.0 ** (-torch.arange(0, 128, 2) / 128)
    assert_close(stretched(speed, *scaling), theirs)
    cos, _ = rotation(torch.tensor([3]), 128, 500_000.0, scaling)
    assert_close(cos, (3 * theirs).cos()[None])


def test_stretching_by_hand():
    """Turns within 100 positions: 8, 3, 2 and 1/2. More than 4 stay, less than 2 get a quarter."""
    speed = 2 * math.pi / 100 * torch.tensor([8.0, 3.0, 2.0, 0.5])
    share = stretched(speed, 4.0, 2.0, 4.0, 100) / speed
    assert_close(share, torch.tensor([1, (1 + 1 / 4) / 2, 1 / 4, 1 / 4]))


@pytest.mark.parametrize("rotate", ROTATE)
def test_products_of_stretched_and_partial_rotations_see_only_the_distance(rotate):
    torch.manual_seed(0)
    q, k = torch.randn(2, 2, 7, 3, 8)

    def products(first: int) -> torch.Tensor:
        turn = rotation(torch.arange(first, first + 7), 6, 100.0, (8.0, 1.0, 4.0, 64))
        return torch.einsum("btnh,bsnh->bnts", rotate(q, turn), rotate(k, turn))

    assert_close(products(50), products(0), atol=2e-5, rtol=0)  # float32 angles of 50 radians
