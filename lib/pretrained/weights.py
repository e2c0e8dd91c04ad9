"""Tensors of a checkpoint as the weights of a Transformer, and back."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.pretrained.families import Family
from lib.pretrained.places import Place, full_name, places, to_halves
from lib.pretrained.shards import DTYPES, Header, read_headers, read_tensors, write_tensors

# What older versions stored besides weights: angles of RoPE, and the causal mask.
BUFFERS = re.compile(r"\.(rotary_emb\.inv_freq|attn\.bias|attn\.masked_bias)$")
OUTPUT = "lm_head.weight"
NAMED = 5  # in an error


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
    expected, headers = dict(places(family, config, shapes)), weight_headers(folder)
    if config.tied:  # the table may be stored twice all the same
        expected[OUTPUT] = Place(("embedding.weight",), turned=False)
    found = {full_name(name, family): header for name, header in headers.items()}
    optional = {OUTPUT} if config.tied else set()
    _check(folder, found, {name: expected[name].shape(shapes) for name in expected}, optional)
    weights: dict[str, Tensor] = {}
    for name, tensor in read_tensors(headers):
        place = expected[full_name(name, family)]
        for ours, part in zip(place.ours, place.split(tensor), strict=True):
            part = part.to(device=device, dtype=dtype)
            _check_copy(part, weights.setdefault(ours, part))
    model.load_state_dict(weights, assign=True)
    return model.eval()


def save_weights(
    folder: Path, family: Family, model: Transformer, dtype: torch.dtype, shard_bytes: int
) -> None:
    """Write the weights of a model under the names and in the form of a family."""
    weights, config = model.state_dict(), model.config
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    wanted = dict(places(family, config, shapes))

    def make(name: str) -> Tensor:
        parts = [to_halves(ours, weights[ours], config) for ours in wanted[name].ours]
        return wanted[name].join(parts).to(device="cpu", dtype=dtype)

    sizes = {
        name: dtype.itemsize * sum(weights[ours].numel() for ours in place.ours)
        for name, place in wanted.items()
    }
    write_tensors(folder, sizes, make, shard_bytes)


def weight_headers(folder: Path) -> dict[str, Header]:
    """All tensors of a checkpoint but buffers. ValueError if they are quantised."""
    headers = {
        name: header for name, header in read_headers(folder).items() if not BUFFERS.search(name)
    }
    if other := {header.dtype for header in headers.values()} - set(DTYPES.values()):
        raise ValueError(
            f"{folder} has tensors of dtype {', '.join(sorted(other))}: the model is quantised, "
            "and we have no products of such numbers. Let transformers dequantise and save it."
        )
    return headers


def stored_dtype(folder: Path) -> str:
    """The one dtype of all weights, by torch's name."""
    names = sorted({header.dtype for header in weight_headers(folder).values()})
    if len(names) > 1:
        raise ValueError(
            f"{folder} has tensors of several dtypes: {', '.join(names)}. Say which the model is "
            f"to have, with dtype={names[-1]!r}."
        )
    return names[0]


def _check(
    folder: Path,
    found: Mapping[str, Header],
    expected: Mapping[str, tuple[int, ...]],
    optional: Collection[str],
) -> None:
    """All that are expected are there, in their shape, and no others."""
    missing = [name for name in expected if name not in found and name not in optional]
    unknown = [name for name in found if name not in expected]
    other_shape = [
        f"{name} is {header.shape} instead of {expected[name]}"
        for name, header in found.items()
        if name in expected and header.shape != expected[name]
    ]
    if missing or unknown or other_shape:
        raise ValueError(
            f"The tensors in {folder} are not those that its config.json describes: "
            f"{len(missing)} of {len(expected)} are missing{_named(missing)}, {len(unknown)} are "
            f"unknown{_named(unknown)}, {len(other_shape)} have another shape"
            f"{_named(other_shape)}. Do the files belong together?"
        )


def _named(names: list[str]) -> str:
    some = names[:NAMED] + ["..."] * (len(names) > NAMED)
    return f" ({', '.join(some)})" if names else ""


def _check_copy(copy: Tensor, first: Tensor) -> None:
    """Of a table that serves twice some files have two copies, which must be the same."""
    if copy is not first and not torch.equal(copy, first):
        raise ValueError(
            "config.json says that the output is the embedding table (tie_word_embeddings), but "
            'the file has two different ones. Set "tie_word_embeddings": false there if the second '
            "one is meant to be used."
        )
