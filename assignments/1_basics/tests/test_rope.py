"""RoPE: a quarter turn by hand, multiplication of complex numbers, and what relative means."""

import math

import torch
from torch import Tensor

from adapters import model
from lib.grading.feedback import holds, same
from lib.grading.problems import problem

WIDTHS = (2, 4, 6, 10)


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def turned(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """A pair is a complex number, and turning is multiplying with one of length one."""
    H = x.shape[-1]
    speeds = theta ** (-torch.arange(0, H, 2, dtype=torch.float64) / H)
    angles = positions[..., None] * speeds
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], H // 2, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).reshape(x.shape)


@problem("rope")
def test_position_0_does_not_turn():
    for H in WIDTHS:
        x = random(1, H)
        yours = model.rope(10_000.0, H, 5)(x, torch.tensor([0]))
        same(yours, x, given=f"a vector of {H} numbers at position 0", within=1e-6)


@problem("rope")
def test_neighbouring_coordinates_are_a_pair():
    """A 1 in coordinate 0 turns into coordinate 1, and nowhere else; one in 3 into coordinate 2."""
    for H in WIDTHS:
        yours = model.rope(10_000.0, H, 5)(torch.eye(H)[:1], torch.tensor([1]))
        expected = torch.zeros(1, H)
        expected[0, :2] = torch.tensor([math.cos(1), math.sin(1)])
        given = f"[1, 0, ...] of {H} numbers at position 1"
        same(yours, expected, given=given, within=1e-6)


@problem("rope")
def test_later_pairs_turn_more_slowly():
    """The example of the text: angles 3 and 0.3."""
    for position in (1, 3):
        x = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
        a, b = position, position / 10
        expected = torch.tensor([[math.cos(a), math.sin(a), -math.sin(b), math.cos(b)]])
        yours = model.rope(100.0, 4, 5)(x, torch.tensor([position]))
        given = f"[1, 0, 0, 1] at position {position}, theta 100"
        same(yours, expected, given=given, within=1e-6)


@problem("rope")
def test_turning_is_multiplying_complex_numbers():
    for H in WIDTHS:
        for theta in (10_000.0, 50.0):
            x, positions = random(7, H), torch.arange(7)
            yours = model.rope(theta, H, 7)(x, positions)
            given = f"7 positions, {H} numbers each, theta {theta:g}"
            same(yours, turned(x, positions, theta), given=given, within=1e-5)


@problem("rope")
def test_positions_say_how_far_to_turn():
    """Not the place in the tensor: positions may begin anywhere, repeat, and be in any order."""
    for places in ([3], [2, 3], [4, 0, 11], [5, 5, 1, 0]):
        x, positions = random(len(places), 6), torch.tensor(places)
        yours = model.rope(100.0, 6, 12)(x, positions)
        given = f"positions {places}, H = 6"
        same(yours, turned(x, positions, 100.0), given=given, within=1e-5)


@problem("rope")
def test_any_leading_axes():
    """Among them heads, and positions of each sequence by itself."""
    T, H = 3, 4
    cases = [((), ()), ((2,), ()), ((2, 5), ()), ((2, 5), (2, 1)), ((1, 2, 5), (5,))]
    for leading, of_positions in cases:
        x = random(*leading, T, H)
        generator = torch.Generator().manual_seed(1)
        positions = torch.randint(9, (*of_positions, T), generator=generator)
        yours = model.rope(100.0, H, 9)(x, positions)
        given = f"x of shape {tuple(x.shape)}, positions of shape {tuple(positions.shape)}"
        same(yours, turned(x, positions, 100.0), given=given, within=1e-5)


@problem("rope")
def test_products_depend_on_the_distance_alone():
    q, k = random(1, 8), random(1, 8, seed=1)
    rope = model.rope(10_000.0, 8, 2000)

    def product(of_query: int, of_key: int) -> float:
        places = torch.tensor([of_query]), torch.tensor([of_key])
        return (rope(q, places[0]) * rope(k, places[1])).sum().item()

    for shift in (1, 10, 1000):
        given = f"a query at {3 + shift} and a key at {1 + shift}, expected is that of 3 and 1"
        same(product(3 + shift, 1 + shift), product(3, 1), given=given, within=1e-3)
    rule = "Another distance gives another product."
    holds(abs(product(3, 1) - product(4, 1)) > 0.01, rule, yours=product(3, 1) - product(4, 1))


@problem("rope")
def test_nothing_is_learned_and_nothing_is_saved():
    for H in (2, 4):
        rope, given = model.rope(10_000.0, H, 5), f"RoPE(10000, {H}, 5)"
        same([name for name, _ in rope.named_parameters()], [], given=f"the parameters of {given}")
        same(sorted(rope.state_dict()), [], given=f"the names in the state_dict of {given}")


@problem("rope")
def test_the_tables_move_with_the_module():
    rope = model.rope(10_000.0, 4, 5)
    left_behind = [name for name, value in vars(rope).items() if isinstance(value, Tensor)]
    rule = "A table is a buffer, so that it moves with the model; plain attributes stay behind."
    holds(not left_behind, rule, given="RoPE(10000, 4, 5)", yours=left_behind)


@problem("rope")
def test_angles_stay_exact_for_bfloat16_vectors():
    """Of the positions 1000 and 1001 bfloat16 would make the same number."""
    for dtype, error in ((torch.float16, 2**-10), (torch.bfloat16, 2**-7)):
        x, places = torch.tensor([[1.0, 0.0]] * 2, dtype=dtype), [1000, 1001]
        yours = model.rope(10_000.0, 2, 1002)(x, torch.tensor(places))
        expected = torch.tensor([[math.cos(p), math.sin(p)] for p in places]).to(dtype)
        given = f"[1, 0] in {dtype} at positions 1000 and 1001"
        same(yours, expected, given=given, within=error)
