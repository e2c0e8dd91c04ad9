"""A model as a folder that `transformers` and everything built on it can load."""

import json
import os
from pathlib import Path

import torch

from lib.model.choices import DType
from lib.pretrained.config_json import fitting, write_config
from lib.pretrained.families import FAMILIES
from lib.pretrained.folder import new_folder
from lib.pretrained.load import Pretrained
from lib.pretrained.settings import CONFIG
from lib.pretrained.tokenizer_files import token_ids, write_text
from lib.pretrained.weights import save_weights

SHARD_BYTES = 5_000_000_000


def save_pretrained(
    pretrained: Pretrained,
    folder: str | os.PathLike,
    *,
    dtype: DType | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> Path:
    """Write config, weights and tokenizer to a new folder, and return it.

    One's own model is saved as `save_pretrained(Pretrained(model), folder)`, if a family can
    express it; ValueError says what is in the way. `dtype` is that of the model unless given.
    Nothing is left behind if this is interrupted.
    """
    model, text, folder = pretrained.model, pretrained.text, Path(folder)
    name = pretrained.family or fitting(model.config)
    dtype = dtype or model.config.dtype
    written = {**write_config(name, model.config), "dtype": dtype, "torch_dtype": dtype}
    with new_folder(folder) as unfinished:
        content = {**pretrained.settings, **token_ids(text), **written}
        config = json.dumps(dict(sorted(content.items())), indent=2) + "\n"
        (unfinished / CONFIG).write_text(config, encoding="utf-8", newline="\n")
        write_text(unfinished, text, model.config.context)
        save_weights(unfinished, FAMILIES[name], model, getattr(torch, dtype), shard_bytes)
    return folder
