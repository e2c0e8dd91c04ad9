"""Files of ids for learners without a tokenizer: against the tokenizer itself, byte by byte."""

import json

import numpy as np

from lib.corpora.documents import END_OF_TEXT
from lib.grading import ready_tokens

TRAIN = f"the cat sat on the mat{END_OF_TEXT}the rat sat on the cat{END_OF_TEXT}"
VALID = f"the mat sat on the rät{END_OF_TEXT}"


def test_ids_are_those_of_the_tokenizer_trained_on_the_first_text(tmp_path):
    for part, text in (("train", TRAIN), ("valid", VALID)):
        (tmp_path / f"pets-{part}.txt").write_text(text, encoding="utf-8", newline="\n")
    bpe = ready_tokens.make(tmp_path / "pets", 265)
    assert bpe.vocab_size == 265
    vocabulary = json.loads((tmp_path / "pets.json").read_text(encoding="utf-8"))
    assert vocabulary["end_id"] == bpe.special[END_OF_TEXT] == 264
    for part, text in (("train", TRAIN), ("valid", VALID)):
        data = (tmp_path / f"pets-{part}.ids").read_bytes()
        ids = np.frombuffer(data, "<u2").tolist()
        assert ids == bpe.encode(text, "all")
        spelled = "".join(vocabulary["vocab"][str(id)] for id in ids)
        assert spelled.encode("latin-1").decode() == text
    names = {path.name for path in tmp_path.iterdir()}
    files = {f"pets-{part}.{end}" for part in ("train", "valid") for end in ("txt", "ids")}
    assert names == files | {"pets.json"}


def test_the_command_says_how_much_there_is(tmp_path, capsys):
    for part, text in (("train", TRAIN), ("valid", VALID)):
        (tmp_path / f"pets-{part}.txt").write_text(text, encoding="utf-8", newline="\n")
    ready_tokens.main(str(tmp_path / "pets"), "265")
    n_ids = (tmp_path / "pets-valid.ids").stat().st_size // 2
    assert f"pets-valid.ids: {n_ids} ids, of 265 tokens" in capsys.readouterr().out
