"""Fully sharded: equal to one process and to fully_shard; memory and traffic as formulas say."""

import math

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn import functional as F

from lib.model.config import ModelConfig
from lib.model.transformer import Block, Transformer
from lib.parallel.bytes_held import bytes_held
from lib.parallel.errors import RankError
from lib.parallel.fsdp import FullySharded
from lib.parallel.launch import launch
from lib.parallel.shard_norm import clip_shards
from lib.parallel.simulated import simulate
from lib.training.adaptive import AdamW
from lib.training.recomputation import recomputed_blocks

STEPS, N_LAYERS = 3, 3


def model(seed=0, dtype="float64"):
    """With a tied embedding, which lies in the root and is used at both ends."""
    shape = {"vocab_size": 62, "context": 16, "n_layers": N_LAYERS, "width": 16, "n_heads": 2}
    config = ModelConfig(**shape, ff_width=24, dtype=dtype, compute_dtype=dtype, tied=True)
    return Transformer(config, torch.Generator().manual_seed(seed))


ROOT = 8 * (62 * 16 + 16)  # embedding and the last norm
UNIT = 8 * sum(p.numel() for p in model().blocks[0].parameters())
assert UNIT % (8 * 4) == ROOT % (8 * 4) == 0  # so that 2 and 4 ranks need no zeros at the end


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(62, (12, 9), generator=generator) for _ in range(STEPS)]


def loss(model, ids):
    logits = model(ids[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1).to(torch.float64), ids[:, 1:].flatten())


def alone(clip=None, dtype="float64"):
    """On one process with the whole batch: weights and norms."""
    whole, norms = model(dtype=dtype), []
    optimizer = AdamW(whole.parameters(), lr=0.01, weight_decay=0.1)
    for ids in batches():
        optimizer.zero_grad()
        loss(whole, ids).backward()
        norms += [nn.utils.clip_grad_norm_(whole.parameters(), clip).item()] if clip else []
        optimizer.step()
    return whole.state_dict(), norms


def sharded(comm, clip=None, **options):
    """The same on this rank, with the last step's traffic and events, and what is held."""
    wrapped, norms = FullySharded(model(seed=comm.rank), comm, Block, **options), []
    optimizer = AdamW(wrapped.parameters(), lr=0.01, weight_decay=0.1)
    for ids in batches():
        optimizer.zero_grad()
        comm.traffic.clear()
        loss(wrapped, ids.chunk(comm.n_ranks)[comm.rank]).backward()
        wrapped.finish()
        held = bytes_held(wrapped, optimizer)
        norms += [clip_shards(comm, wrapped.parameters(), clip).item()] if clip else []
        optimizer.step()
    found = {"norms": norms, "sent": comm.traffic.by_op(), "events": wrapped.events, "held": held}
    return found | {"state": wrapped.full_state()}


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 3), (launch, 2), (launch, 4)])
def test_equal_to_one_process(run, n_ranks):
    """With clipping, which needs the norm of what no rank has alone."""
    right, norms = alone(clip=0.5)
    for found in run(sharded, n_ranks, clip=0.5):
        torch.testing.assert_close(found["state"], dict(right))
        torch.testing.assert_close(found["norms"], norms)


def in_ways(comm):
    return {
        (prefetch, keep_root): sharded(comm, prefetch=prefetch, keep_root=keep_root)
        for prefetch, keep_root in ((1, True), (0, True), (2, False))
    }


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 4), (launch, 2)])
def test_memory_and_traffic_are_those_of_the_formulas(run, n_ranks):
    """An n-th of everything is held; on top of it, for a while, whole weights of few units.

    Units travel three times: twice they are gathered, once their gradients are reduced. A root that
    is kept is gathered once.
    """
    n_bytes = ROOT + N_LAYERS * UNIT
    for found in run(in_ways, n_ranks):
        for (prefetch, keep_root), here in found.items():
            held = here["held"]
            assert held.parameters == held.gradients == n_bytes // n_ranks
            n_counters = 8 * held.optimizer - 16 * held.parameters  # AdamW counts in Python
            assert n_counters == 0
            gathered = 2 * N_LAYERS * UNIT + (1 if keep_root else 2) * ROOT
            assert here["sent"] == {
                "all_gather": gathered * (n_ranks - 1) // n_ranks,
                "reduce_scatter": n_bytes * (n_ranks - 1) // n_ranks,
            }
            events = here["events"]
            peak = max(event.gathered for event in events)
            assert peak == ROOT + min(1 + prefetch, N_LAYERS) * UNIT
            assert max(event.gradients for event in events) <= ROOT + 2 * UNIT
            assert events[-1].gathered == events[-1].gradients == 0
        everything = 3 * n_bytes * (n_ranks - 1) // n_ranks
        assert sum(found[2, False]["sent"].values()) == everything


