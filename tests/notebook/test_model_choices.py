"""Every wording in the table of models counts as one choice, and families count once."""

import pytest

from lib.notebook.facts import fact, facts
from lib.notebook.model_choices import (
    RULES,
    UNKNOWN,
    answers,
    choice,
    chosen,
    families,
    family,
    shares,
)


@pytest.mark.parametrize("question", RULES)
def test_every_model_has_one_answer_and_every_rule_is_used(question):
    found = chosen(question)
    assert sum(map(len, found.values())) == len(facts("models"))
    assert [a for a in answers(question) if a not in found] in ([], [UNKNOWN])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GPT-2 XL", "LayerNorm; before; serial; learned; GELU; MHA; full; none"),
        ("PaLM 540B", "LayerNorm; before; parallel; RoPE; SwiGLU; MQA; full; none"),
        (
            "Gemma 2 9B",
            "RMSNorm; before and after; serial; RoPE; GeGLU; GQA; some layers local; none",
        ),
        (
            "OLMo 2 7B",
            "RMSNorm; after, off the stream; serial; RoPE; SwiGLU; MHA; full; on queries and keys",
        ),
        (
            "Llama 4 Scout 17Bx16E",
            "RMSNorm; before; serial; RoPE in part; SwiGLU; GQA; some layers local; "
            "on queries and keys",
        ),
        (
            "DeepSeek-V3",
            "RMSNorm; before; serial; RoPE in part; SwiGLU; MLA; full; on latents",
        ),
    ],
)
def test_well_known_models(name, expected):
    row = fact("models", name=name)
    assert "; ".join(choice(row, question) for question in list(RULES)[:8]) == expected


def test_a_blank_cell_is_unknown_and_a_new_wording_an_error():
    row = fact("models", name="GPT-2 XL")
    assert choice({**row, "norm": None}, "norm") == UNKNOWN
    with pytest.raises(ValueError, match=r"'DynamicTanh'.*no rule reads"):
        choice({**row, "norm": "DynamicTanh"}, "norm")
    with pytest.raises(LookupError, match="no question 'colour'"):
        choice(row, "colour")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GPT-2 small", "GPT-2"),
        ("T5-11B", "T5"),
        ("Llama 3.1 405B", "Llama 3.1"),
        ("Llama 4 Scout 17Bx16E", "Llama 4 Scout"),
        ("Qwen3 30B-A3B", "Qwen3"),
        ("gpt-oss-120b", "gpt-oss"),
        ("DeepSeek-V3", "DeepSeek-V3"),
        ("Phi-3-mini", "Phi-3-mini"),
    ],
)
def test_a_family_is_the_name_without_its_size(name, expected):
    assert family(name) == expected


def test_shares_by_hand(monkeypatch):
    names = ["LLaMA 1 7B", "Llama 2 7B", "Llama 2 13B", "Llama 2 70B", "Falcon 7B", "Falcon 40B"]
    rows = [fact("models", name=name) for name in names]
    monkeypatch.setattr("lib.notebook.model_choices.facts", lambda table: rows)
    assert len(families()) == 3
    # Llama 2 has MHA, MHA and GQA, Falcon MQA and GQA
    in_2023 = {answer: share for answer, share in shares("key/value heads")[2023].items() if share}
    assert in_2023 == pytest.approx(
        {"MHA": (1 + 2 / 3) / 3, "GQA": (1 / 3 + 1 / 2) / 3, "MQA": (1 / 2) / 3}
    )


@pytest.mark.parametrize("question", RULES)
def test_shares_sum_to_one(question):
    for parts in shares(question).values():
        assert sum(parts.values()) == pytest.approx(1)
