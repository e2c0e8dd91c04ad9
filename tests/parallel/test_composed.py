"""Training on a mesh: after two steps, the loss, norm and weights of one process."""

import pytest
import torch

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.parallel.composed import Composed
from lib.parallel.conjugates import part_of
from lib.parallel.data import DataParallel
from lib.parallel.errors import RankError
from lib.parallel.fsdp import FullySharded
from lib.parallel.launch import launch
from lib.parallel.mesh import Mesh
from lib.parallel.simulated import simulate
from lib.parallel.tensor import shard
from lib.parallel.tensor_block import TensorBlock
from lib.parallel.tensor_model import tensor_parallel
from lib.parallel.tensor_weights import cut_dimension
from lib.parallel.vocabulary import vocabulary_cross_entropy
from lib.parallel.zero import ZeroOptimizer
from lib.training.clipping import clip_gradients
from lib.training.losses import cross_entropy

B, T, V = 4, 16, 19
COMMON = {"vocab_size": V, "context": T, "n_layers": 2, "width": 16, "dtype": "float64"}
MODELS = {
    "llama": {"n_heads": 4, "n_kv_heads": 2, "ff_width": 12},
    "gpt2": {
        "n_heads": 4,
        "ff_width": 12,
        "ffn": "gelu_tanh",
        "norm": "layer",
        "positions": "learned",
        "bias": True,
        "tied": True,
    },
}


def model_of(name):
    return Transformer(ModelConfig(**COMMON, **MODELS[name]), torch.Generator().manual_seed(0))


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(V, (2, B, T), generator=generator) for _ in range(2)]


def optimizer_of(model):
    return torch.optim.AdamW(model.parameters(), lr=0.01)


def on_one(name):
    model, found = model_of(name), []
    optimizer = optimizer_of(model)
    for ids, targets in batches():
        optimizer.zero_grad()
        loss = cross_entropy(model(ids), targets)
        loss.backward()
        found += [loss.detach(), clip_gradients(model.parameters(), 0.1)]
        optimizer.step()
    return found, model.state_dict()


def on_mesh(comm, name, sizes, how):
    model, found = Composed(model_of(name), Mesh(comm, **sizes), **how), []
    optimizer = optimizer_of(model)
    for ids, targets in batches():
        optimizer.zero_grad()
        loss = model.backward(ids, targets)
        found += [loss, model.clip(0.1)]
        optimizer.step()
    return found, model.full_state(), sum(p.numel() for p in model.parameters())


CASES = [
    (simulate, 1, "llama", {}, {}),
    (simulate, 4, "llama", {"dp": 2, "tp": 2}, {"sequence": True}),
    (simulate, 4, "gpt2", {"cp": 2, "tp": 2}, {"sequence": True}),
    (simulate, 4, "gpt2", {"pp": 2, "tp": 2}, {"sequence": True, "microbatches": 3}),
    (simulate, 4, "llama", {"dp": 2, "cp": 2}, {"way": "heads", "split": "contiguous"}),
    (simulate, 4, "gpt2", {"dp": 2, "pp": 2}, {"microbatches": 2, "kind": "gpipe"}),
    (simulate, 4, "llama", {"cp": 2, "pp": 2}, {"microbatches": 2, "kind": "zero-bubble"}),
    (simulate, 16, "gpt2", {"dp": 2, "cp": 2, "pp": 2, "tp": 2}, {"microbatches": 2}),
    (launch, 4, "llama", {"dp": 2, "tp": 2}, {"sequence": True}),
    (launch, 4, "gpt2", {"pp": 2, "tp": 2}, {"microbatches": 2}),
]


@pytest.mark.parametrize(
    ("run", "n_ranks", "name", "sizes", "how"), CASES, ids=lambda x: getattr(x, "__name__", None)
)
def test_two_steps_on_a_mesh_are_those_of_one_process(run, n_ranks, name, sizes, how):
    numbers, state = on_one(name)
    n_whole = sum(p.numel() for p in model_of(name).parameters())
    n_parts = sizes.get("pp", 1) * sizes.get("tp", 1)
    for found, weights, n_held in run(on_mesh, n_ranks, name, sizes, how):
        for mine, theirs in zip(found, numbers, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=0)
        assert set(weights) == set(state)
        for key, weight in state.items():  # Adam divides by gradients, so by their last digits
            torch.testing.assert_close(weights[key], weight, rtol=1e-6, atol=1e-8, msg=key)
        assert n_held < 1.3 * n_whole / n_parts + V * COMMON["width"]