def names(events, what):
    return [event.unit.removeprefix("blocks.") for event in events if event.what == what]


def test_units_are_gathered_ahead_and_freed_in_order():
    ahead, late = (simulate(sharded, 2, prefetch=p)[0]["events"] for p in (1, 0))
    assert names(ahead, "gather") == names(late, "gather") == ["", "0", "1", "2", "2", "1", "0"]
    assert names(ahead, "free") == ["0", "1", "2", "2", "1", "0", ""]
    assert names(ahead, "reduce") == names(ahead, "reduced") == ["2", "1", "0", ""]
    order = [(event.what, event.unit) for event in ahead]
    before = order.index(("gather", "blocks.1")) < order.index(("free", "blocks.0"))
    assert before, "the next unit is on its way while this one computes"
    order = [(event.what, event.unit) for event in late]
    assert order.index(("gather", "blocks.1")) > order.index(("free", "blocks.0"))


def in_other_ways(comm):
    """Accumulation, recomputation, a forward pass without gradients, loading."""
    wrapped = FullySharded(model(), comm, Block)
    parts = [ids.chunk(comm.n_ranks)[comm.rank] for ids in batches()]
    gradient = lambda: [kept.piece.grad.clone() for _, kept in wrapped.held()]  # noqa: E731
    found = {}
    for ids in parts:  # reduced every time: they add up
        (loss(wrapped, ids) / STEPS).backward()
        wrapped.finish()
    found["each time"] = gradient()
    wrapped.zero_grad()
    comm.traffic.clear()
    for ids in parts[:-1]:
        with wrapped.no_reduction():
            (loss(wrapped, ids) / STEPS).backward()
    found["sent before"] = comm.traffic.by_op()
    found["held before"] = wrapped.events[-1].gradients
    with recomputed_blocks(wrapped.module.blocks):
        last = loss(wrapped, parts[-1]) / STEPS
    last.backward()
    wrapped.finish()
    found["once"] = gradient()
    with torch.no_grad():
        found["loss"] = loss(wrapped, parts[0]).item()
    found["after"] = wrapped.events[-1].gathered
    other = FullySharded(model(seed=5), comm, Block)
    other.load_full_state(wrapped.full_state())
    found["loaded"] = other.full_state()
    loss(other, parts[0])  # and no backward pass, so that the root stays
    for _, kept in other.held():
        kept.piece.data.zero_()
    found["zeros"] = loss(other, parts[0]).item()
    found["ranges"] = [(name, kept.start, kept.stop) for name, kept in wrapped.held()]
    return found


@pytest.mark.parametrize("run", [simulate, launch])
def test_accumulation_recomputation_and_evaluation(run):
    whole = model()
    for ids in batches():
        (loss(whole, ids) / STEPS).backward()
    results = run(in_other_ways, 2)
    for found in results:
        right = {name: p.grad.flatten() for name, p in whole.named_parameters()}
        pieces = [right[name][start:stop] for name, start, stop in found["ranges"]]
        torch.testing.assert_close(found["each time"], pieces)
        torch.testing.assert_close(found["once"], pieces)
        assert "reduce_scatter" not in found["sent before"]
        assert found["held before"] == ROOT + N_LAYERS * UNIT  # what it costs not to reduce
        assert found["after"] == 0
        torch.testing.assert_close(found["loaded"], dict(whole.state_dict()))
        assert found["zeros"] == pytest.approx(math.log(62))  # all tokens are equally likely
    everywhere = sum(stop - start for found in results for _, start, stop in found["ranges"])
    assert everywhere == sum(p.numel() for p in whole.parameters())
    first = loss(whole, batches()[0]).item()
    assert sum(found["loss"] for found in results) / 2 == pytest.approx(first)


