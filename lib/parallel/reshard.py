"""Save a sharded training run, and go on with it on another number of ranks.

Every rank writes what it holds, and notes which values of which tensor they are. Later, every rank
reads the values that it needs then, whoever wrote them. Names are those of the model's parameters,
so that a run may also move between ZeRO and FSDP.

    save_sharded(folder, model, optimizer, words={"step": 100})
    words = load_sharded(folder, model, optimizer)

Letters: n ranks.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lib.parallel.comm import Comm
from lib.parallel.flat import FlatLayout
from lib.parallel.flat_shard import Kept
from lib.parallel.fsdp import FullySharded
from lib.parallel.objects import all_gather_objects
from lib.parallel.shard_files import Part, ShardFiles, check_names, write_parts
from lib.parallel.zero import NOT_SETTINGS, ZeroOptimizer
from lib.parallel.zero_state import own_state

MODEL, OPTIMIZER = "model.", "optimizer."


def save_sharded(
    folder: Path | str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    words: Any = None,
) -> None:
    """Write a checkpoint, in place of the one that is there. All ranks call it.

    The model is FullySharded with any optimizer, or any module with a ZeroOptimizer. `words` are
    numbers and text, in lists and dicts if need be: what else it takes to go on.
    """
    comm = _comm(model, optimizer)
    parts = {f"{MODEL}{name}": part for name, part in _model_parts(model, comm)}
    numbers: dict[str, dict[str, Any]] = {}
    for name, part, state in _states(model, optimizer):
        for key, value in state.items():
            if not isinstance(value, Tensor):
                numbers.setdefault(name, {})[key] = value
            elif part is not None and value.dim() == 1 and value.shape == part.values.shape:
                parts[f"{OPTIMIZER}{name}.{key}"] = Part(part.shape, part.start, value)
            else:
                whole = Part(tuple(value.shape), 0, value.flatten())
                parts[f"{OPTIMIZER}{name}.{key}"] = whole
    together: dict[str, dict[str, Any]] = {}
    for theirs in all_gather_objects(comm, numbers):
        together |= theirs
    groups = [{k: v for k, v in g.items() if k not in NOT_SETTINGS} for g in optimizer.param_groups]
    write_parts(Path(folder), comm, parts, {"own": words, "numbers": together, "groups": groups})


def load_sharded(folder: Path | str, model: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
    """Give model and optimizer what was saved, whatever the number of ranks, and return the words.

    They are built as they were when it was saved. All ranks call it.
    """
    comm, files = _comm(model, optimizer), ShardFiles(Path(folder))
    files.check(comm)
    _check_groups(files, optimizer)
    _load_model(files, model)
    saved = SavedState(files)
    if isinstance(optimizer, ZeroOptimizer):
        names = {p: name for name, p in model.named_parameters()}
        numbered = [names[p] for g in optimizer.param_groups for p in g["params"]]
        groups = torch.optim.Optimizer.state_dict(optimizer)["param_groups"]
        state = {i: saved[name] for i, name in enumerate(numbered) if name in saved}
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    else:
        optimizer.state.clear()
        for name, kept in model.held():
            if kept.stop > kept.start and name in saved:
                optimizer.state[kept.piece] = saved.piece(name, kept)
    for group, settings in zip(optimizer.param_groups, files.words["groups"]):
        group.update(settings)
    return files.words["own"]


class SavedState(Mapping):
    """Optimizer state in a checkpoint, by the name of the parameter; read when it is asked for."""

    def __init__(self, files: ShardFiles) -> None:
        self.files, self.numbers = files, files.words["numbers"]
        self.keys_of: dict[str, list[str]] = {name: [] for name in self.numbers}
        for name in files.tensors:
            if name.startswith(OPTIMIZER):
                parameter, _, key = name.removeprefix(OPTIMIZER).rpartition(".")
                self.keys_of.setdefault(parameter, []).append(key)

    def __getitem__(self, name: str) -> dict[str, Any]:
        """As an optimizer on one process has it."""
        tensors = {key: self.files.whole(f"{OPTIMIZER}{name}.{key}") for key in self.keys_of[name]}
        return {**self.numbers.get(name, {}), **tensors}

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys_of)

    def __len__(self) -> int:
        return len(self.keys_of)

    def piece(self, name: str, kept: Kept) -> dict[str, Any]:
        """Of tensors as large as the parameter, what belongs to a piece of it; others whole."""
        state = dict(self.numbers.get(name, {}))
        for key in self.keys_of[name]:
            full = f"{OPTIMIZER}{name}.{key}"
            along = self.files.shape(full) == kept.shape
            read = self.files.read(full, kept.start, kept.stop) if along else self.files.whole(full)
            state[key] = read if read.dim() == 0 else read.to(kept.piece.device)
        return state


def _comm(model: nn.Module, optimizer: torch.optim.Optimizer) -> Comm:
    for holder in (model, optimizer):
        if isinstance(holder, FullySharded | ZeroOptimizer):
            return holder.comm
    raise TypeError(
        f"Nothing is sharded in a {type(model).__name__} with a {type(optimizer).__name__}. Wrap "
        "the model in FullySharded or the optimizer in ZeroOptimizer; or use training.checkpoint."
    )


def _model_parts(model: nn.Module, comm: Comm) -> Iterator[tuple[str, Part]]:
    """What this rank writes of parameters and buffers. What all have, they share the work for."""
    if isinstance(model, FullySharded):
        for name, kept in model.held():
            yield name, Part(kept.shape, kept.start, kept.piece.detach())
        replicated = _buffers(model.module)
    else:
        replicated = {**dict(model.named_parameters()), **_buffers(model)}
    for name, tensor in replicated.items():
        (piece,) = FlatLayout([tuple(tensor.shape)], comm.n_ranks).pieces(comm.rank)
        values = tensor.detach().flatten()[piece.start : piece.stop]
        yield name, Part(tuple(tensor.shape), piece.start, values)


def _buffers(module: nn.Module) -> dict[str, Tensor]:
    """Those that belong to a module's state."""
    saved = module.state_dict().keys()
    return {name: buffer for name, buffer in module.named_buffers() if name in saved}


