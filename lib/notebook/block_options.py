"""What the menus of the block builder offer: changes to a config, and who made them.

`built` applies a choice from each menu to a config, `start_of` reads the choices off a config, and
`who_uses` counts the models of the facts table.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from lib.model.choices import GATES
from lib.model.config import ModelConfig
from lib.notebook.block_parts import heads_name
from lib.notebook.facts import Row
from lib.notebook.model_choices import choice, families

WINDOW = 4096  # keys, where the config to start from has no window
AS_GIVEN = "as given"


@dataclass(frozen=True)
class Option:
    """One entry of a menu: what it changes in a config, and which models of the table have it.

    With a question and no answer, no model of the table has it.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    question: str | None = None
    answer: str | None = None
    note: str | None = None  # a word in the table's notes, where no column tells

    def has(self, row: Row) -> bool:
        """Whether a model of the table chose this."""
        if self.question is not None:
            return choice(row, self.question) == self.answer
        return self.note is not None and self.note in str(row["note"])


def _placement(placement: str, answer: str | None) -> Option:
    return Option({"norm_placement": placement, "parallel": False}, "norm placement", answer)


def _window(pattern: str, answer: str, rope_on_full: bool = True) -> Option:
    changes = {"window": WINDOW, "window_pattern": pattern, "rope_on_full": rope_on_full}
    return Option(changes, "attention span", answer)


OPTIONS: dict[str, dict[str, Option]] = {
    "norms stand": {
        "before (pre-norm)": _placement("pre", "before"),
        "on the stream (post-norm)": _placement("post", None),
        "before and after (sandwich)": _placement("sandwich", "before and after"),
        "after, off the stream": _placement("reordered", "after, off the stream"),
        "before, parallel block": Option(
            {"norm_placement": "pre", "parallel": True}, "block", "parallel"
        ),
    },
    "norm": {
        "RMSNorm": Option({"norm": "rms"}, "norm", "RMSNorm"),
        "LayerNorm": Option({"norm": "layer"}, "norm", "LayerNorm"),
        "none": Option({"norm": "none"}, "norm"),
    },
    "positions": {
        "RoPE": Option({"positions": "rope", "rope_fraction": 1.0}, "position", "RoPE"),
        "RoPE on a quarter": Option(
            {"positions": "rope", "rope_fraction": 0.25}, "position", "RoPE in part"
        ),
        "learned": Option({"positions": "learned"}, "position", "learned"),
        "sinusoidal": Option({"positions": "sinusoidal"}, "position"),
        "ALiBi": Option({"positions": "alibi"}, "position", "ALiBi"),
        "none": Option({"positions": "none"}, "position"),
    },
    "heads": {
        "GQA": Option({}, "key/value heads", "GQA"),
        "MHA": Option({}, "key/value heads", "MHA"),
        "MQA": Option({}, "key/value heads", "MQA"),
    },
    "QK-norm": {
        "none": Option({"qk_norm": None}, "QK-norm", "none"),
        "each head": Option({"qk_norm": "head"}, "QK-norm", "on queries and keys"),
        "all heads together": Option({"qk_norm": "all"}, "QK-norm", "on queries and keys"),
    },
    "attention span": {
        "all layers full": Option({"window": None, "rope_on_full": True}, "attention span", "full"),
        "window in 1 of 2 layers": _window("WF", "some layers local"),
        "window in 3 of 4 layers": _window("WWWF", "some layers local"),
        "3 of 4, full ones without RoPE": _window("WWWF", "some layers local", rope_on_full=False),
        "window in 5 of 6 layers": _window("WWWWWF", "some layers local"),
        "window in all layers": _window("W", "all layers local"),
    },
    "score cap": {
        "none": Option({"attention_softcap": None, "output_softcap": None}),
        "50": Option({"attention_softcap": 50.0, "output_softcap": 30.0}, note="soft-capped"),
    },
    "attention gate": {
        "none": Option({"attention_gate": False}),
        "sigmoid": Option({"attention_gate": True}),
    },
    "feed-forward": {
        "SwiGLU": Option({"ffn": "swiglu"}, "activation", "SwiGLU"),
        "GeGLU": Option({"ffn": "geglu"}, "activation", "GeGLU"),
        "GELU": Option({"ffn": "gelu"}, "activation", "GELU"),
        "ReLU": Option({"ffn": "relu"}, "activation", "ReLU"),
        "ReLU²": Option({"ffn": "relu2"}, "activation"),
    },
    "biases": {
        "none": Option({"bias": False, "qkv_bias": None}, "bias", "no"),
        "queries, keys, values": Option(
            {"bias": False, "qkv_bias": True}, "bias", "only in Q, K, V"
        ),
        "everywhere": Option({"bias": True, "qkv_bias": None}, "bias", "yes"),
    },
    "embeddings": {
        "separate": Option({"tied": False}, "embeddings", "separate"),
        "tied": Option({"tied": True}, "embeddings", "tied"),
    },
}


def start_of(config: ModelConfig) -> dict[str, str]:
    """The entry of every menu that a config has now; AS_GIVEN where none fits."""
    entries = {"heads": heads_name(config)}
    for name, options in OPTIONS.items():
        fitting = [entry for entry, option in options.items() if _fits(config, option)]
        entries.setdefault(name, fitting[0] if fitting else AS_GIVEN)
    return {name: entries[name] for name in OPTIONS}


def _fits(config: ModelConfig, option: Option) -> bool:
    """Whether the config has all that the option would change, or another form of it."""
    has = {name: getattr(config, name) for name in option.changes}
    if has.get("window") is not None:
        has["window"] = WINDOW  # of any size
    for name in {"positions", "ffn"} & has.keys():
        has[name] = has[name].removesuffix("_half").removesuffix("_tanh")
    return has == option.changes


def built(base: ModelConfig, chosen: dict[str, str]) -> ModelConfig:
    """The config after all choices {menu: entry}; what it has already stays exactly as it is."""
    changes: dict[str, Any] = {}
    new = {name: entry for name, entry in chosen.items() if entry != start_of(base)[name]}
    for name, entry in new.items():
        changes |= OPTIONS[name][entry].changes
    if changes.get("window") is not None and base.window is not None:
        changes["window"] = base.window
    if "heads" in new:
        heads = {"MHA": base.n_heads, "GQA": _groups(base), "MQA": 1}
        changes["n_kv_heads"] = heads[new["heads"]]
    gated = changes.get("ffn", base.ffn) in GATES
    if gated != base.is_gated:
        changes["ff_width"] = round(base.ff_width * (2 / 3 if gated else 3 / 2))
    return replace(base, **changes)


def _groups(base: ModelConfig) -> int:
    """Key/value heads of the base if it shares them, else a fourth of the heads."""
    shared = 1 < base.n_kv_heads < base.n_heads
    return base.n_kv_heads if shared else max(1, base.n_heads // 4)


def who_uses(option: Option) -> str:
    """How many families of the table, since when, and some of the latest, of different makers."""
    if option.question is None and option.note is None:
        return "The table does not tell who does."
    users: dict[str, tuple[int, str]] = {}
    for (name, year), rows in families().items():
        if any(option.has(row) for row in rows):
            users[name] = (year, str(rows[0]["org"]))
    n = len(families())
    if not users:
        return f"None of the {n} model families in the table."
    examples: dict[str, str] = {}  # one of each maker, the latest first
    for name, (_, org) in sorted(users.items(), key=lambda user: -user[1][0]):
        examples.setdefault(org, name)
    first = min(year for year, _ in users.values())
    some = ", ".join(list(examples.values())[:3])
    return f"{len(users)} of {n} model families, first in {first}: {some}."