class Odd(nn.Module):
    """Frozen and unused parameters, a matrix that two units share, a buffer, named inputs."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.units = nn.ModuleList(nn.Linear(5, 5) for _ in range(3))
        self.units[1].weight = self.units[0].weight
        self.units[2].bias.requires_grad_(False)
        self.unused = nn.Parameter(torch.randn(3))
        self.scale = nn.Parameter(torch.randn(()))
        self.register_buffer("offset", torch.randn(5))
        self.double()

    def forward(self, x, extra):
        for unit in self.units:
            x = torch.tanh(unit(x))
        return {"y": (x + extra[0] + self.offset) * self.scale}


def odd(comm):
    wrapped = FullySharded(Odd(seed=comm.rank), comm, nn.Linear)
    x = torch.randn(6, 5, generator=torch.Generator().manual_seed(2)).double()
    mine = x.chunk(comm.n_ranks)[comm.rank]
    for _ in range(2):
        wrapped.zero_grad()
        wrapped(mine, extra=[mine])["y"].square().mean().backward()
        wrapped.finish()
    pieces = [(name, k.start, k.stop, k.piece.grad) for name, k in wrapped.held()]
    return pieces, wrapped.full_state(), [unit.name for unit in wrapped.units], x


@pytest.fixture
def nan_in_new_memory():
    """So that what nobody has filled shows."""
    torch.use_deterministic_algorithms(True)  # torch.empty gives nan then
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("nan_in_new_memory")
@pytest.mark.parametrize("n_ranks", [2, 3])
def test_tied_frozen_and_unused_parameters(n_ranks):
    whole = Odd()
    for pieces, state, units, x in simulate(odd, n_ranks):
        whole.zero_grad()
        whole(x, extra=[x])["y"].square().mean().backward()
        assert units == ["", "units.0", "units.1", "units.2"]
        assert state.keys() == whole.state_dict().keys()
        torch.testing.assert_close(state, dict(whole.state_dict()))
        for name, start, stop, gradient in pieces:
            p = whole.get_parameter(name)
            if not p.requires_grad:
                assert gradient is None
            else:
                right = torch.zeros_like(p) if p.grad is None else p.grad
                torch.testing.assert_close(gradient, right.flatten()[start:stop], msg=name)


def pair():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()


def ending_in_a_unit(comm):
    wrapped = FullySharded(pair(), comm, nn.Linear)
    wrapped(torch.ones(2, 3).double()).square().mean().backward()
    wrapped.finish()
    gradients = {name: (k.start, k.stop, k.piece.grad) for name, k in wrapped.held()}
    return gradients, names(wrapped.events, "reduce")


def test_the_root_may_return_what_its_last_unit_returns():
    """One tensor, two hooks: it must not be taken for a sign that the unit is done."""
    whole = pair()
    whole(torch.ones(2, 3).double()).square().mean().backward()
    for gradients, reduced in simulate(ending_in_a_unit, 2):
        assert reduced == ["1", "0", ""]
        for name, (start, stop, gradient) in gradients.items():
            right = whole.get_parameter(name).grad.flatten()[start:stop]
            torch.testing.assert_close(gradient, right)


def in_bfloat16(comm):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    wrapped = FullySharded(net, comm, nn.Linear, compute_dtype=torch.bfloat16)
    theirs = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    theirs.load_state_dict(wrapped.full_state())
    policy = MixedPrecisionPolicy(torch.bfloat16)
    for layer in theirs:
        fully_shard(layer, mp_policy=policy)
    fully_shard(theirs, mp_policy=policy)
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(comm.rank))
    comm.traffic.clear()
    y = wrapped(x)
    y.float().square().mean().backward()
    wrapped.finish()
    sent = comm.traffic.by_op()
    theirs(x).float().square().mean().backward()
    ours = [kept.piece.grad for _, kept in wrapped.held()]
    grads = [p.grad.full_tensor().flatten() for p in theirs.parameters()]
    grads = [g[kept.start : kept.stop] for g, (_, kept) in zip(grads, wrapped.held())]
    return y.dtype, {p.dtype for p in wrapped.parameters()}, sent, ours, grads


def test_reduced_precision_travels_and_float32_stays():
    """Both round the same numbers to bfloat16; two ranks have no order of summation."""
    n_bytes = 2 * 2 * (8 * 8 + 8)
    for y, masters, sent, ours, theirs in launch(in_bfloat16, 2):
        assert y == torch.bfloat16 and masters == {torch.float32}
        assert sent == {"all_gather": 2 * n_bytes // 2, "reduce_scatter": n_bytes // 2}
        assert all(g.dtype == torch.float32 for g in ours)
        torch.testing.assert_close(ours, theirs)


def beside_fully_shard(comm):
    """Both for several steps in float64, and the bytes that theirs moves.

    Theirs cuts every parameter by rows: 62 of them, as 61 would cost it a row of zeros.
    """
    sent = {"gather": 0, "reduce": 0}

    def counted(call, kind):
        def count(output, input, *rest, **options):
            sent[kind] += max(output.nbytes, input.nbytes) * (comm.n_ranks - 1) // comm.n_ranks
            return call(output, input, *rest, **options)

        return count

    import torch.distributed as dist

    theirs = model()
    for block in theirs.blocks:
        fully_shard(block)
    fully_shard(theirs)
    theirs_adamw = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    originals = {}
    for name, kind in (
        ("all_gather_into_tensor", "gather"),
        ("all_gather_single", "gather"),
        ("reduce_scatter_tensor", "reduce"),
        ("reduce_scatter_single", "reduce"),
    ):
        originals[name] = getattr(dist, name)
        setattr(dist, name, counted(originals[name], kind))
    try:
        for ids in batches():
            sent.update(gather=0, reduce=0)
            theirs_adamw.zero_grad()
            loss(theirs, ids.chunk(comm.n_ranks)[comm.rank]).backward()
            theirs_adamw.step()
    finally:
        for name, original in originals.items():
            setattr(dist, name, original)
    state = {name: p.full_tensor() for name, p in theirs.state_dict().items()}
    ours = FullySharded(model(), comm, Block)
    adamw = torch.optim.AdamW(ours.parameters(), lr=0.01)
    for ids in batches():
        comm.traffic.clear()
        adamw.zero_grad()
        loss(ours, ids.chunk(comm.n_ranks)[comm.rank]).backward()
        ours.finish()
        adamw.step()
    our_bytes = comm.traffic.by_op()
    return ours.full_state(), state, our_bytes, sent


def test_the_same_weights_and_bytes_as_fully_shard():
    for ours, theirs, sent, their_bytes in launch(beside_fully_shard, 2):
        torch.testing.assert_close(ours, theirs)
        assert sent["all_gather"] == their_bytes["gather"]
        assert sent["reduce_scatter"] == their_bytes["reduce"]


def forget_to_finish(comm):
    wrapped = FullySharded(model(), comm, Block)
    for _ in range(2):
        loss(wrapped, batches()[0]).backward()


class Passing(nn.Module):
    """Hands its second input on, which gets its gradient before the layer does."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, xy):
        x, y = xy
        return self.inner(x), y


def pass_on(comm):
    layers = [Passing(nn.Linear(3, 3)) for _ in range(3)]
    wrapped = FullySharded(nn.Sequential(*layers), comm, Passing)
    x, y = wrapped((torch.ones(2, 3), torch.ones(2, 3, requires_grad=True)))
    (x.sum() + y.sum()).backward()
    wrapped.finish()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (pass_on, r"after its unit had been taken for done"),
        (forget_to_finish, r"still on their way. Call finish\(\)"),
        (lambda comm: FullySharded(model(), comm, Block, prefetch=-1), "choose 0, to gather late"),
    ],
)
def test_what_goes_wrong_is_explained(wrong, words):
    with pytest.raises(RankError, match=words):
        simulate(wrong, 2)
