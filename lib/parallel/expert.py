"""A routed layer whose experts live on several ranks: tokens travel to their experts and back.

Every rank has tokens of its own, the whole router, and E / R of the experts. It sorts its tokens by
expert, and so by rank; an all-to-all of numbers says how many rows will come; an all-to-all of rows
takes them there (dispatch), and another one back (combine). On the way back of the gradients, the
same two run in the opposite direction (GShard, arXiv 2006.16668).

Letters: R ranks, E experts, k chosen per token, D width, M rows that this rank sends, S that come.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lib.parallel.comm import Comm
from lib.parallel.routed import Experts, RoutedFFN, balance_loss


class ExpertParallel(RoutedFFN):
    """A RoutedFFN that all ranks have made equal; of its experts each rank keeps its own.

    Each rank's tokens are a group of their own to the capacity. All ranks call `forward`, also
    those without tokens. After backward, `finish` makes gradients those of the mean of all ranks'
    losses.
    """

    def __init__(self, layer: RoutedFFN, comm: Comm) -> None:
        nn.Module.__init__(self)  # the weights are there already
        n_experts, R = len(layer.router), comm.n_ranks
        if n_experts % R:
            raise ValueError(
                f"{n_experts} experts do not divide among {R} ranks. Choose the number of ranks "
                f"from {[n for n in range(1, n_experts + 1) if n_experts % n == 0]}."
            )
        self.comm = comm
        self.k, self.normalise = layer.k, layer.normalise
        self.capacity_factor = layer.capacity_factor
        mine = slice(comm.rank * n_experts // R, (comm.rank + 1) * n_experts // R)
        weights = (layer.experts.gate, layer.experts.up, layer.experts.down)
        self.router = nn.Parameter(layer.router.detach().clone())
        self.experts = Experts(*[weight.detach()[mine] for weight in weights])

    def apply_experts(
        self, rows: Float[Tensor, "M D"], counts: Int[Tensor, " E"]
    ) -> Float[Tensor, "M D"]:
        """As in RoutedFFN, wherever the experts are."""
        for_each = counts.view(self.comm.n_ranks, -1)  # rows for each expert of each rank
        from_each = self.comm.all_to_all(for_each)  # rows of each rank for each expert here
        send, receive = for_each.sum(dim=1).tolist(), from_each.sum(dim=1).tolist()
        arrived = all_to_all(self.comm, rows, send, receive)
        order = sorted_by_expert(from_each)
        out = self.experts(arrived[order], from_each.sum(dim=0).tolist())
        return all_to_all(self.comm, out[order.argsort()], receive, send)

    def balance_loss(self) -> Float[Tensor, ""]:
        """Its mean over ranks with equally many tokens is that of all tokens on one rank: shares
        are those of all ranks (arXiv 2501.11873), and the loss is linear in the probabilities."""
        chosen = self.comm.all_reduce(self.routing.chosen)
        return balance_loss(self.routing.probabilities, chosen)

    def finish(self) -> None:
        """Mean gradients. Those of the router are averaged like in data parallelism. An expert has
        seen the tokens of all ranks already, so its gradient is a sum."""
        if self.router.grad is not None:
            self.router.grad = self.comm.all_reduce(self.router.grad, "mean")
        for weight in self.experts.parameters():
            if weight.grad is not None:
                weight.grad /= self.comm.n_ranks


def sorted_by_expert(from_each: Int[Tensor, "R E_here"]) -> Int[Tensor, " S"]:
    """Rows come rank after rank, each rank's by expert: where they stand, expert after expert."""
    expert = torch.arange(from_each.shape[1], device=from_each.device).expand_as(from_each)
    return expert.flatten().repeat_interleave(from_each.flatten()).argsort(stable=True)


def all_to_all(
    comm: Comm, x: Float[Tensor, "M D"], send_rows: list[int], receive_rows: list[int]
) -> Float[Tensor, "S D"]:
    """Comm's, with a gradient: what has come goes back to where it came from."""
    return _AllToAll.apply(comm, x, send_rows, receive_rows)


class _AllToAll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, comm: Comm, x: Tensor, send_rows: list[int], receive_rows: list[int]
    ) -> Tensor:
        ctx.comm, ctx.rows = comm, (receive_rows, send_rows)
        return comm.all_to_all(x, send_rows, receive_rows)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[None, Tensor, None, None]:
        return None, ctx.comm.all_to_all(dy, *ctx.rows), None, None
