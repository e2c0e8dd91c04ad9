"""From config.json to ModelConfig and back, and which family can express a model."""

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any

from lib.model.config import ModelConfig
from lib.pretrained.families import FAMILIES, write_gemma2, write_llama
from lib.pretrained.settings import Json, Settings
from lib.pretrained.window_settings import LETTERS, layer_types


def read_config(settings: Settings, ignore: Collection[str] = ()) -> tuple[str, ModelConfig]:
    """The name of the family and the model. ValueError names a setting that we cannot follow."""
    name = settings.get("model_type")
    if name not in FAMILIES:
        raise ValueError(
            f"config.json is of the family {name!r}, and we know {', '.join(FAMILIES)}. If it is "
            "one of these in disguise, write its name as model_type."
        )
    found = FAMILIES[name].read(settings)
    settings.finish(ignore)
    return name, ModelConfig(**found)


def write_config(name: str, config: ModelConfig) -> Json:
    """A config.json; ValueError names what the family cannot express."""
    if reasons := misfits(name, config):
        raise ValueError(
            f"A {name} model cannot be what this one is: {'; '.join(reasons)}. Choose another "
            "family, or save with lib.training.checkpoint, for ourselves."
        )
    family = FAMILIES[name]
    return {
        "architectures": [family.architecture],
        "model_type": name,
        **family.write(in_halves(config)),
        "dtype": config.dtype,
        "torch_dtype": config.dtype,
    }


def fitting(config: ModelConfig) -> str:
    """The first family that can express a model; ValueError says what keeps the closest from it."""
    reasons = {name: misfits(name, config) for name in FAMILIES}
    closest = min(reasons, key=lambda name: len(reasons[name]))
    if reasons[closest]:
        raise ValueError(
            f"No family can express this model. The closest is {closest}, but for "
            f"{'; '.join(reasons[closest])}. Change that, or save with lib.training.checkpoint, "
            "for ourselves."
        )
    return next(name for name in FAMILIES if not reasons[name])


def misfits(name: str, config: ModelConfig) -> list[str]:
    """What would be different if the model were written as one of this family, and read again."""
    family, config = FAMILIES[name], in_halves(config)
    if family.write in (write_llama, write_gemma2) and config.width % config.n_heads:
        return [f"transformers wants n_heads to divide width, and here {config.n_heads} does not"]
    read = essentials(ModelConfig(**family.read(Settings(family.write(config)))))
    return [
        f"{field} is {value!r} and would be {read.get(field)!r}"
        for field, value in essentials(config).items()
        if read.get(field) != value
    ]


def in_halves(config: ModelConfig) -> ModelConfig:
    """The same model after its queries and keys have been reordered, see `places.to_halves`."""
    return replace(config, positions="rope_half") if config.positions == "rope" else config


def essentials(config: ModelConfig) -> dict[str, Any]:
    """The fields that decide what a model computes, in one form for equal models."""
    found = {field.name: getattr(config, field.name) for field in fields(config)}
    for name in ("attention", "init", "dtype", "compute_dtype"):
        found.pop(name)
    found["qkv_bias"] = config.has_qkv_bias
    found["window_pattern"] = "".join(map(LETTERS.get, layer_types(config)))
    if config.window is None:
        found.pop("rope_on_full")
    if not config.positions.startswith("rope"):
        for name in ("rope_theta", "rope_fraction", "rope_scaling"):
            found.pop(name)
    return found
