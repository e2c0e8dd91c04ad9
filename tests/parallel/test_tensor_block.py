"""A cut block beside PyTorch's own plan for Llama: the same values, gradients and messages."""

from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.parallel.conjugates import part_of
from lib.parallel.launch import launch
from lib.parallel.tensor_model import tensor_parallel
from lib.parallel.tensor_weights import full_gradients

B, T, D, N, K, WIDE = 2, 12, 16, 4, 2, 20
CONFIG = ModelConfig(
    8, T, 1, D, N, n_kv_heads=K, ff_width=WIDE, positions="none", attention="sdpa", dtype="float64"
)
SHORT = {"all_gather_into_tensor": "all_gather", "reduce_scatter_tensor": "reduce_scatter"}


class TorchBlock(nn.Module):
    """The same block with PyTorch's layers, which its plan asks for; parameters have our names."""

    def __init__(self):
        super().__init__()
        self.attention_norm = nn.RMSNorm(D, eps=CONFIG.norm_eps)
        self.attention = TorchAttention()
        self.ffn_norm = nn.RMSNorm(D, eps=CONFIG.norm_eps)
        self.ffn = TorchFFN()
        self.double()

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.ffn(self.ffn_norm(x))


class TorchAttention(nn.Module):
    def __init__(self):
        super().__init__()
        H = CONFIG.head_width
        self.query, self.out = nn.Linear(D, N * H, bias=False), nn.Linear(N * H, D, bias=False)
        self.key, self.value = nn.Linear(D, K * H, bias=False), nn.Linear(D, K * H, bias=False)

    def forward(self, x):
        q, k, v = (
            layer(x).unflatten(-1, (-1, CONFIG.head_width)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.out(mixed.transpose(1, 2).flatten(2))


class TorchFFN(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate, self.up = nn.Linear(D, WIDE, bias=False), nn.Linear(D, WIDE, bias=False)
        self.down = nn.Linear(WIDE, D, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


def plan(sequence):
    outside = Shard(1) if sequence else Replicate()
    enter = PrepareModuleInput(input_layouts=outside, desired_input_layouts=Replicate())
    columns, rows = ColwiseParallel(), RowwiseParallel(output_layouts=outside)
    found = {f"attention.{name}": columns for name in ("query", "key", "value")}
    found |= {"ffn.gate": columns, "ffn.up": columns, "ffn.down": rows, "attention.out": rows}
    found |= {"attention": enter, "ffn": enter}
    if sequence:
        found |= {"attention_norm": SequenceParallel(), "ffn_norm": SequenceParallel()}
    return found


def whole_model():
    return Transformer(CONFIG, torch.Generator().manual_seed(0))


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, B, T, D, generator=generator, dtype=torch.float64)


def both(comm, sequence):
    ours = tensor_parallel(whole_model(), comm, sequence)
    theirs = TorchBlock()
    theirs.load_state_dict(whole_model().blocks[0].state_dict())
    mesh = init_device_mesh("cpu", (comm.n_ranks,))
    theirs = parallelize_module(theirs, mesh, plan(sequence))
    x, goal = (part_of(comm, y, 1) if sequence else y for y in batch())
    mine, other = x.clone().requires_grad_(), x.clone().requires_grad_()

    out = ours.blocks[0](mine)
    sent = [Counter(call.op for call in comm.traffic.calls)]
    comm.traffic.clear()
    (out * goal).sum().backward()
    sent.append(Counter(call.op for call in comm.traffic.calls))
    counted = []
    with CommDebugMode() as messages:
        expected = theirs(other)
    counted.append(messages.get_comm_counts())
    with CommDebugMode() as messages:
        (expected * goal).sum().backward()
    counted.append(messages.get_comm_counts())

    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(mine.grad, other.grad, rtol=1e-11, atol=1e-12)
    for parameter in [*ours.embedding.parameters(), *ours.norm.parameters()]:
        parameter.grad = torch.zeros_like(parameter)  # they were not used
    ours.output.weight.grad = torch.zeros_like(ours.output.weight)
    gradients = full_gradients(ours)
    for name, parameter in theirs.named_parameters():
        gradient = parameter.grad
        gradient = gradient.full_tensor() if hasattr(gradient, "full_tensor") else gradient
        torch.testing.assert_close(gradients[f"blocks.0.{name}"], gradient, rtol=1e-10, atol=1e-11)
    named = [{str(op).split(".")[-1]: n for op, n in c.items() if n} for c in counted]
    return [dict(c) for c in sent], [{SHORT.get(k, k): n for k, n in c.items()} for c in named]


def test_values_gradients_and_the_number_of_messages():
    for ours, theirs in launch(both, 2, False):
        assert ours == theirs == [{"all_reduce": 2}, {"all_reduce": 2}]
    half = {"all_gather": 2, "reduce_scatter": 2}
    for ours, theirs in launch(both, 2, True):
        assert ours == [half, {**half, "all_reduce": 2}]  # the gradients of two norms
        assert theirs == [half, half], theirs  # theirs are still to be summed
