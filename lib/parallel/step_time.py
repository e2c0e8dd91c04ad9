"""How long a training step of a layout takes, and with what: products, links, waiting.

Arithmetic is divided by the speed that large products reach, elementwise work by the bandwidth of
memory, messages follow the alpha-beta model. What is assumed to happen at the same time:

- the sums of gradients, and the gathering of weights, run beside one microbatch's way back and
  forward; with ZeRO-3 beside those of every microbatch. Only what is longer is waited for;
- keys and values travel around a ring of context ranks beside attention;
- pipeline messages run beside the work on other microbatches, except while the pipeline fills;
- tensor and expert parallelism's messages are waited for: the next product needs them.
"""

from dataclasses import dataclass

from lib.parallel.bubble import bubble_time
from lib.parallel.cluster import Cluster
from lib.parallel.layer_cost import LayerCost
from lib.parallel.layout import Layout
from lib.parallel.step_memory import layers_of_a_stage, params_of_a_rank
from lib.tensors.memory import recipe

FORWARD_TRIPS, BACKWARD_TRIPS = 2, 3  # a kept tensor is written and read, read, its gradient too
ATTENTION_BACKWARD = 2.5  # times forward: scores are computed again, and four products more


@dataclass(frozen=True)
class Pass:
    """Seconds of one direction through the layers of a stage, for one microbatch."""

    products: int | float
    attention: int | float
    elementwise: int | float
    tensor: int | float
    context: int | float
    expert: int | float

    @property
    def total(self) -> int | float:
        return sum(vars(self).values())

    def plus(self, other: "Pass", times: int | float = 1.0) -> "Pass":
        return Pass(*(a + times * b for a, b in zip(vars(self).values(), vars(other).values())))


def step_time(
    cost: LayerCost, cluster: Cluster, layout: Layout, batch: int, length: int, by: str
) -> dict[str, int | float]:
    """Seconds of each kind, as they add up on the GPU that works most."""
    forward, backward = passes(cost, cluster, layout, length)
    m = layout.n_microbatches(batch)
    both = Pass(*[0.0] * 6).plus(forward, m).plus(backward, m)
    weights = min(backward.products / 2, backward.total / 2)  # what zero bubble can put off
    waiting = bubble_time(
        layout.schedule, layout.pp, layout.chunks, forward.total, backward.total, weights
    )
    return {
        **vars(both),
        "pipeline": 2 * (layout.pp - 1) * _send(cost, cluster, layout, length),
        "bubble": max(0.0, waiting),
        "data": _data(cost, cluster, layout, m, forward.total, backward.total, by),
        "optimizer": _optimizer(cost, cluster, layout, by),
    }


def passes(cost: LayerCost, cluster: Cluster, layout: Layout, length: int) -> tuple[Pass, Pass]:
    """Forward and backward, which computes forward once more if everything is recomputed."""
    reached, tokens = cluster.reached, layout.microbatch * length / layout.cp
    n_layers, output = _work(cost, layout)
    second = layout.tp * cluster.flops / tokens  # operations per token that take one
    products = (n_layers * cost.product_flops() + 2 * output) / second / reached.products
    attention = n_layers * cost.attention_flops(length) / second / reached.attention
    everything = cost.kept(layout.tp, layout.sequence)
    again = everything - cost.kept(layout.tp, layout.sequence, layout.recompute)
    trip = tokens * n_layers / (cluster.memory_bandwidth * reached.memory)
    tensor, context, expert = (
        n_layers * seconds(cost, cluster, layout, tokens)
        for seconds in (_tensor, _context, _expert)
    )
    forward = Pass(
        products, attention, FORWARD_TRIPS * trip * everything, tensor,
        max(0.0, context - attention), expert,
    )  # fmt: skip
    attention *= ATTENTION_BACKWARD
    ring = max(0.0, 2 * context - attention)  # keys and values, and their gradients
    trips = BACKWARD_TRIPS * everything
    if layout.recompute == "elementwise":
        trips += FORWARD_TRIPS * again
    backward = Pass(2 * products, attention, trip * trips, tensor, ring, expert)
    return forward, backward.plus(forward) if layout.recompute == "full" else backward


