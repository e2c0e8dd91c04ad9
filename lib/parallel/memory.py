"""What one of n ranks keeps for each parameter, if the ranks share out the training state (ZeRO).

Data parallelism keeps everything n times. But a rank needs the optimizer's part of a parameter only
if it updates that parameter, its gradient only to update it, and its value only while computing
with it. So each can be held by one rank of n, and fetched when needed (Rajbhandari et al. 2019,
arXiv 1910.02054):

- stage 1 shares out the optimizer's state, the master copy included,
- stage 2 the gradients too,
- stage 3 the parameters too.

Activations are not state: see activation_memory.
"""

from lib.tensors.memory import Recipe, training_state

STAGES = (0, 1, 2, 3)
SHARED_OUT = {"optimizer": 1, "master copy": 1, "gradients": 2, "parameters": 3}  # from which stage


def training_state_bytes(
    n_params: int | float, by: str | Recipe, zero: int = 0, n: int = 1
) -> dict[str, float]:
    """Bytes of each kind on every rank; `by` names a recipe of lib/tensors/memory.py."""
    _check(zero, n)
    whole = training_state(n_params, by)
    return {kind: held / (n if zero >= SHARED_OUT[kind] else 1) for kind, held in whole.items()}


def bytes_per_param(by: str | Recipe, zero: int = 0, n: int = 1) -> float:
    """All kinds together, for one parameter."""
    return sum(training_state_bytes(1, by, zero, n).values())


def largest_trainable(
    memory: int | float, by: str | Recipe, zero: int = 0, n: int = 1, kept_free: int | float = 0
) -> float:
    """Parameters whose state fills a rank's memory; `kept_free` is a share left for all else."""
    return memory * (1 - kept_free) / bytes_per_param(by, zero, n)


def traffic_per_param(zero: int, n: int, microbatches: int = 1) -> int:
    """Numbers that each rank sends per parameter and step, as multiples of (n - 1) / n.

    An all-reduce is a reduce-scatter of gradients and an all-gather of sums: 2. Stage 1 gathers
    weights instead of sums: still 2. Stage 2 sums up the gradients of every microbatch at once.
    Stage 3 gathers the weights twice in each, for the way forward and the way back.
    """
    _check(zero, n)
    if n == 1:
        return 0
    reductions = microbatches if zero >= 2 else 1
    return reductions + (2 * microbatches if zero == 3 else 1)


def _check(zero: int, n: int) -> None:
    if zero not in STAGES:
        raise ValueError(f"ZeRO has the stages 0 (nothing is shared out) to 3, not {zero}.")
    if n < 1:
        raise ValueError(f"State is held by at least one rank, not {n}.")
