"""The parts of the model as `lib` has them, in the form in which the tests call them."""

from math import sqrt

import torch
from torch import nn

from lib.model import init
from lib.model.attention import attention_weights
from lib.model.config import ModelConfig
from lib.model.embedding import Embedding
from lib.model.ffn import make_ffn
from lib.model.linear import Linear
from lib.model.norm import RMSNorm
from lib.model.rope import rotate_adjacent, rotation
from lib.model.self_attention import SelfAttention
from lib.model.transformer import Block, Transformer
from lib.training.adaptive import AdamW
from lib.training.clipping import clip_gradients  # noqa: F401  (called by the tests)
from lib.training.losses import cross_entropy  # noqa: F401
from lib.training.schedules import cosine


def config(width, n_heads=1, ff_width=64, theta=None, dtype=None, **size):
    return ModelConfig(
        **{"vocab_size": 2, "context": 1, "n_layers": 1, **size},
        width=width,
        n_heads=n_heads,
        ff_width=ff_width,
        positions="none" if theta is None else "rope",
        rope_theta=theta or 1.0,
        init="glorot",
        dtype=str(dtype or torch.float32).removeprefix("torch."),
    )


def drawn(module, config):
    init.initialise(module, config)
    return module


def linear(d_in, d_out, device=None, dtype=None):
    made = Linear(d_in, d_out, bias=False, dtype=dtype or torch.float32)
    init.truncated_normal_(made.weight, sqrt(2 / (d_in + d_out)))
    return made.to(device)


def embedding(n, width, device=None, dtype=None):
    return drawn(Embedding(n, width, dtype or torch.float32), config(width)).to(device)


def rms_norm(width, eps=1e-5, device=None, dtype=None):
    return RMSNorm(width, eps, dtype=dtype or torch.float32).to(device)


def silu(x):
    return x * torch.sigmoid(x)


def default_ff_width(width):
    return ModelConfig(2, 1, 1, width, 1).ff_width


def swiglu(width, ff_width, device=None, dtype=None):
    choices = config(width, ff_width=ff_width, dtype=dtype)
    layer = drawn(make_ffn(choices), choices).to(device)
    forward = layer.forward  # which wants three axes
    layer.forward = lambda x: forward(x.reshape(1, -1, width)).reshape(x.shape)
    return layer


class RoPE(nn.Module):
    def __init__(self, theta, head_width, context):
        super().__init__()
        self.theta, self.head_width = theta, head_width

    def forward(self, x, positions):
        turn = rotation(positions.expand(x.shape[:-1]).reshape(-1), self.head_width, self.theta)
        return rotate_adjacent(x.reshape(1, -1, 1, self.head_width), turn).reshape(x.shape)


rope = RoPE


def softmax(x, dim):
    return x.softmax(dim)


def attention(q, k, v, mask=None):
    *leading, T, H = q.shape
    S = k.shape[-2]
    mask = torch.ones(T, S, dtype=torch.bool) if mask is None else mask
    mask = mask.expand(*leading, T, S).reshape(-1, T, S)
    q, k = (x.reshape(-1, x.shape[-2], 1, H) for x in (q, k))
    return attention_weights(q, k, mask).reshape(*leading, T, S) @ v


class LeadingAxes:
    """Whatever axes come first are one axis inside."""

    def forward(self, x, positions=None):
        T, D = x.shape[-2:]
        positions = torch.arange(T, device=x.device) if positions is None else positions
        turn, config = None, self.config
        if config.positions == "rope":
            turn = rotation(positions, config.head_width, config.rope_theta)
        return super().forward(x.reshape(-1, T, D), turn).reshape(x.shape)


class AnySelfAttention(LeadingAxes, SelfAttention):
    pass


class AnyBlock(LeadingAxes, Block):
    pass


class AnyTransformer(Transformer):
    def forward(self, ids):
        logits = super().forward(ids.reshape(-1, ids.shape[-1]))
        return logits.reshape(*ids.shape, -1)


def self_attention(width, n_heads, theta=None, context=None, device=None, dtype=None):
    choices = config(width, n_heads, theta=theta, dtype=dtype)
    return drawn(AnySelfAttention(choices), choices).to(device)


def block(width, n_heads, ff_width, theta, context, device=None, dtype=None):
    choices = config(width, n_heads, ff_width, theta, dtype)
    return drawn(AnyBlock(choices), choices).to(device)


def language_model(
    vocab_size, context, n_layers, width, n_heads, ff_width, theta, device=None, dtype=None
):
    size = {"vocab_size": vocab_size, "context": context, "n_layers": n_layers}
    with torch.device(device or "cpu"):  # a copy to "meta" would take seconds
        return AnyTransformer(config(width, n_heads, ff_width, theta, dtype, **size))


def adamw(params, **settings):
    return AdamW(params, **settings)


def learning_rate(step, highest, lowest, warmup_steps, cosine_steps):
    return highest * cosine(step, cosine_steps, warmup_steps, lowest / highest)
