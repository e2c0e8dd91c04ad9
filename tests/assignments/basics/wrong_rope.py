"""Wrong answers to part 2, rotary positions: each with the test that must see it."""

import torch
from reference import model as right
from torch import nn
from wrong_answers import wrong


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_rope = planted("model.rope", "test_rope.py")


class Turn(nn.Module):
    """Written out, so that one line can be wrong."""

    pair_from, position_from, clockwise = 0, 0, False

    def __init__(self, theta, head_width, context):
        super().__init__()
        pairs = torch.arange(head_width // 2) + self.pair_from
        positions = torch.arange(context) + self.position_from
        angles = torch.outer(positions, theta ** (-2 * pairs / head_width))
        self.keep(angles.cos(), -angles.sin() if self.clockwise else angles.sin())

    def keep(self, cos, sin):
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, x, positions):
        cos, sin = self.cos[positions], self.sin[positions]
        a, b = x[..., 0::2], x[..., 1::2]
        turned = torch.stack([a * cos - b * sin, a * sin + b * cos], -1)
        return turned.flatten(-2).to(x.dtype)


@wrong_rope("test_neighbouring_coordinates_are_a_pair")
class HalvesArePairs(Turn):
    def forward(self, x, positions):
        cos, sin = self.cos[positions], self.sin[positions]
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)


@wrong_rope("test_position_0_does_not_turn")
class PositionsFromOne(Turn):
    position_from = 1


@wrong_rope("test_neighbouring_coordinates_are_a_pair")
class PairsFromOne(Turn):
    pair_from = 1


@wrong_rope("test_neighbouring_coordinates_are_a_pair")
class TheOtherWayRound(Turn):
    clockwise = True


@wrong_rope("test_positions_say_how_far_to_turn")
class PositionsIgnored(Turn):
    def forward(self, x, positions):
        return super().forward(x, torch.arange(x.shape[-2]))


@wrong_rope("test_nothing_is_learned_and_nothing_is_saved")
class TablesThatLearn(Turn):
    def keep(self, cos, sin):
        self.cos, self.sin = nn.Parameter(cos), nn.Parameter(sin)


@wrong_rope("test_nothing_is_learned_and_nothing_is_saved")
class TablesThatAreSaved(Turn):
    def keep(self, cos, sin):
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)


@wrong_rope("test_the_tables_move_with_the_module")
class TablesThatStayBehind(Turn):
    def keep(self, cos, sin):
        self.cos, self.sin = cos, sin


@wrong_rope("test_angles_stay_exact_for_bfloat16_vectors")
class AnglesInTheDtypeOfX(right.RoPE):
    def forward(self, x, positions):
        return super().forward(x, positions.to(x.dtype).long())


@wrong_rope("test_any_leading_axes")
class OneListOfPositions(Turn):
    def forward(self, x, positions):
        return super().forward(x, positions.reshape(-1, positions.shape[-1])[0])
