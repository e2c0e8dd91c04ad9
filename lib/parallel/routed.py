"""A feed-forward layer of which each token uses a few parts: a router chooses experts for it.

The router gives every expert a probability. The k best get the token, and their outputs are added
with gates as weights: the probabilities of the chosen, made to sum to one (Mixtral, arXiv
2401.04088; without `normalise` they stay as they are, as in Switch, arXiv 2101.03961). Parameters
grow with the experts, work only with k.

Letters: N tokens, D width, E experts, k of them chosen, F width inside an expert, M rows at work.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lib.model.init import truncated_normal_


@dataclass(frozen=True)
class Routing:
    """Who goes where."""

    probabilities: Float[Tensor, "N E"]
    experts: Int[Tensor, "N k"]  # the best first
    gates: Float[Tensor, "N k"]
    kept: Bool[Tensor, "N k"]  # False where an expert has no room

    @property
    def chosen(self) -> Int[Tensor, " E"]:
        """How often each expert was chosen, whether it had room or not."""
        return torch.bincount(self.experts.flatten(), minlength=self.probabilities.shape[1])

    @property
    def n_dropped(self) -> int:
        """Choices that came to nothing."""
        return int((~self.kept).sum())

    def by_expert(self) -> tuple[Int[Tensor, " M"], Int[Tensor, " E"]]:
        """The kept choices in the order of their experts, and how many each expert has.

        A choice is a number, k times its token's plus its place among the k.
        """
        n_experts = self.probabilities.shape[1]
        expert = self.experts.masked_fill(~self.kept, n_experts).flatten()  # dropped ones go last
        counts = torch.bincount(expert, minlength=n_experts + 1)[:n_experts]
        return expert.argsort(stable=True)[: int(counts.sum())], counts


def route(
    x: Float[Tensor, "N D"],
    router: Float[Tensor, "E D"],
    k: int,
    normalise: bool = True,
    capacity: int | None = None,
) -> Routing:
    """Choose k experts for every token; at most `capacity` tokens for every expert.

    Probabilities are computed in float32 at least: small differences decide.
    """
    logits = F.linear(x, router.to(x.dtype))
    probabilities = logits.to(torch.promote_types(logits.dtype, torch.float32)).softmax(dim=-1)
    gates, experts = probabilities.topk(k)
    if normalise:
        gates = gates / gates.sum(dim=-1, keepdim=True)
    kept = torch.ones_like(experts, dtype=torch.bool)
    if capacity is not None:
        kept = within_capacity(experts, len(router), capacity)
    return Routing(probabilities, experts, gates.to(x.dtype), kept)


def within_capacity(
    experts: Int[Tensor, "N k"], n_experts: int, capacity: int
) -> Bool[Tensor, "N k"]:
    """Which choices find room: all first choices come before all second ones (as in GShard, arXiv
    2006.16668), earlier tokens before later ones."""
    queue = F.one_hot(experts.T.flatten(), n_experts)
    place = (queue.cumsum(dim=0) * queue).sum(dim=-1)  # counted from 1, at the expert's door
    return (place <= capacity).view(experts.T.shape).T


def balance_loss(
    probabilities: Float[Tensor, "N E"], chosen: Int[Tensor, " E"]
) -> Float[Tensor, ""]:
    """E times the sum of (share of choices) times (mean probability): 1 if all share equally.

    Only the probability has a gradient, and it is proportional to the share: busy experts become
    less probable (Switch, arXiv 2101.03961, equation 4; it is added with a weight of 0.01).
    """
    shares = chosen.to(probabilities.dtype) / chosen.sum()
    return len(chosen) * (shares * probabilities.mean(dim=0)).sum()


class Experts(nn.Module):
    """Several SwiGLU layers of the same shape."""

    def __init__(
        self, gate: Float[Tensor, "E F D"], up: Float[Tensor, "E F D"], down: Float[Tensor, "E D F"]
    ) -> None:
        super().__init__()
        self.gate, self.up, self.down = (nn.Parameter(w.clone()) for w in (gate, up, down))

    def forward(self, x: Float[Tensor, "M D"], counts: list[int]) -> Float[Tensor, "M D"]:
        """The first rows are for the first expert, as many as `counts` says, and so on."""
        weights = zip(self.gate.unbind(), self.up.unbind(), self.down.unbind())
        return torch.cat(
            [
                F.linear(F.silu(F.linear(rows, gate)) * F.linear(rows, up), down)
                for rows, (gate, up, down) in zip(x.split(counts), weights)
            ]
        )


class RoutedFFN(nn.Module):
    """The layer. After a forward pass, `routing` says what the router has done."""

    routing: Routing

    def __init__(
        self,
        width: int,
        ff_width: int,
        n_experts: int,
        k: int,
        *,
        capacity_factor: float | None = None,
        normalise: bool = True,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if not 1 <= k <= n_experts:
            raise ValueError(
                f"A token goes to 1 to {n_experts} of {n_experts} experts, not to {k}."
            )
        self.k, self.capacity_factor, self.normalise = k, capacity_factor, normalise
        self.router = nn.Parameter(torch.zeros(n_experts, width, dtype=dtype))
        wide = torch.zeros(n_experts, ff_width, width, dtype=dtype)
        self.experts = Experts(wide, wide, wide.mT)
        for weight in self.parameters():
            truncated_normal_(weight, 1 / math.sqrt(weight.shape[-1]), generator)

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        tokens = x.flatten(0, -2)
        self.routing = route(
            tokens, self.router, self.k, self.normalise, self.capacity(len(tokens))
        )
        choices, counts = self.routing.by_expert()
        rows = self.apply_experts(tokens[choices // self.k], counts)
        rows = rows * self.routing.gates.flatten()[choices].unsqueeze(-1)
        return torch.zeros_like(tokens).index_add(0, choices // self.k, rows).view_as(x)

    def apply_experts(
        self, rows: Float[Tensor, "M D"], counts: Int[Tensor, " E"]
    ) -> Float[Tensor, "M D"]:
        """What the experts make of rows that are sorted by expert."""
        return self.experts(rows, counts.tolist())

    def balance_loss(self) -> Float[Tensor, ""]:
        """Of the last forward pass, to be added to the loss with a small weight."""
        return balance_loss(self.routing.probabilities, self.routing.chosen)

    def capacity(self, n_tokens: int) -> int | None:
        """Tokens an expert takes: `capacity_factor` times an equal share, or all if it is None."""
        if self.capacity_factor is None:
            return None
        return math.ceil(self.capacity_factor * self.k * n_tokens / len(self.router))
