"""One token per word, for the words seen often enough in training; all others share one id."""

from collections import Counter
from collections.abc import Iterable

from lib.tokenization.pretokenize import split_words
from lib.tokenization.utf8 import to_utf8


class WordTokenizer:
    """The only tokenizer here that loses text: every unknown word decodes to `unk`.

    Words are the pieces of GPT-2's pattern, each with the space before it. `unk` has id 0; with
    `unk=None` there is no such id, and an unknown word is an error.
    """

    def __init__(self, words: Iterable[str], unk: str | None = "<unk>"):
        self.unk = unk
        self.words = ([] if unk is None else [unk]) + list(dict.fromkeys(words))
        self.id_of = {word: id for id, word in enumerate(self.words)}

    @classmethod
    def train(
        cls, text: str, vocab_size: int | None = None, unk: str | None = "<unk>"
    ) -> "WordTokenizer":
        """Keep the most frequent words, all of them by default; ties go to the word seen first."""
        counts = Counter(split_words(text))
        n_words = len(counts) if vocab_size is None else vocab_size - (unk is not None)
        return cls((word for word, _ in counts.most_common(n_words)), unk)

    @property
    def vocab_size(self) -> int:
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        return [self._id(word) for word in split_words(text)]

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(self.words[id] for id in ids)

    def token_bytes(self, id: int) -> bytes:
        return to_utf8(self.words[id])

    def _id(self, word: str) -> int:
        if self.unk is None and word not in self.id_of:
            raise ValueError(
                f"{word!r} is none of the {self.vocab_size} known words, and there is no id for "
                "unknown ones. Train on a text that holds it, or use unk='<unk>'."
            )
        return self.id_of.get(word, 0)
