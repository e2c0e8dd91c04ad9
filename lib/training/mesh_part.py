"""A part of the model as one module: some of its blocks, and what the ends of the model add.

The first part embeds, the last has the loss inside: a process needs what wraps modules (FSDP, DDP)
to see all that happens to the weights, the output's included. One part may be the whole model.

Letters: B sequences, T positions, D width; S positions that this process has of T.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard

from lib.model.alibi import alibi_bias
from lib.model.attention import Bias, Mask
from lib.model.linear import linear
from lib.model.rope import Rotation, rotation
from lib.model.softcap import soft_cap
from lib.model.transformer import Transformer
from lib.training.losses import output_loss
from lib.training.mesh_loss import token_losses_of_parts


class Part(nn.Module):
    """Blocks `first` to `last` - 1 of a model, which is cut to them, names kept.

    `tensor` are the processes that share every layer, if any; with `sequence` each has its own
    positions of the residual stream.
    """

    def __init__(
        self,
        model: Transformer,
        first: int,
        last: int,
        z_loss: float = 0.0,
        tensor: DeviceMesh | None = None,
        sequence: bool = False,
    ) -> None:
        super().__init__()
        self.config, self.z_loss = model.config, z_loss
        self.tensor, self.sequence = tensor, sequence and tensor is not None
        self.is_first, self.is_last = first == 0, last == model.config.n_layers
        self.model = cut(model, first, last)

    @property
    def blocks(self) -> list[nn.Module]:
        """The blocks of this part."""
        return list(self.model.blocks.values())

    def forward(
        self,
        x: Int[Tensor, "B T"] | Float[Tensor, "B S D"],
        targets: Int[Tensor, "B T"],
        counted: Bool[Tensor, "B T"],
        weight: float,
        positions: Int[Tensor, "B T"] | None = None,
        mask: Mask | None = None,
    ) -> Float[Tensor, "B S D"] | Float[Tensor, "1"]:
        """From ids or from the stream of the part before to the stream, or to the sum of losses
        times `weight`."""
        if positions is None:
            positions = torch.arange(targets.shape[1], device=targets.device)
        x, turn = self._begin(x, positions)
        bias = self._bias(positions)
        for block in self.blocks:
            x = block(x, turn, mask, bias)
        if not self.is_last:
            return x
        return torch.stack([self._sum_of_losses(self.model.norm(x), targets, counted) * weight])

    def _begin(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Rotation | None]:
        config = self.config
        if self.is_first:
            x, turn = self.model.embed(x, positions)
            return (self._own_positions(x) if self.sequence else x), turn
        if not config.positions.startswith("rope"):
            return x, None
        turned = (config.turned_width, config.rope_theta, config.rope_scaling)
        return x, rotation(positions, *turned)

    def _own_positions(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B S D"]:
        """Of a stream that all have, the stretch of this process. Gradients are put together."""
        whole = DTensor.from_local(x, self.tensor, [Replicate()], run_check=False)
        return whole.redistribute(placements=[Shard(1)]).to_local()

    def _bias(self, positions: Tensor) -> Bias | None:
        """ALiBi's, for the heads that are here."""
        if self.config.positions != "alibi":
            return None
        bias = alibi_bias(positions, self.config.n_heads)
        if self.tensor is None:
            return bias
        return bias.chunk(self.tensor.size(), dim=-3)[self.tensor.get_local_rank()]

    def _sum_of_losses(self, hidden: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        """Over the targets that count; zero, and not 0 / 0, if there are none. The z-loss is there
        for training alone."""
        config, weight = self.config, self.model.output_weight
        if self.tensor is not None:
            return self._sum_over_vocabularies(hidden, weight, targets, counted)
        n = counted.sum()
        some = counted | (n == 0)
        rest = (self._z_loss, config.output_softcap, config.kernels)
        return output_loss(hidden, weight, targets, some, *rest) * n

    @property
    def _z_loss(self) -> float:
        return self.z_loss if self.training else 0.0

    def _sum_over_vocabularies(
        self, hidden: Tensor, weight: DTensor, targets: Tensor, counted: Tensor
    ) -> Tensor:
        """Logits of the words of this process, for all positions."""
        layout = Shard(1) if self.sequence else Replicate()
        hidden = DTensor.from_local(hidden, self.tensor, [layout], run_check=False)
        logits = linear(hidden.redistribute(placements=[Replicate()]), weight).to_local()
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        logits = soft_cap(logits, self.config.output_softcap)
        first = self.tensor.get_local_rank() * -(-self.config.vocab_size // self.tensor.size())
        group = self.tensor.get_group()
        known = targets.masked_fill(~counted, 0)
        losses = token_losses_of_parts(logits, known, first, group, self._z_loss)
        return torch.where(counted, losses, 0).sum()


def cut(model: Transformer, first: int, last: int) -> Transformer:
    """The model without what other parts have. Blocks keep their numbers, and so their names."""
    blocks = list(model.blocks)
    model.blocks = nn.ModuleDict({str(i): blocks[i] for i in range(first, last)})
    if first > 0:
        unused = ["embedding", "position_embedding"]
    else:
        unused = []
    if last < len(blocks):
        unused += ["norm", "output"]
    for name in unused:
        if hasattr(model, name):
            delattr(model, name)
    return model
