"""The roofline and the table behind it."""

import pytest
import torch

from lib.tensors.costs import matmul, relu
from lib.tensors.hardware import Hardware, hardware, hardware_table
from lib.tensors.roofline import attainable, bound, mfu, mfu_bound, shortest_time

TOY = Hardware("toy", {"bf16": 100.0, "fp32": 20.0}, memory_bandwidth=10.0)


@pytest.mark.parametrize(
    ("device", "flops", "bandwidth", "intensity"),
    [
        ("H100", 989.4e12, 3.35e12, 295),
        ("H200", 989.4e12, 4.8e12, 206),
        ("A100 80GB", 312e12, 2.0e12, 156),
        ("B200", 2.25e15, 8e12, 281),
    ],
)
def test_the_facts(device, flops, bandwidth, intensity):
    found = hardware(device)
    assert found.flops("bf16") == flops
    assert found.bandwidth == bandwidth
    assert found.intensity() == pytest.approx(intensity, abs=0.5)
    assert found.source


def test_peaks_by_every_name_of_a_format():
    h100 = hardware("H100")
    assert h100.flops("bfloat16") == h100.flops(torch.bfloat16) == h100.flops("bf16")
    assert h100.flops(torch.float8_e4m3fn) == pytest.approx(2 * h100.flops(), rel=1e-3)
    assert h100.flops(torch.float32) == 67e12


def test_every_device_has_a_peak():
    assert all(max(device.peaks.values()) > 1e13 for device in hardware_table().values())


def test_what_is_not_known_is_said():
    with pytest.raises(LookupError, match="A100 80GB in fp8_e4m3 is not known, only in fp64, fp32"):
        hardware("A100 80GB").flops("fp8_e4m3")
    with pytest.raises(LookupError, match="bandwidth of TPU v7x is not known"):
        hardware("TPU v7x").intensity()
    with pytest.raises(LookupError, match="no device 'H1000' in the facts: there are V100"):
        hardware("H1000")


def test_a_slope_and_then_a_roof():
    assert [attainable(TOY, i) for i in (0.5, 5, 10, 1000)] == [5, 50, 100, 100]
    assert attainable(TOY, 5, "fp32") == 20
    assert [bound(TOY, i) for i in (9.9, 10)] == ["memory", "compute"]
    assert mfu_bound(TOY, 5) == 0.5


def test_only_large_matmuls_wait_for_arithmetic_on_an_h100():
    h100 = hardware("H100")
    assert bound(h100, relu(2**20).intensity) == "memory"
    assert bound(h100, matmul(512, 512, 512).intensity) == "memory"
    assert bound(h100, matmul(1024, 1024, 1024).intensity) == "compute"


def test_the_shortest_time_is_that_of_the_slower_part():
    assert shortest_time(TOY, relu(100)) == 100 * 4 / 10
    assert shortest_time(TOY, matmul(100, 100, 100)) == 2 * 100**3 / 100


def test_mfu():
    assert mfu(flops=1200, seconds=8, device=TOY, n_devices=3) == 0.5
    assert mfu(flops=80, seconds=8, device=TOY, dtype="fp32") == 0.5
