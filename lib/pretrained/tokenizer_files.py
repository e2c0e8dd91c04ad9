"""The files beside a model that are about text: its tokenizer, special ids, and chat template.

What is read from them is little. All of them are kept as they are, to be passed on when the model
is saved again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lib.pretrained.settings import Json
from lib.tokenization.bpe import BPE
from lib.tokenization.gpt2_files import load_gpt2
from lib.tokenization.huggingface_json import load_huggingface, save_huggingface
from lib.tokenization.huggingface_template import Template, read_template, write_template
from lib.tokenization.sentencepiece_bpe import SentencePieceBPE
from lib.tokenization.sentencepiece_json import (
    is_sentencepiece,
    load_sentencepiece,
    save_sentencepiece,
)

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
GENERATION, CHAT = "generation_config.json", "chat_template.jinja"
VOCABULARY, MERGES = "vocab.json", "merges.txt"
KEPT = (TOKENIZER, TOKENIZER_CONFIG, GENERATION, CHAT, VOCABULARY, MERGES)
KEPT += ("special_tokens_map.json", "added_tokens.json", "tokenizer.model")

NO_TEMPLATE = Template()
AnyBPE = BPE | SentencePieceBPE


@dataclass(frozen=True)
class Text:
    """How a model's text is to be read and written."""

    tokenizer: AnyBPE | None = None
    template: Template = NO_TEMPLATE  # ids that it expects around every text
    bos_id: int | None = None  # begins a text
    eos_ids: tuple[int, ...] = ()  # each of them ends one
    pad_id: int | None = None
    chat_template: str | None = None  # Jinja, for a conversation as one text
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # passed on as they are


def read_text(folder: Path, config: Json, with_tokenizer: bool = True) -> Text:
    """What the files of a checkpoint say, `config` being its config.json."""
    files = {name: (folder / name).read_bytes() for name in KEPT if (folder / name).exists()}
    generation = _json(files, GENERATION)
    ids = {**config, **{name: id for name, id in generation.items() if id is not None}}
    eos = ids.get("eos_token_id")
    tokenizer = load_tokenizer(folder) if with_tokenizer else None
    return Text(
        tokenizer=tokenizer,
        template=read_template(_json(files, TOKENIZER).get("post_processor")),
        bos_id=ids.get("bos_token_id"),
        eos_ids=tuple(eos) if isinstance(eos, list) else () if eos is None else (eos,),
        pad_id=ids.get("pad_token_id"),
        chat_template=_chat_template(files),
        files=files,
    )


def load_tokenizer(folder: Path) -> AnyBPE | None:
    """The tokenizer of a folder; None if it has none. ValueError if it is of another kind."""
    path = folder / TOKENIZER
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
        return load_sentencepiece(path) if is_sentencepiece(content) else load_huggingface(path)
    if (folder / "tokenizer.model").exists():
        raise ValueError(
            f"{folder} has its tokenizer only as tokenizer.model, SentencePiece's own format. "
            "Convert it: AutoTokenizer.from_pretrained(folder).save_pretrained(folder). Or load "
            "the model alone, with_tokenizer=False."
        )
    if (folder / VOCABULARY).exists() and (folder / MERGES).exists():
        return load_gpt2(folder / VOCABULARY, folder / MERGES)
    return None


def write_text(folder: Path, text: Text, context: int) -> None:
    """Write the files: those that were read as they were, others made from what is known."""
    for name, content in text.files.items():
        (folder / name).write_bytes(content)
    if text.tokenizer is not None and TOKENIZER not in text.files:
        _write_tokenizer(folder / TOKENIZER, text)
    if TOKENIZER_CONFIG not in text.files and text.tokenizer is not None:
        _write_json(folder / TOKENIZER_CONFIG, _tokenizer_config(text, context))
    if GENERATION not in text.files:
        _write_json(folder / GENERATION, token_ids(text))
    if text.chat_template != _chat_template(text.files):
        (folder / CHAT).write_text(text.chat_template or "", encoding="utf-8", newline="\n")


def token_ids(text: Text) -> Json:
    """The special ids as config.json and generation_config.json have them."""
    eos = list(text.eos_ids) if len(text.eos_ids) > 1 else next(iter(text.eos_ids), None)
    return {"bos_token_id": text.bos_id, "eos_token_id": eos, "pad_token_id": text.pad_id}


def _write_tokenizer(path: Path, text: Text) -> None:
    save = save_huggingface if isinstance(text.tokenizer, BPE) else save_sentencepiece
    save(text.tokenizer, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["post_processor"] = write_template(text.template, _special_text(text.tokenizer))
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8", newline="\n")


def _tokenizer_config(text: Text, context: int) -> Json:
    """What `AutoTokenizer` asks for; the class is the one that takes tokenizer.json as it is."""
    names = _special_text(text.tokenizer)
    ids = {"bos": text.bos_id, "eos": next(iter(text.eos_ids), None), "pad": text.pad_id}
    tokens = {f"{kind}_token": names[id] for kind, id in ids.items() if id in names}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        **tokens,
    }


def _special_text(tokenizer: AnyBPE) -> dict[int, str]:
    return {id: text for text, id in tokenizer.special.items()}


def _chat_template(files: Mapping[str, bytes]) -> str | None:
    """From its own file, or from tokenizer_config.json, where there may be several by name."""
    if CHAT in files:
        return files[CHAT].decode()
    found = _json(files, TOKENIZER_CONFIG).get("chat_template")
    if isinstance(found, list):
        found = {entry["name"]: entry["template"] for entry in found}.get("default")
    return found


def _json(files: Mapping[str, bytes], name: str) -> Json:
    return json.loads(files[name]) if name in files else {}


def _write_json(path: Path, content: Json) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
