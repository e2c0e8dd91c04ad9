"""What the models of the facts table chose, in a few words that can be counted.

    choice(fact("models", name="Qwen3 8B"), "norm")     "RMSNorm"
    shares("position")                                  {2019: {"learned": 0.5, ...}, ...}

The table keeps the wording of its sources. `RULES` says what each wording counts as: the first
pattern found in the cell decides. A blank cell is UNKNOWN, never a guess.
"""

import re
from collections import defaultdict

from lib.notebook.facts import Row, facts

UNKNOWN = "unknown"

# question: (columns of the table that are read, joined by "; ", {choice: pattern, in this order})
RULES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "norm": (("norm",), {"LayerNorm": "^LayerNorm", "RMSNorm": "^RMSNorm"}),
    "norm placement": (
        ("norm_position",),
        {
            "before and after": "^pre and post",  # a sandwich around the sublayer
            "after, off the stream": "^post .*inside the residual",
            "before": "^pre",
        },
    ),
    "block": (("norm_position",), {"parallel": "parallel", "serial": "."}),
    "position": (
        ("position",),
        {
            "learned": "^learned",
            "relative bias": "^relative",
            "ALiBi": "^ALiBi",
            "RoPE in part": "no position encoding|decoupled|% of head",  # of layers or coordinates
            "RoPE": "^RoPE",
        },
    ),
    "activation": (
        ("activation",),
        {"ReLU": "^ReLU", "GELU": "^GELU", "GeGLU": "^GeGLU", "SwiGLU": "^SwiGLU"},
    ),
    "key/value heads": (
        ("attention",),
        {"MHA": "^MHA", "GQA": "^GQA", "MQA": "^MQA", "MLA": "^MLA"},
    ),
    "attention span": (
        ("attention", "position"),
        {
            "some layers local": "alternating|local.*global|chunked",
            "all layers local": "sliding window",
            "full": ".",
        },
    ),
    "QK-norm": (
        ("qk_norm",),
        {"on queries and keys": "^yes", "on latents": "latents", "clipped": "clip", "none": "^no$"},
    ),
    "bias": (("bias",), {"yes": "^yes$", "only in Q, K, V": "^QKV", "no": "^no$"}),
    "embeddings": (("tied_embeddings",), {"tied": "^yes$", "separate": "^no$"}),
}


def choice(row: Row, question: str) -> str:
    """What one model of the table chose. Raises ValueError where the wording fits no rule."""
    columns, patterns = rules(question)
    cells = [row[column] for column in columns]
    if cells[0] is None:
        return UNKNOWN
    wording = "; ".join(str(cell) for cell in cells if cell is not None)
    for answer, pattern in patterns.items():
        if re.search(pattern, wording):
            return answer
    raise ValueError(
        f"{row['name']} has {wording!r} for {question!r}, which no rule reads. Add a pattern to "
        "RULES in lib/notebook/model_choices.py."
    )


def rules(question: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The columns that answer a question, and the patterns; for a table in a lecture, too."""
    if question not in RULES:
        raise LookupError(f"There is no question {question!r}. There are: {', '.join(RULES)}.")
    return RULES[question]


def answers(question: str) -> list[str]:
    """All choices in the order of the rules, those without an answer last."""
    return [*rules(question)[1], UNKNOWN]


def family(name: str) -> str:
    """The name without its size: "Llama 3.1 8B" and "Llama 3.1 405B" are one family."""
    return re.sub(r"[ -](\d[\d.]*[BMb]\S*|small|medium|large|XL|Small|Medium|Large)$", "", name)


def chosen(question: str) -> dict[str, list[str]]:
    """The names of all models by what they chose; choices that nobody made are left out."""
    found: dict[str, list[str]] = {answer: [] for answer in answers(question)}
    for row in facts("models"):
        found[choice(row, question)].append(str(row["name"]))
    return {answer: names for answer, names in found.items() if names}


def shares(question: str) -> dict[int, dict[str, float]]:
    """By year, what part of the model families made each choice; the parts sum to one.

    A family counts once, however many sizes of it the table has: where its sizes differ, each has
    an equal part of that one. Otherwise eight GPT-3 would be eight decisions.
    """
    weights: dict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(answers(question), 0))
    for sizes in families().values():
        for row in sizes:
            weights[row["year"]][choice(row, question)] += 1 / len(sizes)
    return {
        year: {answer: weight / sum(parts.values()) for answer, weight in parts.items()}
        for year, parts in sorted(weights.items())
    }


def families() -> dict[tuple[str, int], list[Row]]:
    """The rows of the table, by family and year."""
    found = defaultdict(list)
    for row in facts("models"):
        found[family(row["name"]), row["year"]].append(row)
    return dict(found)
