"""Our optimizers on a mesh: plain tensors stand in for parameters that processes share.

Most rules look at every number by itself, so each process applies them to its own share, and keeps
averages for that alone: a stand-in is the share, in the same memory. Muon and SOAP turn whole
matrices. For them the gradient is gathered, every process of a copy computes the same step, and
keeps the part of the result that is its own: right, but neither their work nor their state is
shared.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate

from lib.training.optimizer import Group, State
from lib.training.soap import SOAP


def local(tensor: Tensor) -> Tensor:
    """What this process has of a tensor, in the same memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def share_of(whole: Tensor, like: DTensor) -> DTensor:
    """A tensor that all processes have, cut as `like` is; sends nothing."""
    mesh = like.device_mesh
    everywhere = DTensor.from_local(whole, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return everywhere.redistribute(placements=like.placements)


class StandIns:
    """Puts a stand-in for every DTensor into an optimizer that has not taken a step yet.

    Around each step, gradients are handed over, and what became of whole matrices is handed back.
    `names` are those of the parameters.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, names: dict[nn.Parameter, str]) -> None:
        self.optimizer, self.names = optimizer, names
        self.pairs: list[tuple[nn.Parameter, nn.Parameter]] = []  # a parameter, its stand-in
        self.whole: set[nn.Parameter] = set()  # parameters whose stand-ins are gathered
        for group in optimizer.param_groups:
            group["params"] = [self._stand_in(p, group) for p in group["params"]]
        optimizer.register_step_pre_hook(lambda *_: self._hand_over())
        optimizer.register_step_post_hook(lambda *_: self._hand_back())

    def state(self) -> dict[str, State]:
        """By name of parameter; shares as DTensors, which know of what they are a share."""
        return {
            self.names[p]: {k: self._placed(p, v) for k, v in self.optimizer.state[s].items()}
            for p, s in self.pairs
            if s in self.optimizer.state
        }

    def restore(self, state: dict[str, State]) -> None:
        """What `state` gave, or whole tensors, of which each process takes its share."""
        self.optimizer.state.clear()
        for p, stand_in in self.pairs:
            if self.names[p] in state:
                saved = state[self.names[p]]
                self.optimizer.state[stand_in] = {k: self._taken(p, v) for k, v in saved.items()}

    def is_shared(self, p: nn.Parameter, shape: torch.Size) -> bool:
        """Whether a state of this shape, were it whole, is kept in shares."""
        return isinstance(p, DTensor) and p not in self.whole and shape == p.shape

    def _stand_in(self, p: nn.Parameter, group: Group) -> nn.Parameter:
        stand_in = p
        if isinstance(p, DTensor):
            stand_in = nn.Parameter(local(p.detach()))
            if needs_whole(self.optimizer, group, p):
                self.whole.add(p)
        self.pairs.append((p, stand_in))
        return stand_in

    def _hand_over(self) -> None:
        for p, stand_in in self.pairs:
            if p in self.whole and p.grad is not None:
                stand_in.data = p.full_tensor().detach()
                stand_in.grad = p.grad.full_tensor()
            elif stand_in is not p:
                stand_in.grad = None if p.grad is None else local(p.grad)

    def _hand_back(self) -> None:
        for p, stand_in in self.pairs:
            if p in self.whole and p.grad is not None:
                local(p.detach()).copy_(local(share_of(stand_in.detach(), p)))
                stand_in.data = local(p.detach())
            if stand_in is not p:
                stand_in.grad = None

    def _placed(self, p: nn.Parameter, value: Any) -> Any:
        if not isinstance(value, Tensor) or not isinstance(p, DTensor) or p in self.whole:
            return value
        place = (p.device_mesh, p.placements)
        return DTensor.from_local(value, *place, run_check=False, shape=p.shape, stride=p.stride())

    def _taken(self, p: nn.Parameter, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if isinstance(value, DTensor):
            return local(value).clone()
        value = value.to(p.device, copy=True)
        return local(share_of(value, p)).clone() if self.is_shared(p, value.shape) else value


def needs_whole(optimizer: torch.optim.Optimizer, group: Group, p: Tensor) -> bool:
    """Whether the rule for this parameter looks at more than single numbers."""
    return p.ndim == 2 and (isinstance(optimizer, SOAP) or group.get("rule") == "muon")
