"""config.json, read so that nothing in it is passed over.

Every setting is one that a family asks for, one that cannot change the model's numbers (HARMLESS),
or one that has no effect at the value it has (IDLE). Anything else is refused by name and value:
a model that is loaded without it might compute something else, and nobody would notice.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

Json = dict[str, Any]

CONFIG = "config.json"

HARMLESS = {
    # about the file and the software
    *("architectures", "_name_or_path", "name_or_path", "transformers_version", "dtype"),
    *("torch_dtype", "is_llama_config", "transformers.js_config", "n_ctx", "model_type"),
    # ids, which `load` reads by itself
    *("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id"),
    # of training alone
    *("initializer_range", "attention_dropout", "hidden_dropout", "gradient_checkpointing"),
    *("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    # of how it is computed, not what
    *("use_cache", "cache_implementation", "pretraining_tp", "_attn_implementation"),
    *("attn_implementation", "reorder_and_upcast_attn", "output_attentions"),
    *("output_hidden_states", "return_dict", "_from_model_config", "chunk_size_feed_forward"),
    # of generation, and of outputs that we do not have
    *("task_specific_params", "id2label", "label2id", "num_labels", "problem_type"),
    *("summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type"),
    *("summary_use_proj", "predict_special_tokens"),
}
IDLE = {  # without effect at these values
    "quantization_config": (None,),
    "rope_interleaved": (False,),
    "use_mrope": (False,),
    "partial_rotary_factor": (None, 1.0),
    "use_bidirectional_attention": (None, False),
    "clip_qkv": (None,),
    "add_cross_attention": (False,),
    "is_encoder_decoder": (False,),
    "is_decoder": (False, True),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
}


class Settings:
    """The settings of one model, noting which have been asked for."""

    def __init__(self, content: Json, asked_for: Collection[str] = ()) -> None:
        self.content, self.asked_for = content, set(asked_for)

    @classmethod
    def from_folder(cls, folder: Path) -> "Settings":
        """Those of a checkpoint."""
        path = folder / CONFIG
        if not path.exists():
            raise FileNotFoundError(
                f"{folder} has no {CONFIG}. Give the folder that holds it: for a model from "
                "Hugging Face's cache that is .../snapshots/<hash>."
            )
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def __getitem__(self, name: str) -> Any:
        """A setting that must be there."""
        if self.get(name) is None:
            raise ValueError(f"{CONFIG} does not say {name}, without which there is no model.")
        return self.content[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A setting, or what transformers takes it for if it is not there."""
        self.asked_for.add(name)
        return self.content.get(name, default)

    def choose(self, name: str, choices: dict[Any, Any], default: Any) -> Any:
        """What one of several values means."""
        value = self.get(name, default)
        if value not in choices:
            known = ", ".join(map(repr, choices))
            raise self.refused(name, f"We have what it calls {known}.")
        return choices[value]

    def finish(self, ignore: Collection[str] = ()) -> None:
        """Refuse what is left, unless it is harmless, idle, or to be ignored."""
        for name, value in self.content.items():
            if name in self.asked_for or name in HARMLESS or name in ignore:
                continue
            if not any(value == idle for idle in IDLE.get(name, ())):
                raise self.refused(name, "Our Transformer has nothing to do with that.")

    def refused(self, name: str, reason: str) -> ValueError:
        """The error for a setting at its value."""
        return ValueError(
            f"{CONFIG} has {name} = {json.dumps(self.content.get(name))[:200]}. {reason} "
            "Loaded without it, the model would compute something else. If you know better, pass "
            f"ignore=[{name!r}]; else use transformers for this model."
        )

    def harmless(self) -> Json:
        """What may be passed on to another config.json of the same model, as it is."""
        return {name: value for name, value in self.content.items() if name in HARMLESS}
