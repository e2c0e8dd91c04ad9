"""ZeRO 1 and 2 around several optimizers: equal to one process, and what ranks hold and send."""

import pytest
import torch
from torch import nn
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

from lib.parallel.bytes_held import bytes_held
from lib.parallel.data import broadcast_module
from lib.parallel.errors import RankError
from lib.parallel.launch import launch
from lib.parallel.owned import share_out
from lib.parallel.simulated import simulate
from lib.parallel.zero import ZeroOptimizer
from lib.training.adaptive import AdamW
from lib.training.muon import Muon

BATCH, STEPS = 12, 3
BUCKET = 500  # bytes: three or four buckets


def net(seed=0, bias=True):
    torch.manual_seed(seed)
    first, second, third = (nn.Linear(*shape, bias) for shape in ((7, 9), (9, 8), (8, 5)))
    return nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), third).double()


N_BYTES = 8 * sum(p.numel() for p in net().parameters())


def batches():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(BATCH, 7, generator=generator).double() for _ in range(STEPS)]


def loss(model, x):
    return model(x).square().mean()


def alone(kind, clip=None, bias=True, **settings):
    """On one process with the whole batch: weights, state, norms."""
    model = net(bias=bias)
    optimizer, norms = kind(model.parameters(), **settings), []
    for x in batches():
        optimizer.zero_grad()
        loss(model, x).backward()
        norms += [nn.utils.clip_grad_norm_(model.parameters(), clip).item()] if clip else []
        optimizer.step()
    return [p.detach() for p in model.parameters()], optimizer.state_dict()["state"], norms


def sharded(comm, kind, stage, partition, clip=None, bias=True, **settings):
    """The same on this rank, with the traffic of a step and what is held before and after it."""
    model = net(seed=comm.rank, bias=bias)
    broadcast_module(comm, model)
    optimizer = ZeroOptimizer(model.parameters(), kind, comm, stage, partition, BUCKET, **settings)
    norms = []
    for x in batches():
        comm.traffic.clear()
        loss(model, x.chunk(comm.n_ranks)[comm.rank]).backward()
        optimizer.finish()
        held = bytes_held(model, optimizer)
        norms += [optimizer.clip(clip).item()] if clip else []
        optimizer.step()
    found = {"weights": [p.detach() for p in model.parameters()], "norms": norms}
    found |= {"sent": comm.traffic.by_op(), "finished": held}
    found |= {"after": bytes_held(model, optimizer), "buckets": sizes(optimizer)}
    return found | {"state": optimizer.state_dict()["state"]}


def sizes(optimizer):
    return [each.bucket.n_bytes for each in optimizer.owned]


CASES = [
    (torch.optim.AdamW, "ranges", {"lr": 0.01, "weight_decay": 0.1}),
    (AdamW, "parameters", {"lr": 0.01, "weight_decay": 0.1}),
    (torch.optim.SGD, "ranges", {"lr": 0.1, "momentum": 0.9}),
    (torch.optim.Adafactor, "parameters", {"lr": 0.01}),  # has state of other shapes
    (Muon, "parameters", {"bias": False}),
]


def every_case(comm):
    return [
        sharded(comm, kind, stage, partition, clip=0.5, **settings)
        for kind, partition, settings in CASES
        for stage in (1, 2)
    ]


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 3), (launch, 2), (launch, 4)])
def test_any_optimizer_steps_as_on_one_process(run, n_ranks):
    """All in float64. Muon's Newton-Schulz is steep at zero, where it enlarges rounding errors."""
    results = run(every_case, n_ranks)
    wanted = [(kind, *alone(kind, 0.5, **settings)) for kind, _, settings in CASES for _ in (1, 2)]
    for found in results:
        for here, (kind, weights, state, norms) in zip(found, wanted):
            tolerance = {"atol": 1e-7, "rtol": 1e-5} if kind is Muon else {}
            torch.testing.assert_close(here["weights"], weights, **tolerance)
            torch.testing.assert_close(here["state"], state, **tolerance)
            torch.testing.assert_close(here["norms"], norms, **tolerance)


def held_and_sent(comm):
    settings = {"lr": 0.01}
    return {
        (stage, partition): sharded(comm, torch.optim.AdamW, stage, partition, **settings)
        for stage in (1, 2)
        for partition in ("ranges", "parameters")
    }


