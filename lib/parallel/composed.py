"""All cuts at once: a Transformer on a mesh, trained as one process would train it.

    dp   some of the sequences       cp   some of the positions of each
    pp   some of the blocks          tp   some of the heads and channels of each, and of the tokens

Ranks along dp and cp have the same weights and see other data: their gradients are averaged. Ranks
along pp and tp have other weights and see the same data. With dp and cp outside, pp between and tp
inside, as in Mesh(comm, dp=2, pp=2, tp=2), the groups that talk most are neighbours.

Letters: B sequences, T positions.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lib.model.transformer import Transformer
from lib.parallel.conjugates import part_of
from lib.parallel.context_model import Context
from lib.parallel.data import reduce_flat
from lib.parallel.mesh import Mesh
from lib.parallel.objects import all_gather_objects
from lib.parallel.positions import Split
from lib.parallel.schedules import schedule
from lib.parallel.tensor_model import tensor_parallel
from lib.parallel.tensor_stage import tensor_pipeline
from lib.parallel.tensor_weights import cut_dimension, full_state
from lib.training.clipping import global_norm


class Composed(nn.Module):
    """This rank's part of a model that all hold, on a mesh with any of the axes dp, cp, pp, tp.

        model = Composed(model, mesh, microbatches=4)
        loss = model.backward(ids, targets)     # all give the whole batch
        model.clip(1.0)
        optimizer.step()                        # of model.parameters()

    The optimizer has to treat every entry by itself, as AdamW does.
    """

    def __init__(
        self,
        model: Transformer,
        mesh: Mesh,
        *,
        sequence: bool = False,
        way: Literal["ring", "heads"] = "ring",
        split: Split = "zigzag",
        microbatches: int = 1,
        kind: str = "1f1b",
        chunks: int = 1,
    ) -> None:
        super().__init__()
        self.dp, self.cp, self.pp, self.tp = (mesh.along(axis) for axis in ("dp", "cp", "pp", "tp"))
        self.alike = mesh.along("dp", "cp")  # those with the same weights
        self.context = Context(self.cp, way, split) if self.cp.n_ranks > 1 else None
        part = tensor_parallel(model, self.tp, sequence, self.context)
        self.stage = tensor_pipeline(part, self.pp, chunks)
        self.orders = schedule(kind, self.pp.n_ranks, microbatches, chunks)

    def backward(self, ids: Int[Tensor, "B T"], targets: Int[Tensor, "B T"]) -> Float[Tensor, ""]:
        """The mean loss of the whole batch, whose gradient is then in `.grad`.

        Call it once between optimizer.zero_grad() and the step.
        """
        ids, targets = (self.own(x) for x in (ids, targets))
        loss = self.stage.run(self.orders, ids, targets)
        reduce_flat(self.alike, self.stage)
        return self.alike.all_reduce(self._told_by_the_last(loss, ids.device), "mean")

    def own(self, x: Int[Tensor, "B T"]) -> Int[Tensor, "b t"]:
        """This rank's sequences, and its positions of them."""
        x = part_of(self.dp, x, dim=0)
        return x if self.context is None else self.context.take(x)

    @torch.no_grad()
    def clip(self, max_norm: float) -> Float[Tensor, ""]:
        """Shorten the gradient of the whole model to at most `max_norm`; its norm before."""
        norm = self.gradient_norm()
        scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for p in self.parameters():
            if p.grad is not None:
                p.grad.mul_(scale)
        return norm

    def gradient_norm(self) -> Float[Tensor, ""]:
        """Of the whole model, every parameter once: what ranks hold alike is not added up."""
        named = [(name, p) for name, p in self.named_parameters() if not self._is_copy(p)]
        cut = [p for name, p in named if cut_dimension(name) is not None]
        whole = [p for name, p in named if cut_dimension(name) is None]
        square = self.tp.all_reduce(global_norm(cut).square()) + global_norm(whole).square()
        return self.pp.all_reduce(square).sqrt()

    def full_state(self) -> dict[str, Tensor]:
        """The state of the whole model, on all ranks."""
        mine: dict[str, Tensor] = {}
        for chunk in self.stage.chunks:
            mine |= full_state(chunk)
        found: dict[str, Tensor] = {}
        for state in all_gather_objects(self.pp, mine):
            found |= state
        return found

    def _told_by_the_last(self, loss: Tensor | None, device: torch.device) -> Float[Tensor, ""]:
        """Only the last stage knows the loss, in float32 or better."""
        if loss is None:
            wide = torch.promote_types(self.stage.dtype, torch.float32)
            loss = torch.zeros((), dtype=wide, device=device)
        return self.pp.broadcast(loss, root=self.pp.n_ranks - 1)

    def _is_copy(self, parameter: Tensor) -> bool:
        """The last stage has a tied embedding that the first one has, too."""
        is_tied = any(parameter is weight for weight in self.stage.tied)
        return is_tied and 0 < self.pp.rank == self.pp.n_ranks - 1
