"""Which hardware this is: looked up by name where the facts know it, else measured."""

import re
from contextlib import suppress
from dataclasses import replace
from functools import cache

import torch

from lib.tensors.hardware import Hardware, hardware_table
from lib.tensors.peaks import measured_bandwidth, measured_flops

# Words in the name of a device that say nothing about its speed.
HARMLESS = re.compile(r"nvidia|amd|tesla|instinct|geforce|sxm\d?|oam|hbm\d?e?|\d+gb")


@cache
def detect() -> Hardware:
    """The GPU at hand, else the CPU. Takes a second where it has to measure."""
    if torch.cuda.is_available():
        known = find(torch.cuda.get_device_name())
        if known is not None:
            _, memory_bytes = torch.cuda.mem_get_info()  # the same name is sold in several sizes
            return replace(known, memory_bytes=float(memory_bytes))
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return measure("cpu" if accelerator is None else accelerator.type)


def find(device_name: str) -> Hardware | None:
    """The row of the facts for a name as drivers tell it: "NVIDIA A100-SXM4-40GB" is "A100 40GB".

    All words of the row must occur, and the others be harmless: an "RTX 4090 Laptop GPU" or a
    slice of an H100 is not what the table describes.
    """
    said = set(re.split(r"[\s-]+", device_name.lower()))
    for name, device in hardware_table().items():
        words = set(name.lower().split())
        if words <= said and all(HARMLESS.fullmatch(word) for word in said - words):
            return device
    return None


def measure(device: str = "cpu") -> Hardware:
    """What is measured on it now: peaks in fp32 and bf16, and bandwidth."""
    peaks = {}
    for dtype in ("fp32", "bf16"):
        with suppress(RuntimeError, TypeError):  # not every device can multiply bf16
            peaks[dtype] = measured_flops(dtype, device)
    name = f"CPU, {torch.get_num_threads()} threads" if device == "cpu" else device
    return Hardware(name, peaks, measured_bandwidth(device), source="measured on this machine")
