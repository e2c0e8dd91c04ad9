"""Wrong answers to part 2, block and model: each with the test that must see it."""

import torch
from reference import model as right
from torch import nn
from wrong_answers import wrong

from lib.model import init


def planted(target, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(target, caught_by=f"{file}::{test}")


wrong_block = planted("model.block", "test_transformer.py")
wrong_language_model = planted("model.language_model", "test_transformer.py")


def block_with(forward):
    """A block of the reference, with another `forward(block, x, attend)`."""

    def block(width, n_heads, ff_width, theta, context, device=None, dtype=None):
        made = right.block(width, n_heads, ff_width, theta, context, device, dtype)
        made.attention = right.self_attention(width, n_heads, theta, context, device, dtype)
        made.ffn = right.swiglu(width, ff_width, device, dtype)
        made.forward = lambda x: forward(made, x)
        return made

    return block


@wrong_block("test_layers_that_say_nothing_leave_the_stream_as_it_is")
def post_norm(*sizes, **options):
    def forward(block, x):
        x = block.attention_norm(x + block.attention(x))
        return block.ffn_norm(x + block.ffn(x))

    return block_with(forward)(*sizes, **options)


@wrong_block("test_layers_that_say_nothing_leave_the_stream_as_it_is")
def nothing_is_added(*sizes, **options):
    def forward(block, x):
        x = block.attention(block.attention_norm(x))
        return block.ffn(block.ffn_norm(x))

    return block_with(forward)(*sizes, **options)


@wrong_block("test_each_layer_adds_the_same_to_a_stream_of_any_size")
def no_norms(*sizes, **options):
    def forward(block, x):
        x = x + block.attention(x)
        return x + block.ffn(x)

    return block_with(forward)(*sizes, **options)


@wrong_block("test_the_block_against_ours")
def both_layers_read_the_same_stream(*sizes, **options):
    def forward(block, x):
        return x + block.attention(block.attention_norm(x)) + block.ffn(block.ffn_norm(x))

    return block_with(forward)(*sizes, **options)


@wrong_block("test_the_block_against_ours")
def norms_exchanged(*sizes, **options):
    def forward(block, x):
        x = x + block.attention(block.ffn_norm(x))
        return x + block.ffn(block.attention_norm(x))

    return block_with(forward)(*sizes, **options)


@wrong_language_model("test_what_a_checkpoint_of_the_model_holds")
def no_last_norm(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.norm = nn.Identity()
    return made


@wrong_language_model("test_the_last_norm_makes_the_size_of_the_stream_irrelevant")
def last_norm_not_used(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.norm.forward = lambda x: x
    return made


@wrong_language_model("test_no_two_parts_share_their_weights")
def output_is_the_embedding(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.output.weight = made.embedding.weight
    return made


@wrong_language_model("test_no_two_parts_share_their_weights")
def one_block_for_all_layers(*sizes, **options):
    made = right.language_model(*sizes, **options)
    made.blocks = nn.ModuleList([made.blocks[0]] * len(made.blocks))
    return made


@wrong_language_model("test_what_a_checkpoint_of_the_model_holds")
def blocks_in_a_plain_list(*sizes, **options):
    made = right.language_model(*sizes, **options)
    blocks = list(made.blocks)
    del made.blocks
    made.blocks = blocks
    return made


@wrong_language_model("test_the_model_against_ours")
def probabilities_instead_of_logits(*sizes, **options):
    made = right.language_model(*sizes, **options)
    logits = made.forward
    made.forward = lambda ids: logits(ids).softmax(-1)
    return made


@wrong_language_model("test_a_new_model_is_drawn_part_by_part")
def all_drawn_with_0_02(*sizes, **options):
    made = right.language_model(*sizes, **options)
    for weight in made.parameters():
        if weight.dim() == 2:
            init.truncated_normal_(weight, 0.02)
    return made


@wrong_language_model("test_shorter_texts_and_any_leading_axes")
def positions_counted_from_the_end(vocab_size, context, *sizes, **options):
    made = right.language_model(vocab_size, context, *sizes, **options)
    whole = made.forward

    def padded(ids):
        missing = ids.new_zeros(*ids.shape[:-1], context - ids.shape[-1])
        return whole(torch.cat([missing, ids], -1))[..., missing.shape[-1] :, :]

    made.forward = padded
    return made
