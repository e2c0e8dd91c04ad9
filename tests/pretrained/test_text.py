"""Tokenizers and what else belongs to text: read, used as transformers does, passed on."""

import json
from dataclasses import replace

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from lib.model.config import ModelConfig
from lib.model.transformer import Transformer
from lib.pretrained.load import Pretrained, load_pretrained
from lib.pretrained.save import save_pretrained
from lib.pretrained.tokenizer_files import Text
from lib.tokenization.bpe import BPE
from lib.tokenization.gpt2_files import save_gpt2
from lib.tokenization.huggingface_template import Template
from lib.tokenization.sentencepiece_bpe import BYTES, SentencePieceBPE

LINES = ["It was the best of times, it was the worst of times.", "Größe 12  ½\n\n<|end|>ab"]
CHAT = "{% for m in messages %}<|start|>{{ m['content'] }}<|end|>{% endfor %}"


@pytest.fixture
def with_tokenizer(their_folder, tmp_path):
    """A checkpoint of transformers with a byte-level tokenizer, as Llama 3 has it."""
    bpe = Tokenizer(models.BPE(ignore_merges=True))
    bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(vocab_size=300, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    bpe.train_from_iterator(LINES, trainer)
    bpe.add_special_tokens([AddedToken(t, normalized=False) for t in ("<|start|>", "<|end|>")])
    start = bpe.token_to_id("<|start|>")
    around = processors.TemplateProcessing(
        single="<|start|> $A", pair="<|start|> $A $B", special_tokens=[("<|start|>", start)]
    )
    bpe.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), around])
    theirs = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|start|>", eos_token="<|end|>", chat_template=CHAT
    )
    theirs.save_pretrained(tmp_path)
    for name in ("config.json", "model.safetensors", "generation_config.json"):
        (tmp_path / name).write_bytes((their_folder("llama") / name).read_bytes())
    return tmp_path, theirs


def test_a_text_as_the_model_expects_it(with_tokenizer):
    folder, theirs = with_tokenizer
    ours = load_pretrained(folder)
    for line in LINES:
        assert ours.encode(line, "all") == theirs(line).input_ids
        assert ours.tokenizer.decode(theirs(line).input_ids) == "<|start|>" + line
    assert ours.encode("<|end|>") != theirs("<|end|>").input_ids  # unless it is allowed
    assert ours.chat_template == CHAT


def test_everything_is_passed_on(with_tokenizer, tmp_path):
    folder, theirs = with_tokenizer
    (folder / "generation_config.json").write_text('{"eos_token_id": [2, 7], "top_p": 0.9}')
    ours = load_pretrained(folder)
    assert ours.text.eos_ids == (2, 7)
    save_pretrained(ours, tmp_path / "again")
    for file in folder.iterdir():
        if file.name not in ("config.json", "model.safetensors", "again"):
            assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    again = AutoTokenizer.from_pretrained(tmp_path / "again")
    assert again(LINES[1]).input_ids == theirs(LINES[1]).input_ids
    chat = [{"role": "user", "content": "hi"}]
    assert again.apply_chat_template(chat, tokenize=False) == "<|start|>hi<|end|>"
    config = json.loads((tmp_path / "again" / "config.json").read_text(encoding="utf-8"))
    assert config["eos_token_id"] == [2, 7]


def test_a_new_chat_template(with_tokenizer, tmp_path):
    ours = load_pretrained(with_tokenizer[0])
    other = replace(ours, text=replace(ours.text, chat_template="{{ messages[0]['content'] }}!"))
    save_pretrained(other, tmp_path / "again")
    assert load_pretrained(tmp_path / "again").chat_template == other.chat_template
    chat = [{"role": "user", "content": "hi"}]
    again = AutoTokenizer.from_pretrained(tmp_path / "again")
    assert again.apply_chat_template(chat, tokenize=False) == "hi!"


def test_chat_templates_in_the_config_of_the_tokenizer(their_folder, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((their_folder("llama") / name).read_bytes())
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({"chat_template": "one"}), encoding="utf-8")
    assert load_pretrained(tmp_path).chat_template == "one"
    several = [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]
    config.write_text(json.dumps({"chat_template": several}), encoding="utf-8")
    assert load_pretrained(tmp_path).chat_template == "d"


# Tokenizers of ours


@pytest.fixture
def model():
    return Transformer(ModelConfig(300, 16, 1, 8, 2, ff_width=8))


def byte_level():
    return BPE.train(LINES, vocab_size=280, special=["<|start|>", "<|end|>"])


def pieces():
    tokens = dict(enumerate([*BYTES, "▁", "t", "▁t"]))
    special = {"<|start|>": 270, "<|end|>": 271}
    return SentencePieceBPE(tokens, [("▁", "t")], special, prefix="first", strips_space=True)


@pytest.mark.parametrize("make", [byte_level, pieces])
def test_a_tokenizer_of_ours(make, model, tmp_path):
    bpe = make()
    start, end = bpe.special["<|start|>"], bpe.special["<|end|>"]
    text = Text(bpe, Template((start,)), bos_id=start, eos_ids=(end,), chat_template=CHAT)
    save_pretrained(Pretrained(model, text), tmp_path / "ours")
    back = load_pretrained(tmp_path / "ours")
    assert replace(back.text, files={}) == text
    theirs = AutoTokenizer.from_pretrained(tmp_path / "ours")
    for line in LINES:
        ids = theirs(line).input_ids
        assert ids == back.encode(line, "all") == [start, *bpe.encode(line, "all")]
        assert theirs.decode(ids, skip_special_tokens=True) == bpe.decode(
            id for id in ids if id not in (start, end)
        )
    assert (theirs.bos_token_id, theirs.eos_token_id) == (start, end)


def test_the_two_files_of_gpt2(model, tmp_path):
    bpe = byte_level()
    save_pretrained(Pretrained(model), tmp_path / "ours")
    save_gpt2(bpe, tmp_path / "ours" / "vocab.json", tmp_path / "ours" / "merges.txt")
    assert load_pretrained(tmp_path / "ours").tokenizer == bpe


def test_what_we_cannot_read_does_not_hold_up_the_model(model, tmp_path):
    save_pretrained(Pretrained(model, Text(byte_level())), tmp_path / "ours")
    path = tmp_path / "ours" / "tokenizer.json"
    theirs = Tokenizer.from_file(str(path))
    theirs.normalizer = normalizers.Lowercase()
    theirs.save(str(path))
    with pytest.raises(ValueError, match="Lowercase"):
        load_pretrained(tmp_path / "ours")
    loaded = load_pretrained(tmp_path / "ours", with_tokenizer=False)
    assert loaded.tokenizer is None
    assert torch.equal(loaded.model.output.weight, model.output.weight)
    path.unlink()
    (tmp_path / "ours" / "tokenizer.model").write_bytes(b"")
    with pytest.raises(ValueError, match=r"only as tokenizer\.model"):
        load_pretrained(tmp_path / "ours")