@pytest.mark.parametrize(("run", "n_ranks"), [(simulate, 4), (launch, 2)])
def test_memory_and_traffic_are_those_of_the_formulas(run, n_ranks):
    """Adam has two numbers for each weight. Ranges are equal, with a few zeros at the ends."""
    results = run(held_and_sent, n_ranks)
    for found in results:
        for stage in (1, 2):
            here = found[stage, "ranges"]
            padded = sum(here["buckets"])
            assert N_BYTES <= padded < N_BYTES + len(here["buckets"]) * 8 * n_ranks
            part, steps = padded // n_ranks, 4 * len(here["buckets"])  # step counters are float32
            assert here["after"].parameters == padded
            assert here["after"].optimizer == 2 * part + steps
            part_sent = padded * (n_ranks - 1) // n_ranks
            assert here["sent"] == {"reduce_scatter": part_sent, "all_gather": part_sent}
            assert here["finished"].gradients == (padded if stage == 1 else part)
            assert here["after"].gradients == (padded if stage == 1 else 0)
    for stage in (1, 2):  # whole parameters: the sums over ranks
        here = [found[stage, "parameters"] for found in results]
        owned = [h["after"].optimizer for h in here]
        assert (
            sum(owned) == 2 * N_BYTES + 6 * 4 and max(owned) < 2 * N_BYTES * 4 / 3 / n_ranks + 300
        )
        for op in ("reduce", "broadcast"):
            assert sum(h["sent"][op] for h in here) == N_BYTES * (n_ranks - 1)
        if stage == 2:
            assert sum(h["finished"].gradients for h in here) == N_BYTES


def deep(comm, stage):
    """Eight layers, a bucket each: the most that gradients take, and when buckets leave."""
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(6, 6, bias=False) for _ in range(8)]).double()
    settings = {"stage": stage, "partition": "ranges", "bucket_bytes": 6 * 6 * 8, "lr": 0.1}
    optimizer = ZeroOptimizer(model.parameters(), torch.optim.SGD, comm, **settings)
    peaks: list[int] = []
    for p in model.parameters():
        note = lambda _: peaks.append(bytes_held(model, optimizer).gradients)  # noqa: E731
        p.register_post_accumulate_grad_hook(note)  # after the optimizer's own hook
    loss(model, torch.ones(2, 6).double()).backward()
    started = [event.n_gradients for event in optimizer.events if event.what == "started"]
    optimizer.step()
    return max(peaks), started


@pytest.mark.parametrize("n_ranks", [2, 4])
def test_stage_2_frees_gradients_while_backward_runs(n_ranks):
    layer = 6 * 6 * 8
    for peak, started in simulate(deep, n_ranks, 2):
        assert started == list(range(1, 9))  # every bucket as soon as it is full
        assert peak <= 8 * layer // n_ranks + 2 * layer  # its part, what travels, what comes in
    for peak, started in simulate(deep, n_ranks, 1):
        assert started == [] and peak == 8 * layer


def test_whole_parameters_are_shared_out_by_size():
    params = [nn.Parameter(torch.empty(n)) for n in (5, 9, 6, 7)]
    loads = [0, 0]
    owners = share_out(params, loads)
    assert [owners[p] for p in params] == [0, 0, 1, 1]  # 9 + 5 and 7 + 6
    assert loads == [14, 13]


def in_parts(comm, stage, reduce_each_part):
    """A batch in three parts, a parameter without gradients, groups with settings of their own."""
    model = net()
    unused = nn.Parameter(torch.ones(3).double())
    weights = [p for p in model.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if p.ndim == 1]
    optimizer = ZeroOptimizer(
        [{"params": weights, "weight_decay": 0.1}],
        torch.optim.AdamW,
        comm,
        stage,
        "ranges",
        BUCKET,
        lr=1.0,
    )
    optimizer.add_param_group({"params": [*rest, unused], "weight_decay": 0.0})
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.01 / (step + 1))
    sent = []
    for x in batches():
        parts = x.chunk(comm.n_ranks)[comm.rank].chunk(3)
        comm.traffic.clear()
        for part in parts[:-1]:
            if reduce_each_part:
                (loss(model, part) / 3).backward()
                optimizer.finish()
            else:
                with optimizer.no_reduction():
                    (loss(model, part) / 3).backward()
        sent.append(comm.traffic.sent)
        (loss(model, parts[-1]) / 3).backward()
        optimizer.finish()
        optimizer.step()
        schedule.step()
    return [p.detach() for p in model.parameters()], unused.detach(), sent


