"""How many bytes the fullest GPU of a layout needs, part by part.

That is one of the first stage: it has the embedding table and the most microbatches under way. The
logits of the last stage are counted with it, an upper bound.
"""

from math import ceil

from lib.parallel.activation_memory import live_microbatches
from lib.parallel.layer_cost import LayerCost
from lib.parallel.layout import Layout
from lib.parallel.memory import training_state_bytes

BYTES_OF_A_LOGIT = 6  # itself in 16 bits, and its probability in 32


def layers_of_a_stage(n_layers: int, layout: Layout) -> int:
    """Layers come whole: the fullest stage has the quotient rounded up, chunk by chunk."""
    return layout.chunks * ceil(n_layers / (layout.pp * layout.chunks))


def params_of_a_rank(cost: LayerCost, layout: Layout) -> tuple[int | float, int | float]:
    """Of the parts that all data ranks hold, and of experts."""
    n_layers = layers_of_a_stage(cost.shape.n_layers, layout)
    n_tables = 1 if layout.pp > 1 or getattr(cost.shape, "tied", False) else 2
    dense = (n_layers * cost.dense_params + n_tables * cost.table_params) / layout.tp
    return dense, n_layers * cost.expert_params / layout.ep


def step_memory(
    cost: LayerCost, layout: Layout, batch: int, length: int, by: str
) -> dict[str, int | float]:
    """Bytes on the fullest GPU; `by` is a recipe of lib/tensors/memory.py."""
    dense, routed = params_of_a_rank(cost, layout)
    size, _ = layout.group("data")
    expert_size, _ = layout.group("data of experts")
    held = training_state_bytes(dense, by, layout.zero, size)
    for kind, n_bytes in training_state_bytes(routed, by, layout.zero, expert_size).items():
        held[kind] += n_bytes
    held["gathered layers"] = _gathered(cost, layout)
    return held | _activations(cost, layout, batch, length)


def _gathered(cost: LayerCost, layout: Layout) -> int | float:
    """With ZeRO-3 the layer at work and the next one, in 16 bits, and the gradient of one."""
    if layout.zero < 3:
        return 0.0
    return 3 * 2 * (cost.dense_params / layout.tp + cost.expert_params / layout.ep)


def _activations(
    cost: LayerCost, layout: Layout, batch: int, length: int
) -> dict[str, int | float]:
    tokens = layout.microbatch * length / layout.cp  # of a microbatch, on one rank
    n_layers = layers_of_a_stage(cost.shape.n_layers, layout)
    m = layout.n_microbatches(batch)
    live = live_microbatches(layout.schedule, layout.pp, m, layout.chunks)
    if layout.recompute == "full":
        inputs = 2 * cost.shape.width / (layout.tp if layout.sequence else 1)
        kept = live * n_layers * inputs + cost.kept(layout.tp, layout.sequence)
    else:
        kept = live * n_layers * cost.kept(layout.tp, layout.sequence, layout.recompute)
    logits = BYTES_OF_A_LOGIT * cost.shape.vocab_size / layout.tp
    return {"activations": tokens * kept, "logits": tokens * logits}
