"""A folder with a published model, as a Transformer of ours with its tokenizer."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from lib.model.choices import Attention, DType
from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.pretrained.config_json import read_config
from lib.pretrained.families import FAMILIES
from lib.pretrained.settings import Json, Settings
from lib.pretrained.tokenizer_files import AnyBPE, Text, read_text
from lib.pretrained.weights import load_weights, stored_dtype


@dataclass(frozen=True)
class Pretrained:
    """A model and what it takes to use it. `save.save_pretrained` writes one."""

    model: Transformer
    text: Text = field(default_factory=Text)
    family: str | None = None  # as config.json calls it; None: the first that fits
    settings: Json = field(default_factory=dict, repr=False)  # without effect, passed on

    @property
    def config(self) -> ModelConfig:
        """Of the model."""
        return self.model.config

    @property
    def tokenizer(self) -> AnyBPE | None:
        """Of the text; None if the folder had none."""
        return self.text.tokenizer

    @property
    def chat_template(self) -> str | None:
        """A conversation as one text, in Jinja."""
        return self.text.chat_template

    def encode(self, text: str, allowed_special: str | Collection[str] = ()) -> list[int]:
        """The ids of a text as the model is used to see it, with what belongs around it."""
        if self.tokenizer is None:
            raise ValueError("This model came without a tokenizer. Give it ids.")
        before, after = self.text.template
        return [*before, *self.tokenizer.encode(text, allowed_special), *after]


def load_pretrained(
    folder: str | os.PathLike,
    *,
    dtype: DType | None = None,
    compute_dtype: DType | None = None,
    attention: Attention = "plain",
    device: torch.device | str = "cpu",
    with_tokenizer: bool = True,
    ignore: Collection[str] = (),
) -> Pretrained:
    """Load a checkpoint of one of `families.FAMILIES`, in evaluation mode.

    `dtype` is that of the weights, as stored unless given: then nothing is copied, and the file
    must stay as it is while the model is in use. `ignore` names settings of config.json that are
    known to be without effect. ValueError says what of the model cannot be had here.
    """
    folder = Path(folder)
    settings = Settings.from_folder(folder)
    family, config = read_config(settings, ignore)
    dtype = dtype or stored_dtype(folder)
    config = replace(config, dtype=dtype, compute_dtype=compute_dtype or dtype, attention=attention)
    text = read_text(folder, settings.content, with_tokenizer)
    model = load_weights(folder, FAMILIES[family], config, getattr(torch, dtype), device)
    return Pretrained(model, text, family, settings.harmless())
