"""Which language a text is in, as (ISO 639-1 code, probability).

Three identifiers of the field, and ours from scratch beside them (ngram_language.py). None of them
knows what to do with a line of code or "Hello!": a short text can be in any language.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from lib.corpora.cache import cache_folder
from lib.corpora.fetch import fetch
from lib.corpora.registry import RemoteFile

LID_176 = RemoteFile(
    name="lid.176.ftz",
    urls=("https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.ftz",),
    about="fastText's language identifier for 176 languages, compressed",
    licence="CC-BY-SA-3.0 to our knowledge, which nobody here could verify: see its page",
)
FAR = 1200  # Resiliparse's distance for what is certainly not this language


def by_py3langid(text: str) -> tuple[str, float]:
    """Naive Bayes over chosen byte n-grams, 97 languages (Lui and Baldwin 2012)."""
    language, probability = _py3langid().classify(text)
    return str(language), float(probability)


@cache
def _py3langid():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def by_resiliparse(text: str) -> tuple[str, float]:
    """Very fast, by hashed n-grams. It gives a distance and no probability: 1 - distance / 1200."""
    from resiliparse.parse.lang import detect_fast

    language, distance = detect_fast(text, FAR)
    if language == "unknown":
        return "un", 0.0
    return str(language), max(0.0, 1 - distance / FAR)


def by_fasttext(text: str) -> tuple[str, float]:
    """fastText's lid.176, where the package is installed; the model is fetched when first used."""
    labels = _fasttext().f.predict(text.replace("\n", " "), 1, 0.0, "strict")
    probability, label = labels[0] if labels else (0.0, "__label__un")
    return label.removeprefix("__label__"), min(1.0, float(probability))


@cache
def _fasttext(folder: Path | None = None):
    try:
        import fasttext
    except ImportError as error:
        raise RuntimeError(
            "fastText is not installed here: pip install fasttext-numpy2-wheel, "
            f"or choose another method than 'fasttext': {sorted(set(METHODS) - {'fasttext'})}."
        ) from error
    return fasttext.load_model(str(fetch(LID_176, folder or cache_folder() / "downloads")))


METHODS: dict[str, Callable[[str], tuple[str, float]]] = {
    "py3langid": by_py3langid,
    "resiliparse": by_resiliparse,
    "fasttext": by_fasttext,
}


def identify_language(text: str, method: str = "py3langid") -> tuple[str, float]:
    """The likeliest language and how sure the method is; ("un", 0.0) where it cannot be known."""
    if method not in METHODS:
        raise ValueError(f"The methods are {sorted(METHODS)}, and not {method!r}.")
    if not any(map(str.isalpha, text)):
        return "un", 0.0
    return METHODS[method](text)