@pytest.mark.parametrize(("stage", "each"), [(1, False), (2, False), (2, True)])
def test_parts_of_a_batch_groups_and_schedules(stage, each):
    model = net()
    groups = [
        {"params": [p for p in model.parameters() if p.ndim == 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.01 / (step + 1))
    for x in batches():
        optimizer.zero_grad()
        loss(model, x).backward()
        optimizer.step()
        schedule.step()
    for weights, unused, sent in simulate(in_parts, 2, stage, each):
        torch.testing.assert_close(weights, [p.detach() for p in model.parameters()])
        assert torch.equal(unused, torch.ones(3).double())
        assert all((s > 0) == each for s in sent)


def go_on(comm, state, weights, partition):
    model = net()
    for p, w in zip(model.parameters(), weights):
        p.data.copy_(w)
    settings = {"lr": 1.0, "momentum": 0.5}  # replaced by those that are loaded
    optimizer = ZeroOptimizer(
        model.parameters(), torch.optim.SGD, comm, 2, partition, BUCKET, **settings
    )
    optimizer.load_state_dict(state)
    for x in batches():
        loss(model, x.chunk(comm.n_ranks)[comm.rank]).backward()
        optimizer.step()
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("partition", ["ranges", "parameters"])
def test_state_of_one_process_is_loaded_by_many(partition):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for i, x in enumerate(batches() * 2):
        if i == STEPS:
            middle = optimizer.state_dict(), [p.detach().clone() for p in model.parameters()]
            middle[0]["state"] = {
                k: {n: v.clone() for n, v in s.items()} for k, s in middle[0]["state"].items()
            }
        optimizer.zero_grad()
        loss(model, x).backward()
        optimizer.step()
    for weights in simulate(go_on, 3, *middle, partition):
        torch.testing.assert_close(weights, [p.detach() for p in model.parameters()])


def beside_torch(comm):
    """DDP with ZeroRedundancyOptimizer, which owns whole parameters, and ours."""
    ours, theirs = net(), DistributedDataParallel(net())
    settings = {"lr": 0.01, "weight_decay": 0.1}
    ours_zero = ZeroOptimizer(ours.parameters(), torch.optim.AdamW, comm, **settings)
    theirs_zero = ZeroRedundancyOptimizer(theirs.parameters(), torch.optim.AdamW, **settings)
    for x in batches():
        mine = x.chunk(comm.n_ranks)[comm.rank]
        theirs_zero.zero_grad()
        loss(ours, mine).backward()
        loss(theirs, mine).backward()
        ours_zero.step()
        theirs_zero.step()
    held = [bytes_held(m, o).optimizer for m, o in ((ours, ours_zero), (theirs, theirs_zero.optim))]
    return [p.detach() for p in ours.parameters()], [p.detach() for p in theirs.parameters()], held


def test_equal_to_torch_with_no_more_memory():
    results = launch(beside_torch, 2)
    for ours, theirs, _ in results:
        torch.testing.assert_close(ours, theirs)
    assert max(held[0] for *_, held in results) <= max(held[1] for *_, held in results)


def optimizer_of(comm, stage=2, **options):
    model = net()
    return model, ZeroOptimizer(model.parameters(), torch.optim.SGD, comm, stage, lr=0.1, **options)


def backward_after_finish(comm):
    model, optimizer = optimizer_of(comm, stage=1)
    for _ in range(2):
        loss(model, batches()[0]).backward()
        optimizer.finish()


def step_on_the_way(comm):
    model, optimizer = optimizer_of(comm)
    loss(model, batches()[0]).backward()
    optimizer.finish()
    loss(model, batches()[0]).backward()
    optimizer.step()


def zero_on_the_way(comm):
    model, optimizer = optimizer_of(comm)
    loss(model, batches()[0]).backward()
    optimizer.zero_grad()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (backward_after_finish, r"another gradient after its own .* step\(\) before the next"),
        (step_on_the_way, r"a backward pass after finish\(\)"),
        (zero_on_the_way, r"zero_grad\(\) has its place before it"),
        (lambda comm: optimizer_of(comm, stage=3), "wrap the model in fsdp.FullySharded"),
        (lambda comm: optimizer_of(comm, partition="rows"), "Choose from parameters, ranges"),
    ],
)
def test_what_goes_wrong_is_explained(wrong, words):
    with pytest.raises(RankError, match=words):
        simulate(wrong, 2)
