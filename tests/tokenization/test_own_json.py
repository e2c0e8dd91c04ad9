import json

import pytest
from sample_texts import TEXTS

from lib.tokenization.bpe import BPE
from lib.tokenization.own_json import load, save

BPES = {
    "plain": BPE.train(TEXTS.values(), n_merges=50),
    "special": BPE.train(TEXTS.values(), n_merges=3, special=["<|é🌍|>", '"\\\n']),
    "own pattern": BPE.train(TEXTS.values(), n_merges=3, pattern=r"\d+|\D"),
    "no pattern": BPE.train(TEXTS.values(), n_merges=3, pattern=None),
    "other ids": BPE(
        {b * 7: bytes([b]) for b in range(256)} | {1: b"\xff\x00"}, [(b"\xff", b"\0")]
    ),
}
BPES["whole words"] = BPE(BPES["plain"].tokens, BPES["plain"].merges, ignore_merges=True)


@pytest.mark.parametrize("name", BPES)
def test_everything_comes_back(tmp_path, name):
    save(BPES[name], tmp_path / "bpe.json")
    loaded = load(tmp_path / "bpe.json")
    assert loaded == BPES[name]
    assert list(loaded.tokens) == list(BPES[name].tokens)


def test_a_person_can_read_it(tmp_path):
    save(BPE.train("the cat in the hat", n_merges=3, pattern=None), tmp_path / "bpe.json")
    content = json.loads((tmp_path / "bpe.json").read_text(encoding="utf-8"))
    assert content["version"] == 1
    assert content["merges"] == [["t", "h"], ["th", "e"], ["the", " "]]
    assert content["tokens"]["257"] == "the"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "bpe.json is not JSON text"),
        ("[]", "says None"),
        ('{"format": "lectures/bpe", "version": 2}', r"version 1, and .* \('lectures/bpe', 2\)"),
        ('{"model": {}}', "loaders beside this one: .*huggingface_json"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "bpe.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "bpe.json")
