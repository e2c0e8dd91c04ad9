"""A trained vocabulary at work: text to ids and back, and files that keep it."""

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike

from lib.grading.feedback import todo

Pair = tuple[bytes, bytes]


def split_word(word: bytes, ranks: Mapping[Pair, int]) -> list[bytes]:
    """The tokens of one pre-token. `ranks` numbers the merges in the order they were made.

    Training is replayed: of all pairs of neighbours that have a rank, the one with the lowest rank
    is joined, everywhere in the word; then again, until no pair has a rank.

    split_word(b"that", {(b"h", b"a"): 0, (b"t", b"h"): 1})  ->  [b"t", b"ha", b"t"]
    """
    return todo("1.13", "start with the single bytes, and look for the pair of lowest rank.")


class Tokenizer:
    """Text to ids and back: `decode(encode(text)) == text`, whatever the text.

    Special tokens are found before anything else, as `split_on_special` does; each is one id.
    Nothing is assumed about the order of the ids: byte 0 need not have id 0.
    """

    def __init__(
        self,
        vocab: Mapping[int, bytes],
        merges: Iterable[Pair],
        special_tokens: Iterable[str] | None = None,
    ) -> None:
        """A special token that the vocabulary lacks gets the next id above its highest, in order.

        `vocab` itself stays as it is.
        """
        todo("1.14", "keep a copy of vocab, the id of each token, and the rank of each merge.")

    @classmethod
    def from_files(
        cls,
        vocab_path: str | PathLike[str],
        merges_path: str | PathLike[str],
        special_tokens: Iterable[str] | None = None,
    ) -> "Tokenizer":
        """Read GPT-2's two files, which `save` writes."""
        return todo("1.17", "json.loads the first file, and unspell its tokens; then the merges.")

    def save(self, vocab_path: str | PathLike[str], merges_path: str | PathLike[str]) -> None:
        """Write GPT-2's two files.

        `vocab_path` is a JSON object from spelled token to id. `merges_path` has a first line
        "#version: 0.2", then for each merge a line with its two spelled tokens and a space between.
        Special tokens are written as they are, all others are spelled in GPT-2's alphabet: a byte
        in 0x21-0x7e, 0xa1-0xac or 0xae-0xff as the character of its own number, and the other 68
        bytes, in order, as the characters U+0100, U+0101 and so on. So a space is spelled "Ġ".
        """
        todo("1.17", "make a dict from each byte to its character, and spell tokens with it.")

    def encode(self, text: str) -> list[int]:
        """The ids of the text.

        With the bytes as ids 0 to 255, merges [(t, o)] and the special token <x>:
        encode("to<x>")  ->  [256, 257]
        """
        return todo("1.14", "special pieces have an id; pretokenize the others, split each word.")

    def encode_iterable(self, texts: Iterable[str]) -> Iterator[int]:
        """The ids of the joined texts, one by one, reading only as far as needed.

        Equal to encode("".join(texts)), wherever the texts were cut: between words, inside a word,
        or inside a special token. `texts` may never end.
        """
        return todo("1.16", "keep back the end of what has been read: the next text may change it.")

    def decode(self, ids: Iterable[int]) -> str:
        """The text; U+FFFD, the replacement character, stands where the bytes are not valid UTF-8.

        With the bytes as ids 0 to 255:
        decode([226, 130, 172])  ->  "€"
        decode([226, 130])       ->  "\\ufffd"
        """
        return todo("1.15", "join the bytes of all ids before you decode anything.")
