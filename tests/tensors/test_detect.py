"""Which hardware this is: names as drivers tell them, and a measurement of this machine."""

import pytest
import torch

from lib.tensors import detect as detection
from lib.tensors.detect import detect, find
from lib.tensors.peaks import matrix_product, measured_bandwidth, measured_flops, memory_copy


@pytest.mark.parametrize(
    ("said", "row"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("NVIDIA A100-SXM4-80GB", "A100 80GB"),
        ("Tesla V100-SXM2-32GB", "V100"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("AMD Instinct MI300X", "MI300X"),
        ("NVIDIA B200", "B200"),
    ],
)
def test_names_that_drivers_tell(said, row):
    assert find(said).name == row


@pytest.mark.parametrize(
    "said",
    [
        "NVIDIA H100 NVL",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce GTX 1080",
    ],
)
def test_a_similar_name_is_another_device(said):
    assert find(said) is None


def test_a_known_gpu_has_its_own_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla V100-SXM2-32GB")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (30 * 10**9, 32 * 10**9))
    found = detect.__wrapped__()
    assert (found.name, found.memory_bytes, found.flops("fp16")) == ("V100", 32e9, 1.25e14)


def test_without_a_gpu_the_cpu_is_measured(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
    monkeypatch.setattr(detection, "measured_bandwidth", lambda device: 5.0)
    monkeypatch.setattr(
        detection, "measured_flops", lambda dtype, device: float(len(dtype + device))
    )
    found = detect.__wrapped__()
    assert (found.flops("fp32"), found.bandwidth, found.intensity("bf16")) == (7, 5, 7 / 5)
    assert found.source == "measured on this machine"


def test_measuring_uses_up_no_random_numbers():
    before = torch.random.get_rng_state()
    matrix_product()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_peaks_of_this_machine_are_plausible():
    assert 1e8 < measured_flops("fp32") < 1e15
    assert 1e8 < measured_bandwidth() < 1e13


def test_what_is_timed_is_what_is_counted():
    flops, run = matrix_product(torch.bfloat16)
    result = run()
    n = len(result)
    assert result.dtype == torch.bfloat16
    assert flops == 2 * n**3
    n_bytes, copy = memory_copy()
    copied = copy()
    assert n_bytes == 2 * copied.nbytes
    assert copied.all()
