"""Perplexity by KenLM, where it is installed and the reader has a model: what CCNet filters with.

KenLM (Heafield 2011) is a Kneser-Ney model in C++, for models of many gigabytes. It has to be built
by oneself, `pip install https://github.com/kpu/kenlm/archive/master.zip`; kneser_ney.py is the same
idea in Python, and needs nothing.
"""

import os
from functools import cache
from typing import Any


def kenlm_perplexity(text: str, model: str | os.PathLike[str]) -> float:
    """Of the words of a text, under a model in a file (.arpa or .bin); the end counts, too."""
    return float(_model(os.fspath(model)).perplexity(" ".join(text.split())))


@cache
def _model(path: str) -> Any:
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no {path}. KenLM's lmplz makes one from text.")
    try:
        import kenlm
    except ImportError as error:
        raise RuntimeError(
            "KenLM is not installed here: build it (this module's first lines say how), or use "
            "lib.curation.kneser_ney, which needs nothing."
        ) from error
    return kenlm.Model(path)
