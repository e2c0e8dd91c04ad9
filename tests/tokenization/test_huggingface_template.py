"""What is put around a text, read from and written for `tokenizers`."""

import json

import pytest
from tokenizers import Tokenizer, models, processors

from lib.tokenization.bpe import BPE
from lib.tokenization.huggingface_json import save_huggingface
from lib.tokenization.huggingface_template import Template, read_template, write_template

SPECIAL = {"<s>": 256, "</s>": 257, "<b>": 300}
TEXT = {id: token for token, id in SPECIAL.items()}


def file_content(post_processor):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.post_processor = post_processor
    return json.loads(tokenizer.to_str())["post_processor"]


@pytest.mark.parametrize(
    ("single", "expected"),
    [
        ("<s> $A", Template((256,))),
        ("$A </s>", Template((), (257,))),
        ("<s> <b> $A:0 </s>", Template((256, 300), (257,))),
    ],
)
def test_a_template(single, expected):
    template = processors.TemplateProcessing(single=single, special_tokens=[*SPECIAL.items()])
    assert read_template(file_content(template)) == expected
    both = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])  # Llama 3
    assert read_template(file_content(both)) == expected


@pytest.mark.parametrize("before", [(), (256,), (300, 256)])
@pytest.mark.parametrize("after", [(), (257,)])
def test_what_we_write_does_the_same_there(tmp_path, before, after):
    path = tmp_path / "tokenizer.json"
    save_huggingface(BPE({byte: bytes([byte]) for byte in range(256)}, [], SPECIAL), path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["post_processor"] = write_template(Template(before, after), TEXT)
    path.write_text(json.dumps(content), encoding="utf-8")
    assert Tokenizer.from_file(str(path)).encode("ab").ids == [*before, 97, 98, *after]
    assert read_template(content["post_processor"]) == Template(before, after)


def test_none_and_what_only_moves_offsets():
    assert read_template(None) == Template()
    assert read_template(file_content(processors.ByteLevel())) == Template()


def test_others_are_refused_by_name():
    roberta = file_content(processors.RobertaProcessing(("</s>", 257), ("<s>", 256)))
    with pytest.raises(ValueError, match="post_processor RobertaProcessing"):
        read_template(roberta)
