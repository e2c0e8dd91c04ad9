"""Tensors of a checkpoint as the weights of a Transformer, and back."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.pretrained.families import Family
from lib.pretrained.layouts import is_turned, to_halves
from lib.pretrained.shards import DTYPES, Header, read_headers, read_tensors, write_tensors

# What older versions stored besides weights: angles of RoPE, and the causal mask.
BUFFERS = re.compile(r"\.(rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias)$")
OUTPUT, EMBEDDING = "output.weight", "embedding.weight"
NAMED = 5  # in an error


class Place(NamedTuple):
    """What one tensor of theirs is to us: one weight, or several joined along the outputs."""

    ours: tuple[str, ...]
    turned: bool

    def theirs(self, parts: list[Tensor]) -> Tensor:
        """Our weights in their form."""
        joined = parts[0] if len(parts) == 1 else torch.cat(parts)
        return joined.T if self.turned else joined

    def split(self, tensor: Tensor) -> list[Tensor]:
        """Their tensor in our form. One that is stored as ours is not copied."""
        if self.turned:
            tensor = tensor.T
        if not self.turned and len(self.ours) == 1:
            return [tensor]
        return [part.contiguous() for part in tensor.chunk(len(self.ours))]


# Reading


def load_weights(
    folder: Path,
    family: Family,
    config: ModelConfig,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
) -> Transformer:
    """The model of `config` with the tensors of a folder, each read once.

    As stored they stay in the mapped file; in another dtype or on another device they are copied
    one by one. ValueError counts and names what is missing, unknown, or of another shape.
    """
    with torch.device("meta"):
        model = Transformer(config)
    shapes = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    headers = {
        name: header for name, header in read_headers(folder).items() if not BUFFERS.search(name)
    }
    _check(folder, headers, family, shapes)
    weights: dict[str, Tensor] = {}
    for name, tensor in read_tensors(headers):
        place = place_of(name, family)
        for ours, part in zip(place.ours, place.split(tensor)):
            weights[ours] = part.to(device=device, dtype=dtype)
    if config.tied:
        _drop_copy(weights)
    model.load_state_dict(weights, assign=True)
    return model.eval()


def stored_dtype(folder: Path) -> str:
    """The one dtype of all tensors, by torch's name."""
    names = sorted({header.dtype for header in read_headers(folder).values()})
    if unknown := [name for name in names if name not in DTYPES.values()]:
        raise ValueError(
            f"{folder} has tensors of dtype {', '.join(unknown)}: the model is quantised, and we "
            "have no products of such numbers. Let transformers dequantise and save it."
        )
    if len(names) > 1:
        raise ValueError(
            f"{folder} has tensors of several dtypes: {', '.join(names)}. Say which the model is "
            f"to have, with dtype={names[-1]!r}."
        )
    return names[0]


def place_of(name: str, family: Family) -> Place | None:
    """What a tensor of theirs is to us; None if it is nothing we know."""
    module, _, kind = name.removeprefix(family.prefix).rpartition(".")
    layer = next(iter(re.findall(r"\.(\d+)\.", module)), "")
    ours = family.names.get(module.replace(f".{layer}.", ".{}.", 1))
    if ours is None or kind not in ("weight", "bias"):
        return None
    places = tuple(f"{part.format(layer)}.{kind}" for part in ours.split())
    return Place(places, is_turned(module, kind))


def _check(
    folder: Path,
    headers: Mapping[str, Header],
    family: Family,
    shapes: Mapping[str, tuple[int, ...]],
) -> None:
    unknown, other_shape, missing = [], [], dict(shapes)
    tied = {} if OUTPUT in shapes else {OUTPUT: shapes[EMBEDDING]}  # may be stored all the same
    for name, header in headers.items():
        place = place_of(name, family)
        if place is None or not all(ours in (shapes | tied) for ours in place.ours):
            unknown.append(name)
            continue
        expected = _their_shape(place, [(shapes | tied)[ours] for ours in place.ours])
        if header.shape != expected:
            other_shape.append(f"{name} is {header.shape} instead of {expected}")
        for ours in place.ours:
            missing.pop(ours, None)
    if missing or unknown or other_shape:
        raise ValueError(
            f"The tensors in {folder} are not those that its config.json describes: "
            f"{len(missing)} of {len(shapes)} are missing{_named(missing)}, {len(unknown)} are "
            f"unknown{_named(unknown)}, {len(other_shape)} have another shape"
            f"{_named(other_shape)}. Do the files belong together?"
        )


def _their_shape(place: Place, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    joined = (sum(shape[0] for shape in shapes), *shapes[0][1:])
    return joined[::-1] if place.turned else joined


def _named(names: Collection[str]) -> str:
    some = [*names][:NAMED] + ["..."] * (len(names) > NAMED)
    return f" ({', '.join(some)})" if names else ""


def _drop_copy(weights: dict[str, Tensor]) -> None:
    """Of a table that serves twice some files have two copies, which must be the same."""
    copy = weights.pop(OUTPUT, None)
    if copy is not None and not torch.equal(copy, weights[EMBEDDING]):
        raise ValueError(
            "config.json says that the output is the embedding table (tie_word_embeddings), but "
            'the file has two different ones. Set "tie_word_embeddings": false there if the second '
            "one is meant to be used."
        )


# Writing


def save_weights(
    folder: Path, family: Family, model: Transformer, dtype: torch.dtype, shard_bytes: int
) -> None:
    """Write the weights of a model under the names and in the form of a family."""
    weights = model.state_dict()
    places = dict(_their_names(family, model.config, weights))

    def make(name: str) -> Tensor:
        place = places[name]
        parts = [to_halves(ours, weights[ours], model.config) for ours in place.ours]
        return place.theirs(parts).to(device="cpu", dtype=dtype)

    sizes = {
        name: dtype.itemsize * sum(weights[ours].numel() for ours in place.ours)
        for name, place in places.items()
    }
    write_tensors(folder, sizes, make, shard_bytes)


def _their_names(
    family: Family, config: ModelConfig, weights: Mapping[str, Tensor]
) -> Iterator[tuple[str, Place]]:
    """The name of every tensor of theirs, layer by layer."""
    rows = list(family.names)
    layered = [row for row in rows if "{}" in row]
    first = rows.index(layered[0])
    modules = rows[:first]
    modules += [row.format(layer) for layer in range(config.n_layers) for row in layered]
    modules += [row for row in rows[first:] if row not in layered]
    for module in modules:
        for kind in ("weight", "bias"):
            name = f"{'' if module == 'lm_head' else family.prefix}{module}.{kind}"
            place = place_of(name, family)
            if place is not None and place.ours[0] in weights:
                yield name, place
