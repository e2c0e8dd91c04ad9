"""Text for small experiments: tokens of two corpora in memory, with a vocabulary trained on one."""

from dataclasses import dataclass

import numpy as np

from lib.corpora.documents import END_OF_TEXT, Corpus
from lib.tokenization.bpe import BPE
from lib.tokenization.fast_bpe import train_bpe
from lib.tokenization.fast_encode import FastEncoder


@dataclass(frozen=True)
class SmallText:
    """Token ids to train on and to test with."""

    train: np.ndarray
    valid: np.ndarray
    tokenizer: BPE
    bytes_per_token: float  # of the part to test with

    @property
    def vocab_size(self) -> int:
        return self.tokenizer.vocab_size


def small_text(train: Corpus, valid: Corpus, vocab_size: int) -> SmallText:
    """Both corpora as tokens, every document followed by the end of text."""
    texts = ["".join(text + END_OF_TEXT for text in corpus.texts()) for corpus in (train, valid)]
    tokenizer = train_bpe([texts[0]], vocab_size, special=[END_OF_TEXT])
    encoder = FastEncoder(tokenizer)
    ids = [np.array(encoder.encode(text, allowed_special="all"), np.uint16) for text in texts]
    return SmallText(*ids, tokenizer, len(texts[1].encode()) / len(ids[1]))