def test_in_bfloat16_the_loss_is_float32_on_all_ranks():
    """Activations are rounded to 8 bits in every operation, here in four layers of them."""
    config = ModelConfig(
        **{**COMMON, **MODELS["llama"], "dtype": "float32", "compute_dtype": "bfloat16"}
    )

    def run(comm):
        whole = Transformer(config, torch.Generator().manual_seed(0))
        model = Composed(whole, Mesh(comm, pp=2, tp=2), sequence=True)
        return model.backward(*batches()[0]), {p.grad.dtype for p in model.parameters()}

    expected, _ = on_one("llama")
    for loss, kinds in simulate(run, 4):
        assert loss.dtype == torch.float32 and kinds == {torch.float32}
        assert loss.item() == pytest.approx(expected[0].item(), rel=2**-6)


def on_parts(comm, way, expected):
    """dp x tp, where dp is averaged, or sharded, by what knows nothing of tp."""
    mesh = Mesh(comm, dp=2, tp=2)
    model = tensor_parallel(model_of("gpt2"), mesh["tp"], sequence=True)
    if way == "buckets":
        model = DataParallel(model, mesh["dp"], bucket_bytes=4096)
    if way == "fsdp":
        model = FullySharded(model, mesh["dp"], unit=TensorBlock)
    optimizer = optimizer_of(model)
    if way == "zero":
        optimizer = ZeroOptimizer(
            model.parameters(), torch.optim.AdamW, mesh["dp"], stage=2, lr=0.01
        )
    for ids, targets in batches():
        optimizer.zero_grad()
        mine = [part_of(mesh["dp"], x, 0) for x in (ids, targets)]
        loss = vocabulary_cross_entropy(mesh["tp"], model(mine[0]), mine[1], V)
        loss.backward()
        if way != "zero":
            model.finish()
        optimizer.step()
    state = model.full_state() if way == "fsdp" else getattr(model, "module", model).state_dict()
    for name, weight in expected.items():
        part = shard(weight, cut_dimension(name), mesh["tp"])
        torch.testing.assert_close(state[name], part, rtol=1e-6, atol=1e-8, msg=name)


@pytest.mark.parametrize("way", ["buckets", "zero", "fsdp"])
def test_other_ways_to_share_data_go_with_cut_matrices(way):
    model = model_of("gpt2")
    optimizer = optimizer_of(model)
    for ids, targets in batches():
        optimizer.zero_grad()
        cross_entropy(model(ids), targets).backward()
        optimizer.step()
    simulate(on_parts, 4, way, model.state_dict())


def test_axes_talk_as_often_as_they_should():
    """tp in every layer; dp and cp once a step for the gradients, and cp in attention."""

    def traffic(comm):
        mesh = Mesh(comm, dp=2, cp=2, tp=2)
        model = Composed(model_of("llama"), mesh)
        model.backward(*batches()[0])
        held = sum(p.numel() for p in model.parameters())
        return {axis: mesh[axis].traffic.by_op() for axis in ("dp", "cp", "tp")}, (
            mesh["dp", "cp"].traffic.by_op(),
            held,
        )

    L, b, t, n = 2, B // 2, T // 2, 2
    for found, (alike, held) in simulate(traffic, 8):
        stream, position = b * t * 16 * 8, b * t * 8
        # (n - 1) / n of two ways: four in each layer, embedding, output; the loss's three numbers
        assert found["tp"] == {"all_reduce": (4 * L + 2) * stream + 3 * position}
        kv = 2 * b * t * (2 // n) * 4 * 8  # one key/value head on each rank
        assert found["cp"] == {"exchange": L * (1 + 1 + 2) * kv}
        assert found["dp"] == {}
        assert alike == {"all_reduce": 2 * 3 * (held + 1) * 8 // 4}


def test_sequences_that_do_not_divide_are_explained():
    def run(comm):
        model = Composed(model_of("llama"), Mesh(comm, dp=3))
        model.backward(*batches()[0])

    with pytest.raises(RankError, match="4 / 3 leaves 1 over"):
        simulate(run, 3)
