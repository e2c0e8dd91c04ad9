"""RoPE in config.json, as it is written today and as it was before."""

from typing import Any

from lib.model.config import ModelConfig
from lib.pretrained.settings import Json, Settings

LLAMA3 = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")


def read_rope(settings: Settings) -> dict[str, Any]:
    """The fields of ModelConfig that say how queries and keys turn."""
    rope = _merged(settings)
    kind = rope.pop("rope_type", rope.pop("type", "default"))
    rope.pop("type", None)
    fields = {"positions": "rope_half", "rope_theta": float(rope.pop("rope_theta"))}
    if rope.pop("partial_rotary_factor", 1.0) != 1.0:
        raise _refused(settings, "These models turn all coordinates of a head.")
    if kind == "llama3":
        *factors, context = (rope.pop(name) for name in LLAMA3)
        fields["rope_scaling"] = (*map(float, factors), context)
    elif kind != "default":
        raise _refused(settings, f"We have RoPE without scaling and 'llama3', not {kind!r}.")
    if rope:
        raise _refused(settings, f"We do not know what {', '.join(sorted(rope))} would be.")
    return fields


def write_rope(config: ModelConfig) -> Json:
    """Both ways to write it, so that old and new readers find theirs."""
    rope: Json = {"rope_type": "default"}
    if config.rope_scaling is not None:
        rope = {"rope_type": "llama3", **dict(zip(LLAMA3, config.rope_scaling))}
    return {
        "rope_theta": config.rope_theta,
        "rope_scaling": rope if config.rope_scaling is not None else None,
        "rope_parameters": {**rope, "rope_theta": config.rope_theta},
    }


def _merged(settings: Settings) -> Json:
    """One dictionary of the three settings, if they do not contradict each other."""
    theta = settings.get("rope_theta")
    old, new = settings.get("rope_scaling") or {}, settings.get("rope_parameters") or {}
    merged: Json = {}
    for part in ({} if theta is None else {"rope_theta": theta}, old, new):
        if any(merged.get(name, value) != value for name, value in part.items()):
            raise _refused(settings, "What rope_theta, rope_scaling and it say is not the same.")
        merged |= part
    if any(isinstance(value, dict) for value in merged.values()):
        raise _refused(settings, "We turn by the same angles in all layers.")
    return {"rope_theta": 10_000.0, **merged}


def _refused(settings: Settings, reason: str) -> ValueError:
    name = "rope_parameters" if settings.get("rope_parameters") else "rope_scaling"
    return settings.refused(name, reason)
