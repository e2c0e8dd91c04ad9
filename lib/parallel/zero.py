"""ZeRO, stages 1 and 2: every rank steps a part of the weights and keeps optimizer state for it.

In plain data parallelism all ranks hold the same optimizer state and compute the same step. Here
each mean gradient goes only to the rank that has the state for it (reduce-scatter), that rank
steps, and all get the new weights (all-gather): the same bytes as an all-reduce, and the state is
held once instead of n times (Rajbhandari et al., arXiv 1910.02054). Stage 2 reduces gradients while
backward runs, and keeps only what the rank owns: gradients are held once, too.

Letters: n ranks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from lib.parallel.buckets import MB, Bucket, Named
from lib.parallel.comm import Comm, Pending
from lib.parallel.owned import Owned, owned_parameters, owned_ranges
from lib.parallel.reducer import Event, Reducer
from lib.parallel.shard_norm import clip_shards
from lib.parallel.zero_state import load_state, whole_state

PARTITIONS = ("parameters", "ranges")
NOT_SETTINGS = ("params", "param_names")


class ZeroOptimizer(torch.optim.Optimizer):
    """An optimizer of `optimizer_class` on every rank, for the part of the weights it owns.

        broadcast_module(comm, model)                    # all ranks begin with the same weights
        optimizer = ZeroOptimizer(model.parameters(), AdamW, comm, stage=2, lr=1e-3)
        loss(model(x)).backward()                        # of this rank's part of the batch
        optimizer.step()                                 # averages, steps, shares, clears

    `partition` "parameters" gives every parameter one owner, and works for any optimizer: Muon
    needs the whole matrix. "ranges" cuts every bucket into n equal parts, so that ranks hold the
    same to the byte; for optimizers that treat every number alone, such as SGD, Adam and Lion.

    Gradients that no rank has are zeros. Learning rates and other settings are read from
    `param_groups` at every step, so that schedules work.
    """

    def __init__(
        self,
        params: ParamsT,
        optimizer_class: Callable[..., torch.optim.Optimizer],
        comm: Comm,
        stage: int = 1,
        partition: str = "parameters",
        bucket_bytes: int = 25 * MB,
        **settings: Any,
    ) -> None:
        if stage not in (1, 2):
            raise ValueError(
                f"stage is {stage}: ZeRO 1 shards optimizer state, 2 also gradients. For 3, which "
                "shards parameters too, wrap the model in fsdp.FullySharded."
            )
        if partition not in PARTITIONS:
            raise ValueError(f"partition is {partition!r}. Choose from {', '.join(PARTITIONS)}.")
        self.comm, self.stage, self.partition = comm, stage, partition
        self.bucket_bytes, self.loads = bucket_bytes, [0] * comm.n_ranks
        self.make, self.settings, self.inner = optimizer_class, settings, None
        self.owned: list[Owned] = []
        self.by_bucket: dict[Bucket, Owned] = {}
        self.has_means = False  # what a rank owns has its gradient
        self.reducer = Reducer([], self._reduce, self._reduced, overlap=stage == 2, at_once=1)
        self.reducer.reducing = stage == 2
        super().__init__(params, {})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Parameters to step from now on, perhaps with settings of their own."""
        super().add_param_group(dict(param_group))
        group = self.param_groups[-1]
        first = sum(len(g["params"]) for g in self.param_groups[:-1])
        names = group.get("param_names") or [str(first + i) for i in range(len(group["params"]))]
        new = list(self._owned(list(zip(names, group["params"]))))
        for owned in new:
            self.owned.append(owned)
            self.by_bucket[owned.bucket] = owned
            self.reducer.add(owned.bucket)
        settings = {k: v for k, v in group.items() if k not in NOT_SETTINGS}
        inner = {**settings, "params": [p for owned in new for p in owned.mine]}
        if self.inner is None:
            self.inner = self.make([inner], **self.settings)
            self.defaults = self.inner.defaults
        else:
            self.inner.add_param_group(inner)
        _copy_settings(self.inner, self)

    def finish(self) -> None:
        """Wait until this rank has the mean of the gradients it owns.

        `clip` and `step` call it. In stage 2, where every backward pass outside of `no_reduction`
        reduces what it finds, call it after each of several passes: the means add up.
        """
        if self.stage == 1 and self.has_means:
            return
        self.reducer.finish()
        self.reducer.closed = self.stage == 1  # the means have overwritten the gradients
        self.has_means = True
        for owned in self.owned:
            owned.give()

    def clip(self, max_norm: float) -> Tensor:
        """Shorten all ranks' gradients together, as `clip_gradients` does: the norm before."""
        self._finish_once()
        return clip_shards(self.comm, [p for owned in self.owned for p in owned.mine], max_norm)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Average gradients, step what this rank owns, send it to all; no gradients are left."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._finish_once()
        _copy_settings(self, self.inner)
        self.inner.step()
        _copy_settings(self.inner, self)
        self.zero_grad()
        for pending in [owned.share() for owned in self.owned]:
            pending.wait()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, on the way to their owners or there. They are None afterwards."""
        if self.reducer.is_busy:
            raise RuntimeError(
                "Gradients are still on their way. Call step(), clip() or finish() after backward; "
                "zero_grad() has its place before it."
            )
        for owned in self.owned:
            owned.gradient = None
            for p in (*owned.bucket.params, *owned.mine):
                p.grad = None
        self.has_means = self.reducer.closed = False

    @contextmanager
    def no_reduction(self) -> Iterator[None]:
        """Backward passes in here only add to the gradients that this rank has: one reduction for
        a batch in several parts, but memory for all gradients. Stage 1 always does so."""
        self.reducer.reducing = False
        try:
            yield
        finally:
            self.reducer.reducing = self.stage == 2

    def state_dict(self) -> dict[str, Any]:
        """The state of all ranks together, as of one process. All ranks call it.

        `optimizer_class` alone can load it, or as many ranks as there are then. It is as large as
        without ZeRO: reshard.save_sharded writes every rank's part instead.
        """
        words = super().state_dict()
        return {**words, "state": whole_state(self.comm, self.owned, self.inner, self._numbers())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take this rank's part of the state of all."""
        super().load_state_dict({**state_dict, "state": {}})
        _copy_settings(self, self.inner)
        load_state(state_dict["state"], self.owned, self.inner, self._numbers(), self.comm.rank)

    @property
    def events(self) -> list[Event]:
        """Of the last backward pass, in stage 2: when gradients came, and when buckets left."""
        return self.reducer.events

    def _finish_once(self) -> None:
        if not self.has_means:
            self.finish()
        elif self.reducer.is_busy:
            raise RuntimeError(
                "There was a backward pass after finish(), and its gradients are still on their "
                "way: call finish() after each of them."
            )

    def _owned(self, named: Named) -> Iterator[Owned]:
        if self.partition == "ranges":
            return owned_ranges(self.comm, named, self.bucket_bytes)
        return owned_parameters(self.comm, named, self.bucket_bytes, self.loads)

    def _reduce(self, bucket: Bucket) -> Pending:
        return self.by_bucket[bucket].reduce(keep=self.stage == 1)

    def _reduced(self, bucket: Bucket, gradient: Tensor | None) -> None:
        self.by_bucket[bucket].add(gradient)

    def _numbers(self) -> dict[Tensor, int]:
        """How the parameters are called in a state_dict."""
        params = [p for group in self.param_groups for p in group["params"]]
        return {p: i for i, p in enumerate(params)}


def _copy_settings(source: torch.optim.Optimizer, target: torch.optim.Optimizer) -> None:
    """All but the parameters themselves, group by group."""
    for ours, theirs in zip(source.param_groups, target.param_groups, strict=True):
        theirs.update({k: v for k, v in ours.items() if k not in NOT_SETTINGS})
