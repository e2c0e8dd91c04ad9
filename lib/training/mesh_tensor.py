"""Tensor parallelism: the processes of a group share every layer, by torch's DTensor plans.

Of a pair of matrices the first is cut by columns (its outputs: heads, or feed-forward units), the
second by rows, so that only the sums after the second need a message (Shoeybi et al., arXiv
1909.08053). With `sequence`, what lies between two such pairs is cut by positions: the sum arrives
scattered, and is gathered before the next pair (Korthikanti et al., 2205.05198). Embedding and
output are cut by words. Between modules plain tensors pass, each process its own.
"""

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from lib.model.config import ModelConfig
from lib.model.embedding import Embedding
from lib.model.linear import Linear, linear
from lib.training.mesh_part import Part


class _Linear(nn.Linear):
    """Ours under torch's name: its plans know only its own classes."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


class OnEveryProcess(SequenceParallel):
    """Weights on all processes, which all get the same input; gradients need no message."""

    def __init__(self) -> None:
        super().__init__(use_local_output=True)
        self.sequence_sharding = (Replicate(),)


def share_layers(part: Part, mesh: DeviceMesh) -> None:
    """Cut all layers of a part over the processes of `mesh`, each of which has all of them."""
    model, sequence = part.model, part.sequence
    for block in part.blocks:
        _as_torch_modules(block)
        _apply(block, mesh, block_plan(block, sequence))
    plan: dict[str, ParallelStyle] = {}
    if part.is_first or part.config.tied:
        model.embedding = _torch_embedding(model.embedding)
        plan["embedding"] = RowwiseParallel(input_layouts=Replicate())
    if hasattr(model, "position_embedding"):
        plan["position_embedding"] = OnEveryProcess()
    if part.is_last and not isinstance(model.norm, nn.Identity):
        plan["norm"] = _stream_norm(sequence)
    if hasattr(model, "output"):
        model.output = _torch_linear(model.output)
        plan["output"] = ColwiseParallel()
    _apply(model, mesh, plan)
    for name, p in model.named_parameters():
        if not isinstance(p, DTensor):
            raise ValueError(
                f"{name} has no place in a tensor group: lib/training/mesh_tensor.py has to say "
                "how it is cut. Until then set mesh.tensor=1."
            )


def block_plan(block: nn.Module, sequence: bool) -> dict[str, ParallelStyle]:
    """How each module of a block is cut; those that are missing have no weights."""
    stream = Shard(1) if sequence else Replicate()
    plan: dict[str, ParallelStyle] = {}
    for name, module in block.named_modules():
        parent, _, last = name.rpartition(".")
        if name in ("attention", "ffn"):
            plan[name] = PrepareModuleInput(  # gathered once for all of its matrices
                input_layouts=stream, desired_input_layouts=Replicate()
            )
        elif last in ("query_norm", "key_norm"):
            dim = 2  # heads, or all their coordinates in one axis
            plan[name] = SequenceParallel(sequence_dim=dim, use_local_output=True)
        elif last in ("out", "down"):
            plan[name] = RowwiseParallel(output_layouts=stream)
        elif isinstance(module, nn.Linear):
            plan[name] = ColwiseParallel()
        elif not parent and any(True for _ in module.parameters(recurse=False)):
            plan[name] = _stream_norm(sequence)
    return plan


def check_tensor(model: ModelConfig, n: int, sequence: bool) -> None:
    """What has to be divisible to be shared by n processes. Raises ValueError."""
    sizes = {"n_heads": model.n_heads, "n_kv_heads": model.n_kv_heads, "ff_width": model.ff_width}
    if sequence:
        sizes["context"] = model.context
    for name, size in sizes.items():
        if size % n:
            way = ", or mesh.sequence=false" if name == "context" else ""
            raise ValueError(
                f"model.{name} is {size}, which {n} processes cannot share equally. Choose a "
                f"mesh.tensor that divides it{way}."
            )
    if -(-model.vocab_size // n) * (n - 1) >= model.vocab_size:
        raise ValueError(
            f"A vocabulary of {model.vocab_size} leaves some of {n} processes without a word. "
            "Choose a smaller mesh.tensor."
        )
    if model.kernels:
        raise ValueError(
            "model.kernels works on whole layers, not on those that mesh.tensor shares. Set "
            "model.kernels=false, or mesh.tensor=1 and more of mesh.shard."
        )


def _apply(module: nn.Module, mesh: DeviceMesh, plan: dict[str, ParallelStyle]) -> None:
    # None: every process has drawn the same weights and takes its part of them without a message.
    parallelize_module(module, mesh, plan, src_data_rank=None)


def _stream_norm(sequence: bool) -> ParallelStyle:
    return SequenceParallel(use_local_output=True) if sequence else OnEveryProcess()


def _as_torch_modules(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Linear):
            setattr(module, name, _torch_linear(child))
        else:
            _as_torch_modules(child)


def _torch_linear(layer: Linear) -> nn.Linear:
    d_out, d_in = layer.weight.shape
    same = _Linear(d_in, d_out, layer.bias is not None, device="meta")
    same.weight, same.bias = layer.weight, layer.bias
    return same


def _torch_embedding(table: Embedding) -> nn.Embedding:
    same = nn.Embedding(*table.weight.shape, device="meta")
    same.weight = table.weight
    return same
