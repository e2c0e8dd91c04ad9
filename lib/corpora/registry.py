"""The texts that can be downloaded: where they are, under what licence, what is known about them.

`size` and `sha256` are None where nobody here has verified them: they are then *not pinned by us*.
What fetch.py does about that is written there. Whoever downloads a file can pin both from the
`.lock.json` that lies beside it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file, the addresses it can be had from (tried in order), and what it must be."""

    name: str
    urls: tuple[str, ...]
    about: str
    licence: str
    size: int | None = None  # bytes
    sha256: str | None = None


TINYSTORIES = {
    split: RemoteFile(
        name=f"TinyStoriesV2-GPT4-{split}.txt",
        urls=(
            "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main/"
            f"TinyStoriesV2-GPT4-{split}.txt",
        ),
        about=f"TinyStories, version 2 (written by GPT-4), {split} (arXiv 2305.07759)",
        licence="CDLA-Sharing-1.0 to our knowledge, which nobody here could verify: see its page",
    )
    for split in ("train", "valid")
}

OPENWEBTEXT_SAMPLE = {
    split: RemoteFile(
        name=f"owt_{split}.txt.gz",
        urls=(
            "https://huggingface.co/datasets/stanford-cs336/owt-sample/resolve/main/"
            f"owt_{split}.txt.gz",
        ),
        about=f"a sample of OpenWebText, {split}",
        licence="each web page keeps its author's copyright",
    )
    for split in ("train", "valid")
}
