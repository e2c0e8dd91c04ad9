"""The roofline: how fast an operation can be at best, given what it computes and what it moves.

A device does at most `flops` operations a second and moves at most `bandwidth` bytes. An operation
with I operations per byte cannot run faster than min(flops, I * bandwidth): over I, a slope and
then a flat roof. The corner lies at the device's own intensity (Williams et al., 2009, CACM 52).
"""

from typing import Literal

from lib.tensors.costs import Cost
from lib.tensors.hardware import Hardware


def attainable(device: Hardware, intensity: int | float, dtype: object = "bf16") -> float:
    """FLOP/s at most, for an operation of that many operations per byte."""
    return min(device.flops(dtype), intensity * device.bandwidth)


def bound(
    device: Hardware, intensity: int | float, dtype: object = "bf16"
) -> Literal["compute", "memory"]:
    """What the operation waits for."""
    return "compute" if intensity >= device.intensity(dtype) else "memory"


def mfu_bound(device: Hardware, intensity: int | float, dtype: object = "bf16") -> float:
    """The largest share of the peak that is possible."""
    return attainable(device, intensity, dtype) / device.flops(dtype)


def shortest_time(device: Hardware, cost: Cost, dtype: object = "bf16") -> float:
    """Seconds at least, if computing and moving overlap perfectly."""
    return max(cost.flops / device.flops(dtype), cost.bytes / device.bandwidth)


def mfu(
    flops: int | float,
    seconds: int | float,
    device: Hardware,
    dtype: object = "bf16",
    n_devices: int = 1,
) -> float:
    """Model FLOPs utilisation: the share of the promised FLOP/s that went into the model.

    `flops` are those the model needs, not those of recomputation. Half is good.
    """
    return flops / (seconds * n_devices * device.flops(dtype))
