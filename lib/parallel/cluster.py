"""A cluster as a planner sees it: GPUs in nodes, a fast link inside a node, a slow one between.

Inside a node (or a rack that is one, as NVL72) a switch joins all GPUs, and each of them talks to
any other at the full rate of its NVLink. Between nodes there is a network, InfiniBand or Ethernet,
with a port of its own for every GPU. Rates are each way, per GPU, as the makers print them; the
tables are lib/assets/facts/hardware.csv and interconnects.csv.

A promised rate is never reached. The shares that are, and the latencies, are assumptions of ours,
the same for every cluster, and can be changed where a cluster has been measured.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lib.parallel.cost import comm_time

FACTS = Path(__file__).resolve().parents[1] / "assets" / "facts"
PORTS = {"V100": "EDR", "A100 40GB": "HDR", "A100 80GB": "HDR", "H100": "NDR", "H200": "NDR"}


@dataclass(frozen=True)
class Reached:
    """Shares of what is promised, and seconds per step of a collective. Assumed, not measured."""

    products: int | float = 0.7  # of FLOP/s, in large products of matrices
    attention: int | float = 0.5  # of FLOP/s, in a kernel such as FlashAttention
    memory: int | float = 0.8  # of the bandwidth of a GPU's memory
    links: int | float = 0.8  # of the rates of links and network
    room: int | float = 0.9  # of a GPU's memory; buffers of libraries and gaps take the rest
    node_latency: int | float = 5e-6
    network_latency: int | float = 15e-6


@dataclass(frozen=True)
class Cluster:
    """Equal GPUs in equal nodes; bytes, FLOP/s and bytes/s of one GPU."""

    name: str
    n_gpus: int
    node_size: int
    memory_bytes: float | int
    flops: float | int
    memory_bandwidth: float | int
    node_bandwidth: float | int
    network_bandwidth: float | int
    reached: Reached = Reached()

    def __post_init__(self) -> None:
        if self.n_gpus > self.node_size and self.n_gpus % self.node_size:
            raise ValueError(
                f"{self.n_gpus} GPUs do not fill nodes of {self.node_size}: take a multiple."
            )

    @property
    def room_bytes(self) -> int | float:
        """What a plan may fill of a GPU's memory."""
        return self.memory_bytes * self.reached.room

    def inside_node(self, size: int, stride: int) -> bool:
        """Whether a group of every `stride`-th of `size * stride` neighbours is in one node."""
        return size * stride <= self.node_size

    def members_per_node(self, size: int, stride: int) -> int:
        """How many of such a group share a node."""
        return min(size, max(1, self.node_size // stride))

    def seconds(self, op: str, n_bytes: float | int, size: int, stride: int = 1) -> int | float:
        """A collective of such a group, by the alpha-beta model; `n_bytes` as in `comm_time`.

        A ring through several nodes enters and leaves each once, and several rings can share its
        members' ports: k members of the group in a node have k times the rate of one port. In an
        all-to-all everybody's port takes what goes to other nodes.
        """
        if size == 1:
            return 0.0
        reached = self.reached
        fast, slow = self.node_bandwidth * reached.links, self.network_bandwidth * reached.links
        if self.inside_node(size, stride):
            return comm_time(op, n_bytes, size, fast, reached.node_latency)
        together = self.members_per_node(size, stride)
        if op == "all_to_all":
            leaving = n_bytes * (size - together) / size
            return leaving / slow + (size - 1) * reached.network_latency
        return comm_time(op, n_bytes, size, min(fast, together * slow), reached.network_latency)

    def send_seconds(self, n_bytes: float | int, stride: int) -> int | float:
        """A message to the GPU `stride` further on."""
        reached = self.reached
        if self.inside_node(2, stride):
            return reached.node_latency + n_bytes / (self.node_bandwidth * reached.links)
        return reached.network_latency + n_bytes / (self.network_bandwidth * reached.links)


def cluster(
    device: str, n_gpus: int, node_size: int = 8, port: str | None = None, **reached: float
) -> Cluster:
    """Of a device in the facts: `cluster("H100", 1024)`; `reached` changes our assumptions.

    `port` is the generation of the InfiniBand port of each GPU, by default that of NVIDIA's own
    machines with this device.
    """
    row = _row("hardware.csv", "device", device)
    if port is None and device not in PORTS:
        raise ValueError(f"Which network has {device}? Say port=, from EDR, HDR, NDR, XDR.")
    network = _row("interconnects.csv", "generation", port or PORTS[device])
    return Cluster(
        f"{n_gpus:,} x {device}",
        n_gpus,
        node_size,
        float(row["memory_bytes"]),
        float(row["bf16_flops"]),
        float(row["memory_bandwidth"]),
        float(row["link_bandwidth_each_way"]),
        float(network["bandwidth_each_way"]),
        Reached(**reached),
    )


@cache
def _table(name: str, key: str) -> dict[str, dict[str, str]]:
    with (FACTS / name).open(encoding="utf-8", newline="") as file:
        return {row[key]: row for row in csv.DictReader(file, strict=True)}


def _row(name: str, key: str, value: str) -> dict[str, str]:
    rows = _table(name, key)
    if value not in rows:
        raise LookupError(f"{name} has no {key} {value!r}: there are {', '.join(rows)}.")
    return rows[value]
