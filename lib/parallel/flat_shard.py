"""Parameters of which every rank keeps a part, and which are whole only while they are needed.

The parameters lie end to end, as one vector. Its n-th part stays: in it, piece by piece, lie what
the optimizer steps. The whole vector has memory only between `gather` and `free`; the layers'
weights are views of it, and stay the same tensors, so that what autograd has saved of them is
there again when they are.

Letters: n ranks.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from lib.parallel.comm import Comm, Pending
from lib.parallel.flat import FlatLayout, flattened
from lib.parallel.traffic import n_bytes

Place = tuple[nn.Module, str]  # a module and the name that it has for a parameter


@dataclass(frozen=True)
class Kept:
    """What a rank keeps of a parameter: values `start` to `stop` of it, flattened."""

    piece: nn.Parameter
    shape: tuple[int, ...]  # of the whole parameter
    start: int
    stop: int


class FlatShard:
    """Some parameters of one kind, by the places where modules look for them."""

    def __init__(
        self, places: dict[nn.Parameter, list[Place]], comm: Comm, compute_dtype: torch.dtype | None
    ) -> None:
        self.comm, self.places = comm, list(places.values())
        params = list(places)
        self.layout = FlatLayout([tuple(p.shape) for p in params], comm.n_ranks)
        whole = flattened(params, self.layout, params[0])
        self.own = self.layout.part_of(whole, comm.rank).clone()
        self.learns = params[0].requires_grad
        self.kept = self._kept()
        dtype = compute_dtype if whole.is_floating_point() else None
        self.full = torch.empty_like(whole, dtype=dtype or whole.dtype)
        # views of .data, whose changes autograd does not count: the same values will be there again
        views = self.layout.views(self.full.data)
        self.weights = [nn.Parameter(view, requires_grad=self.learns) for view in views]
        for i, weight in enumerate(self.weights):
            if self.learns:
                _take_hooks(params[i], weight)
                weight.register_post_accumulate_grad_hook(partial(self._take, i))
        self.gradient: Tensor | None = None  # of all values, as it comes in
        self.sent: Tensor | None = None  # and while it travels
        self.arrived: set[int] = set()
        self.pending: Pending | None = None
        self.is_full, self.is_reduced = True, False
        self.free()

    @property
    def gathered_bytes(self) -> int:
        """Memory of the whole weights now."""
        return self.full.untyped_storage().nbytes()

    @property
    def gradient_bytes(self) -> int:
        """Memory of whole gradients now, until all that is left of them are pieces."""
        return n_bytes(self.gradient) + n_bytes(self.sent)

    def start_gather(self) -> None:
        """Begin to collect all parts, in the type in which the layers compute."""
        if not self.is_full and self.pending is None:
            self.full.untyped_storage().resize_(n_bytes(self.full))
            part = self.own.to(self.full.dtype)
            self.pending = self.comm.start("all_gather", part, into=self.full)

    def gather(self) -> None:
        """Have the whole weights where the modules look for them."""
        self.start_gather()
        if self.pending is not None:
            self.pending.wait()
            self.pending, self.is_full = None, True
            self._show(self.weights)

    def free(self) -> None:
        """Let the whole weights go. Modules find this rank's pieces in their places."""
        if self.pending is not None:
            self.gather()
        if self.is_full:
            self.full.untyped_storage().resize_(0)
            self.is_full = False
            self._show([kept.piece for kept in self.kept])

    def start_reduce(self) -> Pending:
        """Send the gradients where their pieces are. Zeros for those that have not come."""
        self.sent = self._gradient()
        for i, view in enumerate(self.gradient_views):
            if i not in self.arrived:
                view.zero_()
        self.gradient, self.gradient_views, self.is_reduced = None, [], True
        self.arrived.clear()
        return self.comm.start("reduce_scatter", self.sent, reduction="mean")

    def accept(self, part: Tensor) -> None:
        """Give every piece its gradient, or add to what it has, in the type of the pieces."""
        self.sent, part = None, part.to(self.own.dtype)
        for place, kept in zip(self.layout.pieces(self.comm.rank), self.kept):
            gradient = part[place.at : place.at + place.numel]
            if kept.piece.grad is None:
                kept.piece.grad = gradient
            else:
                kept.piece.grad += gradient

    def _kept(self) -> list[Kept]:
        found = []
        for shape, piece in zip(self.layout.shapes, self.layout.pieces(self.comm.rank)):
            view = self.own[piece.at : piece.at + piece.numel]
            parameter = nn.Parameter(view, requires_grad=self.learns)
            found.append(Kept(parameter, shape, piece.start, piece.stop))
        return found

    def _show(self, tensors: list[nn.Parameter]) -> None:
        for tensor, places in zip(tensors, self.places):
            for module, name in places:
                module._parameters[name] = tensor

    def _gradient(self) -> Tensor:
        if self.gradient is None:
            self.gradient = torch.empty(
                self.layout.total, dtype=self.full.dtype, device=self.own.device
            )
            self.gradient[sum(self.layout.sizes) :] = 0
            self.gradient_views = self.layout.views(self.gradient)
        return self.gradient

    def _take(self, i: int, weight: nn.Parameter) -> None:
        """Move a gradient to the others, or add it to what came before."""
        if self.is_reduced:
            module, name = self.places[i][0]
            raise RuntimeError(
                f"A gradient of {name} of a {type(module).__name__} came after its unit had been "
                "taken for done. This happens when a unit returns, unchanged, a tensor of an "
                "earlier one: choose units that only return what they compute."
            )
        self._gradient()
        if i in self.arrived:
            self.gradient_views[i] += weight.grad
        else:
            self.gradient_views[i].copy_(weight.grad)
        self.arrived.add(i)
        weight.grad = None


def _take_hooks(parameter: nn.Parameter, weight: nn.Parameter) -> None:
    """What changes a gradient on its way, as where ranks use a weight each for its positions."""
    for hook in (parameter._backward_hooks or {}).values():
        weight.register_hook(hook)
