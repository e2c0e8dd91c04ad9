"""Text from a model, one token at a time: the simplest way, which computes everything anew for each
token. `lib.inference` keeps what it has computed.
"""

from collections.abc import Iterator, Sequence

import torch

from lib.model.transformer import Transformer


@torch.no_grad()
def sample_tokens(
    model: Transformer,
    prompt: Sequence[int],
    n_tokens: int,
    *,
    temperature: int | float = 1.0,
    generator: torch.Generator | None = None,
) -> Iterator[int]:
    """Draw the next token again and again. With temperature 0 it is always the likeliest one.

    A text longer than the context is cut at its beginning.
    """
    if not prompt:
        raise ValueError("The model predicts what follows a token: give a prompt of at least one.")
    ids = list(prompt)
    for _ in range(n_tokens):
        seen = torch.tensor([ids[-model.config.context :]], device=model.output_weight.device)
        logits = model(seen)[0, -1].float()
        if temperature == 0:
            ids.append(int(logits.argmax()))
        else:
            shares = (logits / temperature).softmax(dim=-1).cpu()
            ids.append(int(torch.multinomial(shares, 1, generator=generator)))
        yield ids[-1]
