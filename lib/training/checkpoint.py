"""Checkpoints that a crash cannot spoil: each is there whole, or is passed over.

A checkpoint is a folder: `model.safetensors` has the weights alone, for whoever wants to use the
model; `training.safetensors` and `state.json` have what else it takes to go on as if nothing had
happened; `manifest.json` has size and hash of the three. All are written under another name and
reach the disk before a single rename makes them a checkpoint. Processes on a mesh write a folder
`sharded` in place of the two with tensors (`sharded_checkpoint`), which is read here as well.
"""

import hashlib
import json
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from lib.training.tensor_tree import flatten, unflatten

MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"
MANIFEST, SHARDED = "manifest.json", "sharded"
UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved after a step."""

    step: int
    weights: dict[str, Tensor]
    state: dict[str, Any]  # a tree of numbers, words and tensors


def save(folder: Path, checkpoint: Checkpoint, keep: int = 3) -> Path:
    """Write a checkpoint below `folder`, remove all but the newest `keep`, and return its path.

    If the process is killed meanwhile, the earlier ones are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    final = folder / f"step-{checkpoint.step:08d}"
    unfinished = folder / f"{UNFINISHED}{final.name}"
    unfinished.mkdir()
    _write(unfinished, checkpoint)
    publish(unfinished, final, keep)
    return final


def load_latest(folder: Path) -> Checkpoint:
    """The newest checkpoint that is whole. Warns of newer ones that are not, saying why.

    Raises FileNotFoundError if there is none.
    """
    for path in reversed(paths(folder)):
        if (damage := find_damage(path)) is None:
            return load(path)
        warnings.warn(f"Passing over the checkpoint {path}: {damage}", stacklevel=2)
    raise FileNotFoundError(
        f"There is no whole checkpoint in {folder}. Start the run from its beginning, with train."
    )


def load(path: Path) -> Checkpoint:
    """The checkpoint in one folder, on the CPU; `find_damage` says whether it can be trusted."""
    saved = json.loads((path / STATE).read_text(encoding="utf-8"))
    if (path / SHARDED).exists():
        return _load_sharded(path, saved)
    state = unflatten(saved["state"], load_file(path / TRAINING))
    return Checkpoint(saved["step"], load_file(path / MODEL), state)


def paths(folder: Path) -> list[Path]:
    """The checkpoints below a folder, from the oldest to the newest."""
    return sorted(folder.glob("step-*"), key=lambda path: (len(path.name), path.name))


def find_damage(path: Path) -> str | None:
    """A sentence about what is wrong with a checkpoint, or None. Reads all of it."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        for name in _files(manifest):
            wanted, found = manifest[name], fingerprint(path / name)
            if found["bytes"] != wanted["bytes"]:
                return f"{name} has {found['bytes']} bytes instead of {wanted['bytes']}."
            if found != wanted:
                return f"{name} has changed since it was written (its SHA-256 differs)."
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing."
    except (ValueError, KeyError, TypeError):
        return f"{MANIFEST} cannot be read."
    return None


def publish(unfinished: Path, final: Path, keep: int) -> None:
    """Make a checkpoint of a folder with all of its files, and remove all but the newest `keep`."""
    for file in unfinished.iterdir():
        if file.is_file():
            with open(file, "r+b") as opened:
                os.fsync(opened.fileno())
        else:
            _sync(file)  # whoever wrote into it has taken care of the files
    _sync(unfinished)
    if final.exists():  # of a run that was set back to before it
        _remove(final)
    os.replace(unfinished, final)
    _sync(final.parent)
    for path in paths(final.parent)[:-keep]:
        _remove(path)


def sweep(folder: Path) -> None:
    """Remove what a killed process has left unfinished."""
    for path in list(folder.glob(f"{UNFINISHED}*")):
        shutil.rmtree(path)


def write_json(path: Path, content: Any) -> None:
    """One of the files of a checkpoint."""
    path.write_text(json.dumps(content), encoding="utf-8", newline="\n")


def fingerprint(path: Path) -> dict[str, Any]:
    """Size and hash of a file, for the manifest."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


def _files(manifest: dict[str, Any]) -> list[str]:
    """What has to be there."""
    parts = [name for name in manifest if name.startswith(f"{SHARDED}/")]
    return [STATE, f"{SHARDED}/.metadata", *parts] if parts else [MODEL, TRAINING, STATE]


def _load_sharded(path: Path, saved: dict[str, Any]) -> Checkpoint:
    """What processes on a mesh have written, as if one had."""
    from lib.training import sharded_files  # a second of imports that others save

    tensors = sharded_files.read_whole(path / SHARDED)
    weights = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
    of_optimizer = [(n, t) for n, t in tensors.items() if n.startswith("optimizer/")]
    by_name = sharded_files.from_names(of_optimizer)
    by_number = {i: by_name[n] for i, n in enumerate(saved["order"]) if n in by_name}
    state = saved["state"] | {"optimizer": by_number, "random": tensors["random"]}
    return Checkpoint(saved["step"], weights, state)


def _write(path: Path, checkpoint: Checkpoint) -> None:
    flat, tensors = flatten(checkpoint.state)
    save_file(
        {name: t.detach().contiguous() for name, t in checkpoint.weights.items()}, path / MODEL
    )
    save_file(tensors, path / TRAINING)
    write_json(path / STATE, {"step": checkpoint.step, "state": flat})
    fingerprints = {name: fingerprint(path / name) for name in (MODEL, TRAINING, STATE)}
    write_json(path / MANIFEST, fingerprints)


def _remove(path: Path) -> None:
    """By a rename first, so that what is half removed does not look like a checkpoint."""
    doomed = path.with_name(f"{UNFINISHED}old-{path.name}")
    os.replace(path, doomed)
    shutil.rmtree(doomed)


def _sync(folder: Path) -> None:
    """Names reach the disk with their folder; Windows neither needs nor allows that."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