def _work(cost: LayerCost, layout: Layout) -> tuple[int, int]:
    """Layers of the stage that works most, and parameters of the output matrix on top.

    The output goes to a stage with a layer less, if there is one.
    """
    if layout.pp == 1:
        return cost.shape.n_layers, cost.table_params
    whole = layers_of_a_stage(cost.shape.n_layers, layout)
    room = (whole * layout.pp - cost.shape.n_layers) * cost.active_params
    return whole, 0 if room >= cost.table_params else cost.table_params


def _tensor(cost: LayerCost, cluster: Cluster, layout: Layout, tokens: int | float) -> int | float:
    """One all-reduce, or as much, after attention and one after a dense feed-forward layer."""
    n_calls = 2 if cost.experts is None or cost.experts.shared else 1
    n_bytes = 2 * tokens * cost.shape.width
    return n_calls * cluster.seconds("all_reduce", n_bytes, *layout.group("tensor"))


def _context(cost: LayerCost, cluster: Cluster, layout: Layout, tokens: int | float) -> int | float:
    """The keys and values of all ranks pass by each."""
    vectors = 2 * cost.shape.n_kv_heads * cost.shape.head_width / layout.tp
    n_bytes = 2 * tokens * layout.cp * vectors
    return cluster.seconds("all_gather", n_bytes, *layout.group("context"))


def _expert(cost: LayerCost, cluster: Cluster, layout: Layout, tokens: int | float) -> int | float:
    """Tokens to their experts and back; with tensor ranks each sends its part of the sequence."""
    if cost.experts is None:
        return 0.0
    n_bytes = 2 * tokens / layout.tp * cost.experts.per_token * cost.shape.width
    return 2 * cluster.seconds("all_to_all", n_bytes, *layout.group("expert"))


def _send(cost: LayerCost, cluster: Cluster, layout: Layout, length: int) -> int | float:
    size, stride = layout.group("pipeline")
    if size == 1:
        return 0.0
    tokens = layout.microbatch * length / layout.cp / (layout.tp if layout.sequence else 1)
    return cluster.send_seconds(2 * tokens * cost.shape.width, stride)


def _data(
    cost: LayerCost,
    cluster: Cluster,
    layout: Layout,
    m: int,
    forward: int | float,
    backward: int | float,
    by: str,
) -> int | float:
    """What of the gradients' sums and the weights' gathering is not hidden behind a pass."""
    sums = gathers = 0.0
    parts = zip(params_of_a_rank(cost, layout), ("data", "data of experts"))
    for n_params, kind in parts:
        group = layout.group(kind)
        sums += cluster.seconds("reduce_scatter", recipe(by).grads * n_params, *group)
        width = recipe(by).params if layout.zero else recipe(by).grads  # of weights, or of sums
        gathers += cluster.seconds("all_gather", width * n_params, *group)
    if layout.zero == 3:
        return m * (max(0.0, gathers - forward) + max(0.0, gathers + sums - backward))
    if layout.zero == 0:
        return max(0.0, sums + gathers - backward)
    n_sums = m if layout.zero == 2 else 1
    return n_sums * max(0.0, sums - backward) + max(0.0, gathers - forward)


def _optimizer(cost: LayerCost, cluster: Cluster, layout: Layout, by: str) -> int | float:
    """Every byte of the state is read, and all but gradients written."""
    dense, routed = params_of_a_rank(cost, layout)
    if layout.zero:
        dense, routed = dense / layout.group("data")[0], routed / layout.group("data of experts")[0]
    touched = 2 * recipe(by).bytes_per_param - recipe(by).grads
    return (dense + routed) * touched / (cluster.memory_bandwidth * cluster.reached.memory)