def _states(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[str, Part | None, dict[str, Any]]]:
    """By parameter: the part of it that this rank has state for (None: all), and the state."""
    if not isinstance(optimizer, ZeroOptimizer):
        for name, kept in model.held():
            if kept.stop > kept.start and kept.piece in optimizer.state:
                part = Part(kept.shape, kept.start, kept.piece.detach())
                yield name, part, optimizer.state[kept.piece]
        return
    names = {p: name for name, p in model.named_parameters()}
    numbers = {p: i for i, p in enumerate(names)}
    params = list(names)
    for each in optimizer.owned:
        found = own_state(each, optimizer.inner, numbers, optimizer.comm.rank)
        for number, (piece, state) in found.items():
            p, part = params[number], None
            if piece is not None:
                values = p.detach().flatten()[piece.start : piece.stop]
                part = Part(tuple(p.shape), piece.start, values)
            yield names[p], part, state


@torch.no_grad()
def _load_model(files: ShardFiles, model: nn.Module) -> None:
    sharded = isinstance(model, FullySharded)
    module = model.module if sharded else model
    pieces = dict(model.held()) if sharded else {}
    whole = {**({} if sharded else dict(module.named_parameters())), **_buffers(module)}
    check_names(files, [*pieces, *whole], MODEL)
    shapes = {name: tuple(tensor.shape) for name, tensor in whole.items()}
    for name, shape in {**shapes, **{name: kept.shape for name, kept in pieces.items()}}.items():
        if files.shape(MODEL + name) != shape:
            raise ValueError(
                f"{name} is {files.shape(MODEL + name)} in the checkpoint and {shape} here. Build "
                "the model from the config it was saved with."
            )
    for name, tensor in whole.items():
        tensor.copy_(files.whole(MODEL + name))
    for name, kept in pieces.items():
        kept.piece.copy_(files.read(MODEL + name, kept.start, kept.stop))


def _check_groups(files: ShardFiles, optimizer: torch.optim.Optimizer) -> None:
    saved = files.words["groups"]
    if len(saved) != len(optimizer.param_groups):
        raise ValueError(
            f"The optimizer was saved with {len(saved)} groups of parameters and has "
            f"{len(optimizer.param_groups)} here. Make the same groups again before loading."
        )
