"""See what happens inside a model, with nothing added to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


class Record(dict[str, Any]):
    """Submodule name -> what it returned last; `calls` has all it returned, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, list[Any]] = {}

    def add(self, name: str, output: Any) -> None:
        """One more call of a submodule."""
        self[name] = output
        self.calls.setdefault(name, []).append(output)

    def __missing__(self, name: str) -> Any:
        if not self:
            raise KeyError("Nothing is recorded yet: call the model inside `with record(model)`.")
        raise KeyError(f"No submodule called {name!r} ran. Recorded: {', '.join(self)}.")


@contextmanager
def record(model: "nn.Module") -> Iterator[Record]:
    """Keep what submodules return: `with record(model) as seen: model(x)` fills seen["0.norm"].

    A submodule that runs several times (shared, or in a loop) has its last output in seen[name] and
    all of them in seen.calls[name]; one that hangs in the model under two names is kept under both.
    Outputs are kept as returned, tuples too: neither copied nor detached, so a later in-place
    operation shows.
    """
    seen = Record()
    hooks = [
        part.register_forward_hook(_keeper(seen, name))
        for name, part in model.named_modules(remove_duplicate=False)
        if name
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _keeper(seen: Record, name: str) -> Any:
    """A forward hook that returns nothing, so the model goes on with its own output."""

    def keep(_part: Any, _inputs: Any, output: Any) -> None:
        seen.add(name, output)

    return keep
