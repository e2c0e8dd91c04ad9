"""The `tales` corpus: little stories from a grammar, whose entropy is known exactly.

What a model's loss on them can be compared with is not another model but the truth: `entropy_rate`
is what a perfect model would need, and `log_prob` is what it would say about one story.
"""

import math
from collections.abc import Iterator
from functools import cache
from random import Random

from lib.corpora.documents import Corpus, Document, Size
from lib.corpora.grammar import Grammar
from lib.corpora.grammar_entropy import EntropyRate, entropy_rate
from lib.corpora.grammar_likelihood import log_prob
from lib.corpora.tale_rules import tale_rules
from lib.corpora.tale_words import tale_words


@cache
def tale_grammar(vocabulary: int = 40, depth: int = 3) -> Grammar:
    """The grammar of the tales.

    `vocabulary` is how many values each list of words may have (most lists end before 16, the
    names at 40), `depth` how many wishes may depend on one another.
    """
    if depth < 1 or vocabulary < depth:
        raise ValueError(
            f"depth={depth} wishes need as many different gifts, and vocabulary={vocabulary}. "
            "Choose 1 <= depth <= vocabulary."
        )
    return Grammar(tale_rules(depth), tale_words(vocabulary))


class Tales(Corpus):
    """`n_documents` stories, drawn independently: document i depends on `seed` and i alone.

    Nothing is stored. Two stories may be equal, and nothing is done about it: leaving one out would
    change the distribution whose entropy is known.
    """

    name = "tales"
    licence = "this project's own"

    def __init__(
        self, seed: int = 0, n_documents: int = 10_000, vocabulary: int = 40, depth: int = 3
    ):
        self.seed, self.n_documents = seed, n_documents
        self.grammar = tale_grammar(vocabulary, depth)
        self.source = f"tales grammar, vocabulary {vocabulary}, depth {depth}, seed {seed}"
        self._prefix = f"tales-v{vocabulary}-d{depth}-s{seed}"

    def __len__(self) -> int:
        return self.n_documents

    def __iter__(self) -> Iterator[Document]:
        return map(self.document, range(self.n_documents))

    def document(self, i: int) -> Document:
        """Story number i."""
        name = f"{self._prefix}-{i:08d}"
        return Document(name, self.grammar.sample(Random(name)), self.source)

    def entropy_rate(self) -> EntropyRate:
        """Bits per document, per word and per byte that no model can beat, exactly."""
        return entropy_rate(self.grammar)

    def log_prob(self, document: Document | str) -> float:
        """Natural logarithm of the probability of exactly this story; -inf if it is no tale."""
        text = document.text if isinstance(document, Document) else document
        return log_prob(self.grammar, text)

    def optimal_bits_per_byte(self, documents: Corpus) -> float:
        """What a perfect model would need on these documents: near the entropy rate, not equal."""
        bits = -sum(self.log_prob(document) for document in documents) / math.log(2)
        size: Size = documents.size()
        return bits / size.bytes
