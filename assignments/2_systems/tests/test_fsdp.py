"""Fully sharded: bytes alive on each rank, the order of gathers, what travels in which type."""

import gc

import torch
from torch import Tensor, nn

from adapters import parallel
from lib.grading.feedback import holds, same
from lib.grading.memory_meter import MemoryMeter
from lib.grading.on_ranks import LoggedComm, on_ranks
from lib.grading.problems import problem

WITHIN = 1e-10  # float64: only the order of two sums differs


class Scale(nn.Module):
    """Stands for a norm: replicated, and of the type of x or wider."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) * self.weight


class Model(nn.Module):
    """An embedding, norms and layers, of sizes that two and three do not divide."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm = nn.Embedding(7, 5), Scale(5)
        self.body = nn.Sequential(
            nn.Linear(5, 9, bias=False), Scale(9), nn.Linear(9, 5, bias=False)
        )
        self.head = nn.Linear(5, 7, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norm(self.embedding(ids))
        return self.head(self.body(x) + x)


SHARDED = ("embedding.weight", "body.0.weight", "body.2.weight", "head.weight")


def made(seed: int = 0, dtype: torch.dtype = torch.float64) -> Model:
    torch.manual_seed(seed)
    return Model().to(dtype)


def batch(n_ranks: int, rank: int) -> Tensor:
    torch.manual_seed(5)
    return torch.randint(7, (n_ranks, 2, 4))[rank]


def loss_of(model: nn.Module, ids: Tensor) -> Tensor:
    logits = model(ids[:, :-1]).double()
    return nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def adamw(params) -> torch.optim.Optimizer:
    return torch.optim.AdamW(params, lr=0.01, weight_decay=0.1)


def whole_steps(n_ranks: int, n_steps: int) -> dict[str, Tensor]:
    """One process with the whole batch."""
    model = made()
    optimizer = adamw(model.parameters())
    for _ in range(n_steps):
        optimizer.zero_grad()
        sum(loss_of(model, batch(n_ranks, r)) / n_ranks for r in range(n_ranks)).backward()
        optimizer.step()
    return {name: p.detach() for name, p in model.named_parameters()}


def trained(comm, wrap, n_steps):
    """All weights after steps of AdamW on the shards; the sizes of all parameters of this rank."""
    wrapped = wrap(made(seed=comm.rank), comm, None)
    optimizer = adamw(wrapped.parameters())
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss_of(wrapped, batch(comm.n_ranks, comm.rank)).backward()
        wrapped.finish_gradient_synchronization()
        optimizer.step()
    sizes = sorted(p.numel() for p in wrapped.parameters())
    weights = {name: x.detach().clone() for name, x in wrapped.full_weights().items()}
    return weights, sizes, sum(p.grad is None for p in wrapped.parameters())


@problem("fsdp")
def test_all_start_from_rank_0():
    for n_ranks in (2, 3):
        for rank, (yours, _, _) in enumerate(on_ranks(n_ranks, trained, parallel.fully_sharded, 0)):
            given = f"rank {rank} of {n_ranks}: full_weights() of a model just wrapped"
            same(yours, whole_steps(n_ranks, 0), given=given)


@problem("fsdp")
def test_linear_and_embedding_weights_are_sharded():
    whole = dict(made().named_parameters())
    for n_ranks in (2, 3):
        parts = [-(-p.numel() // n_ranks) if n in SHARDED else p.numel() for n, p in whole.items()]
        done = on_ranks(n_ranks, trained, parallel.fully_sharded, 0)
        for rank, (_, sizes, _) in enumerate(done):
            given = f"rank {rank} of {n_ranks}: numbers of each of its parameters, sorted"
            same(sizes, sorted(parts), given=given)


@problem("fsdp")
def test_steps_are_those_of_one_process():
    for n_ranks, n_steps in ((2, 1), (2, 3), (3, 2)):
        done = on_ranks(n_ranks, trained, parallel.fully_sharded, n_steps)
        for rank, (yours, _, n_without) in enumerate(done):
            given = f"{n_steps} steps of AdamW, rank {rank} of {n_ranks}: full_weights()"
            same(yours, whole_steps(n_ranks, n_steps), given=given, within=WITHIN)
            same(n_without, 0, given="parameters without a gradient after the step")


def calls(comm, wrap, compute_dtype):
    """What one forward and backward pass, and what comes after it, send: (op, numbers, dtype)."""
    log: list[tuple] = []
    wrapped = wrap(made(dtype=torch.float32), LoggedComm(comm, log), compute_dtype)
    log.clear()
    wrapped(batch(comm.n_ranks, comm.rank)).float().sum().backward()
    wrapped.finish_gradient_synchronization()
    types = {str(p.dtype) for p in wrapped.parameters()}
    types |= {str(p.grad.dtype) for p in wrapped.parameters()}
    return [entry[1:] for entry in log if entry[0] == "start"], types


@problem("fsdp")
def test_gradients_of_shards_are_reduce_scattered():
    """An all-reduce would give every rank all of it, at twice the price."""
    sizes = {n: p.numel() for n, p in made().named_parameters() if n in SHARDED}
    padded = sorted(-(-size // 2) * 2 for size in sizes.values())
    for sent, _ in on_ranks(2, calls, parallel.fully_sharded, None):
        scattered = sorted(n for op, n, _ in sent if op == "reduce_scatter")
        same(scattered, padded, given="a pass on 2 ranks: numbers given to each reduce_scatter")
        large = [n for op, n, _ in sent if op == "all_reduce" and n > 9 + 5]
        same(large, [], given="a pass on 2 ranks: all-reduces of more than norms")


@problem("fsdp")
def test_weights_are_gathered_forward_and_where_needed_backward():
    """Forward four; backward three, as no gradient goes through the embedding to its ids."""
    parts = sorted(-(-p.numel() // 2) for n, p in made().named_parameters() if n in SHARDED)
    embedding = -(-35 // 2)
    for sent, _ in on_ranks(2, calls, parallel.fully_sharded, None):
        gathered = sorted(n for op, n, _ in sent if op == "all_gather")
        both = sorted(parts * 2)
        fewer = sorted(parts * 2)
        fewer.remove(embedding)
        fits = gathered in (both, fewer)
        rule = "Each weight is gathered once forward, and once backward where it is needed."
        given = f"a pass on 2 ranks, shards of {parts} numbers: numbers given to each all_gather"
        holds(fits, rule, given=given, yours=gathered)


@problem("fsdp")
def test_the_compute_dtype_travels_and_masters_stay():
    for sent, types in on_ranks(2, calls, parallel.fully_sharded, torch.bfloat16):
        given = "compute_dtype bfloat16: types of what is gathered and reduce-scattered"
        travelled = {str(t) for op, _, t in sent if op in ("all_gather", "reduce_scatter")}
        same(travelled, {"torch.bfloat16"}, given=given)
        given = "compute_dtype bfloat16: types of parameters and their gradients"
        same(types, {"torch.float32"}, given=given)


def small_steps(model: nn.Module, parts: list[Tensor], finish) -> None:
    """Five of SGD, on the mean over these parts of the batch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(5):
        optimizer.zero_grad()
        sum(loss_of(model, ids) / len(parts) for ids in parts).backward()
        finish()
        optimizer.step()


def in_half(comm, wrap):
    """Logits with bfloat16 weights, and all weights after five small steps."""
    wrapped = wrap(made(dtype=torch.float32), comm, torch.bfloat16)
    ids = batch(comm.n_ranks, comm.rank)
    logits = wrapped(ids).detach()
    small_steps(wrapped, [ids], wrapped.finish_gradient_synchronization)
    return logits, {name: x.detach().clone() for name, x in wrapped.full_weights().items()}


@problem("fsdp")
def test_small_steps_are_not_lost():
    """A number of 0.3 in bfloat16 has neighbours 0.002 away: a step of 1e-3 * gradient is lost."""
    model = made(dtype=torch.float32)
    small_steps(model, [batch(2, rank) for rank in range(2)], lambda: None)
    expected = {name: p.detach() for name, p in model.named_parameters()}
    for rank, (logits, yours) in enumerate(on_ranks(2, in_half, parallel.fully_sharded)):
        right = made(dtype=torch.float32)(batch(2, rank)).detach()
        given = f"compute_dtype bfloat16, rank {rank} of 2: logits"
        same(logits.float(), right, given=given, within=0.05)
        given = f"compute_dtype bfloat16, rank {rank} of 2: full_weights() after 5 steps, lr 1e-3"
        same(yours, expected, given=given, within=1e-4)


N_LAYERS, WIDTH = 20, 32
WEIGHT = 4 * WIDTH * WIDTH


def memory(comm, wrap):
    """Bytes alive after wrapping, after a forward pass, and at the peak of a whole pass."""
    with MemoryMeter() as meter:
        layers = [nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(N_LAYERS)]
        wrapped = wrap(nn.Sequential(*layers), comm, None)
        del layers
        gc.collect()
        held = meter.live
        x = torch.ones(1, WIDTH, requires_grad=True)
        meter.peak = 0
        loss = wrapped(x).sum()
        after, peak_forward = meter.live, meter.peak
        meter.peak = 0
        loss.backward()
        wrapped.finish_gradient_synchronization()
        peak_backward = meter.peak
        gc.collect()
    return [x / WEIGHT for x in (held, after, peak_forward, peak_backward, meter.live)]


ABOUT = f"{N_LAYERS} layers on 2 ranks, in units of one weight"


@problem("fsdp")
def test_a_rank_holds_its_shards():
    for held, *_ in on_ranks(2, memory, parallel.fully_sharded):
        rule = f"After wrapping, half of {N_LAYERS} weights are alive, and next to nothing else."
        holds(held <= N_LAYERS / 2 + 1, rule, given=f"{ABOUT}: alive", yours=held)


@problem("fsdp")
def test_weights_are_freed_after_use():
    for _, after, forward, backward, end in on_ranks(2, memory, parallel.fully_sharded):
        shards = N_LAYERS / 2
        rule = "After the forward pass the shards are alive, and the vectors between the layers."
        holds(after <= shards + 2, rule, given=f"{ABOUT}: alive", yours=after)
        rule = "During it, the layer at work and the next two are there too, with room to spare: 6."
        holds(forward <= shards + 6, rule, given=f"{ABOUT}: at the peak", yours=forward)
        rule = "During the backward pass, also gradients: of all shards, and of one whole weight."
        holds(backward <= 2 * shards + 8, rule, given=f"{ABOUT}: at the peak", yours=backward)
        rule = "At the end, shards and their gradients are alive."
        holds(end <= 2 * shards + 2, rule, given=f"{ABOUT}: alive", yours=end)


class Noted(nn.Linear):
    """Says when it runs."""

    def __init__(self, number: int, log: list[tuple]) -> None:
        super().__init__(4 + number, 5 + number, bias=False)
        self.number, self.log = number, log

    def forward(self, x: Tensor) -> Tensor:
        self.log.append(("runs", self.number))
        x.register_hook(lambda grad: self.log.append(("went through", self.number)))
        return nn.functional.linear(x, self.weight)


def gathers(comm, wrap):
    """The log of a pass through six layers: gathers that start, layers that run."""
    log: list[tuple] = []
    torch.manual_seed(0)
    layers = [Noted(number, log) for number in range(6)]
    part_of = {-(-layer.weight.numel() // comm.n_ranks): layer.number for layer in layers}
    wrapped = wrap(nn.Sequential(*layers), LoggedComm(comm, log), None)
    log.clear()
    x = torch.ones(2, 4, requires_grad=True)
    loss = wrapped(x).sum()
    log.append(("half",))
    loss.backward()
    found = []
    for entry in log:
        if entry[:2] == ("start", "all_gather"):
            found.append(("gather", part_of[entry[2]]))
        elif entry[0] in ("runs", "went through", "half"):
            found.append(entry)
    return found


def look_ahead(events: list[tuple], done: str, order: list[int]) -> tuple[int, int]:
    """The least and the most layers that had been started beyond the one at work.

    `order` is that of the layers in this direction."""
    started, ahead = set(), []
    for kind, *rest in events:
        if kind == "gather":
            started.add(order.index(rest[0]))
        elif kind == done:
            here = order.index(rest[0])
            ahead.append((max(started, default=-1) - here, here))
    least = min(n for n, here in ahead if here < len(order) - 1)
    return least, max(n for n, _ in ahead)


@problem("fsdp")
def test_the_next_layer_is_on_its_way_and_no_more_than_two():
    for events in on_ranks(2, gathers, parallel.fully_sharded):
        half = events.index(("half",))
        order = list(range(6))
        for words, part, done, turn in (
            ("forward", events[:half], "runs", order),
            ("backward", events[half + 1 :], "went through", order[::-1]),
        ):
            least, most = look_ahead(part, done, turn)
            given = f"six layers on 2 ranks, {words}"
            rule = "While a layer is at work, the gather of the next one has started."
            holds(least >= 1, rule, given=given, yours=part)
            rule = "Gathers start at most two layers early."
            holds(most <= 2, rule, given=given, yours=part)


def bit_by_bit(comm, wrap):
    """Two passes before the step, as with a batch that does not fit: their gradients add up."""
    wrapped = wrap(made(), comm, None)
    for ids in (batch(comm.n_ranks, comm.rank), batch(comm.n_ranks, comm.rank).flip(0, 1)):
        loss_of(wrapped, ids).backward()
    wrapped.finish_gradient_synchronization()
    return [p.grad.clone() for p in wrapped.parameters()], [p.shape for p in wrapped.parameters()]


@problem("fsdp")
def test_gradients_of_two_passes_add_up():
    done = on_ranks(2, bit_by_bit, parallel.fully_sharded)
    model = made()
    for rank in range(2):
        for ids in (batch(2, rank), batch(2, rank).flip(0, 1)):
            (loss_of(model, ids) / 2).backward()
    right = sum(p.grad.sum() for p in model.parameters()).item()
    norms = {n: p.grad for n, p in model.named_parameters() if n not in SHARDED}
    replicated = sum(g.sum() for g in norms.values()).item()
    both = sum(g.sum() for grads, _ in done for g in grads).item()
    given = "two passes, then finish_gradient_synchronization(): the sum of all gradients"
    same(both - replicated, right, given=given, within=1e-9)
