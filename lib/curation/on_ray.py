"""A pipeline's shards on a cluster, by Ray Data (`ray.data`).

Ray spreads the numbers of shards over the machines and starts those again whose machine went away;
records are read from and written to the run's folder, which all machines must see under one name.
Functions of steps travel with the work; modules that they come from must be on all machines.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from lib.curation.on_processes import Work


@dataclass(frozen=True)
class OnRay:
    """A cluster at this address, or a small one on this machine, which ends with the process.

    `address` is what `ray.init` takes, such as "auto" on a machine of the cluster; where Ray has
    been started in this process already, that one is used.
    """

    address: str | None = None
    n_processors: int | None = None  # of the small one on this machine
    processors_per_shard: float | int = 1

    def __call__(self, work: Work, shards: list[int]) -> Iterator[int]:
        ray = _ray(local=not self.address)
        self.connect(ray)
        rows = [{"shard": shard} for shard in shards]
        ray.data.DataContext.get_current().enable_progress_bars = False  # the pipeline has its own
        found = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Call(work), num_cpus=self.processors_per_shard
        )
        for row in found.iter_rows():
            yield row["n_records"]

    def connect(self, ray: ModuleType) -> None:
        """Start Ray, if it has not been.

        On this machine it gets a second chance, as it gives up on a busy one after half a minute.
        """
        if ray.is_initialized():
            return
        if self.address:
            ray.init(address=self.address, log_to_driver=False)
            return
        for attempt in range(1, STARTS + 1):
            try:
                ray.init(
                    "local",  # and not one that somebody else has started here
                    num_cpus=self.n_processors,
                    include_dashboard=False,
                    log_to_driver=False,
                )
                return
            except Exception:  # Ray raises no narrower one
                ray.shutdown()
                if attempt == STARTS:
                    raise


STARTS = 2
LOCAL = {  # a cluster on one machine needs no network and tells nobody that it exists
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


class _Call:
    """The work on a row of Ray's."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"n_records": self.work(int(row["shard"]))}


def _ray(local: bool) -> ModuleType:
    for name, value in LOCAL.items() if local else ():  # read when the module is imported
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RuntimeError(
            'Ray is not installed here: pip install "ray[data]", or run the pipeline on processes.'
        ) from error
    return ray
