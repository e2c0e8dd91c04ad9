"""Training on one thread: our Transformer and training loop against Hugging Face's Llama.

python run.py bench training            0.9 and 5.9 million parameters: two minutes, if undisturbed
python run.py bench training --full     30 million too, all variants, and five samples of each

Both sides have one shape, one set of weights and one batch; a step clears the gradients, goes
forward and backward, clips, and applies AdamW. Losses and gradients are compared first. Then every
variant is sampled, in turns, and the fastest of either side some more times. The number format is
part of the choice: whether bfloat16 is the faster one depends on the processor.

Ratios are CPU seconds for each token, ours by theirs. Memory is the highest above what the imports
take. MFU, behind each speed, is the share of what this processor reaches in a product of two large
matrices, in its faster format; operations on keys that the causal mask hides do not count. The
targets are for processors with instructions for bfloat16 (AVX512_BF16, AMX).
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import psutil
from runner import MB, Benchmark, Row, Sample

if TYPE_CHECKING:  # torch takes a second to import, and only the samples need it
    import torch
    from transformers import LlamaForCausalLM

    from lib.model.config import ModelConfig
    from lib.model.transformer import Transformer
    from lib.training.batches import Batch

ATTENTIONS, DTYPES = ("blocked", "sdpa", "plain"), ("float32", "bfloat16")
SHORT = {"float32": "fp32", "bfloat16": "bf16"}
SECONDS = 1.0  # of timed steps in a sample, but at least one step
LOSS_WITHIN = {"float32": 1e-5, "bfloat16": 5e-3}  # relative
GRADIENT_WITHIN = {"float32": 1e-3, "bfloat16": 0.1}  # relative, as the length of the difference
AGAINST_FLOAT32 = 3.0  # times as fast as theirs in float32, where bfloat16 is fast


@dataclass(frozen=True)
class Shape:
    """A model and a batch; targets are times as fast as theirs, and MFU."""

    name: str
    vocab_size: int
    width: int
    n_layers: int
    n_heads: int
    ff_width: int
    batch: int
    length: int
    times: float | None = None
    mfu: float | None = None

    @property
    def tokens(self) -> int:
        return self.batch * self.length

    @property
    def flops(self) -> float:
        """Of training on one token: 6 per number in the matrices, and 6 L T D for attention."""
        layer = 4 * self.width**2 + 3 * self.width * self.ff_width
        numbers = self.n_layers * layer + self.width * self.vocab_size
        return 6.0 * numbers + 6.0 * self.n_layers * self.length * self.width


SHAPES = {
    "s1": Shape("s1", 1024, 128, 4, n_heads=4, ff_width=352, batch=16, length=128),
    "s5": Shape("s5", 4096, 256, 6, 4, 704, batch=8, length=256, times=1.35, mfu=0.5),
    "s30": Shape("s30", 8192, 512, 8, 8, 1408, batch=8, length=256, times=1.2, mfu=0.7),
}


# ---------------------------------------------------------------------------------- contestants


def ours(shape: str, dtype: str, attention: str) -> Callable[[], dict]:
    from lib.training.adaptive import AdamW
    from lib.training.groups import decay_groups
    from lib.training.loop import training_steps

    facts, size = facts_of_process(), SHAPES[shape]
    model, batch = our_model(size, dtype, attention), random_batch(size)
    optimizer = AdamW(decay_groups(model, 0.1), lr=1e-3, betas=(0.9, 0.95))
    steps = training_steps(model, optimizer, repeat(batch), n_steps=10**6)
    return timed_steps(lambda: next(steps).loss, facts)


def hugging_face(shape: str, dtype: str) -> Callable[[], dict]:
    import torch
    from transformers import LlamaForCausalLM  # noqa: F401  (imported here, not counted)

    from lib.training.groups import decay_groups

    facts, size = facts_of_process(), SHAPES[shape]
    model, batch = their_model(size, our_model(size)), random_batch(size)
    groups = decay_groups(model, 0.1)
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=True)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = their_loss(model, batch, dtype)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return timed_steps(step, facts)


def agreement(shape: str) -> Callable[[], list[dict]]:
    """Of one small batch and every variant: both losses, and how far the gradients are apart.

    The gradients are compared with theirs in float32, matrix by matrix.
    """
    from lib.training.loop import batch_loss

    size = SHAPES[shape]
    batch, theirs = random_batch(size)[:2], their_model(size, our_model(size))
    their_loss(theirs, batch, "float32").backward()
    exact, names = {name: p.grad for name, p in theirs.named_parameters()}, their_names(size)

    def compare(dtype: str, attention: str) -> dict:
        model = our_model(size, dtype, attention)
        loss = batch_loss(model, batch)
        loss.backward()
        pairs = [(p.grad, exact[names[name]]) for name, p in model.named_parameters()]
        return {
            "dtype": dtype,
            "attention": attention,
            "ours": loss.item(),
            "theirs": their_loss(theirs, batch, dtype).item(),
            "gradients": max(((a - b).norm() / b.norm()).item() for a, b in pairs),
        }

    return lambda: [compare(dtype, attention) for dtype in DTYPES for attention in ATTENTIONS]


def timed_steps(step: Callable[[], float], facts: dict) -> Callable[[], dict]:
    """Some steps after a first one, which allocates, and tells how many fit into the time."""
    start = time.process_time()
    loss = step()
    n_steps = max(1, int(SECONDS / (time.process_time() - start)))

    def work() -> dict:
        for _ in range(n_steps):
            step()
        return {"loss": loss, "steps": n_steps, **facts}

    return work


def facts_of_process() -> dict:
    """FLOP/s of matrix products here and now, and the bytes held by what is imported."""
    import torch
    import torch._dynamo  # any optimizer's first step imports it: 100 MB that are not the model's

    import lib.model.transformer
    import lib.training.loop  # noqa: F401
    from lib.training.precision import matmul_speeds

    torch.set_num_threads(1)
    speeds = matmul_speeds("cpu", DTYPES, size=1024, seconds=0.3)
    return {"speeds": speeds, "imports": psutil.Process().memory_info().rss}


def random_batch(shape: Shape) -> "Batch":
    """Any tokens: the time for a step does not depend on what they say."""
    import torch

    from lib.training.batches import Batch

    generator = torch.Generator().manual_seed(1)
    size = (shape.batch, shape.length + 1)
    ids = torch.randint(shape.vocab_size, size, generator=generator)
    return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())


def our_model(shape: Shape, dtype: str = "float32", attention: str = "plain") -> "Transformer":
    import torch

    from lib.model.transformer import Transformer

    config = our_config(shape, dtype, attention)
    return Transformer(config, torch.Generator().manual_seed(0))


def our_config(shape: Shape, dtype: str, attention: str) -> "ModelConfig":
    from lib.model.config import ModelConfig

    return ModelConfig(
        vocab_size=shape.vocab_size,
        context=shape.length,
        n_layers=shape.n_layers,
        width=shape.width,
        n_heads=shape.n_heads,
        ff_width=shape.ff_width,
        positions="rope_half",  # the pairs that their Llama turns together
        tied=True,
        attention=attention,
        compute_dtype=dtype,
    )


def their_model(shape: Shape, same_as: "Transformer") -> "LlamaForCausalLM":
    """Their Llama with our weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocab_size,
        max_position_embeddings=shape.length,
        num_hidden_layers=shape.n_layers,
        hidden_size=shape.width,
        num_attention_heads=shape.n_heads,
        intermediate_size=shape.ff_width,
        rms_norm_eps=same_as.config.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": same_as.config.rope_theta},
        tie_word_embeddings=True,
        use_cache=False,
        attn_implementation="sdpa",
    )
    model, names = LlamaForCausalLM(config), their_names(shape)
    weights = {names[name]: weight for name, weight in same_as.state_dict().items()}
    left = model.load_state_dict(weights, strict=False)
    if left.unexpected_keys or left.missing_keys not in ([], ["lm_head.weight"]):
        raise SystemExit(f"Their Llama's weights have other names than expected: {left}")
    return model.train()


def their_loss(model: "LlamaForCausalLM", batch: "Batch", dtype: str) -> "torch.Tensor":
    from lib.training.precision import autocast

    with autocast(dtype):  # shift_labels: already moved by one, as our targets are
        out = model(input_ids=batch.ids, labels=batch.targets, shift_labels=batch.targets)
    return out.loss


def their_names(shape: Shape) -> dict[str, str]:
    """Of all parameters, by ours."""
    parts = {
        "attention_norm": "input_layernorm",
        "attention.query": "self_attn.q_proj",
        "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj",
        "attention.out": "self_attn.o_proj",
        "ffn_norm": "post_attention_layernorm",
        "ffn.gate": "mlp.gate_proj",
        "ffn.up": "mlp.up_proj",
        "ffn.down": "mlp.down_proj",
    }
    names = {"embedding.weight": "model.embed_tokens.weight", "norm.weight": "model.norm.weight"}
    for layer in range(shape.n_layers):
        for part, theirs in parts.items():
            names[f"blocks.{layer}.{part}.weight"] = f"model.layers.{layer}.{theirs}.weight"
    return names


# --------------------------------------------------------------------------------- comparisons

Variant = tuple[str, ...]  # of theirs the format, of ours also the attention


class TrainingRow(Row):
    """Samples differ in how many steps they took, so ratios are of seconds for each token."""

    shape: Shape
    peak: float  # FLOP/s
    mfu_target: float | None = None

    @property
    def ratios(self) -> list[float]:
        return [speed(b, self.shape) / speed(a, self.shape) for a, b in self.pairs]

    def cells(self) -> list[str]:
        sides, ratio = tuple(zip(*self.pairs, strict=True)), statistics.median(self.ratios)
        return [
            self.work,
            *(self._speed(name, side) for name, side in zip((self.ours, self.peer), sides)),
            f"{ratio:.3g}",
            f"{min(self.ratios):.3g} to {max(self.ratios):.3g}",
            " / ".join(f"{statistics.median(map(memory, side)) / MB:.0f}" for side in sides),
            f"{self.target:.3g}" if self.target else "",
            self._verdict(ratio, statistics.median(speeds(sides[0], self.shape))),
        ]

    def _speed(self, name: str, samples: tuple[Sample, ...]) -> str:
        tokens = statistics.median(speed(sample, self.shape) for sample in samples)
        return f"{name} {tokens:,.0f}/s ({tokens * self.shape.flops / self.peak:.0%})"

    def _verdict(self, ratio: float, tokens: float) -> str:
        losses = [[sample.answer["loss"] for sample in pair] for pair in self.pairs]
        if any(abs(a - b) > LOSS_WITHIN["bfloat16"] * b for a, b in losses):
            return "LOSSES DIFFER"
        words = []
        if self.target:
            met = ratio <= self.target
            words.append("met" if met else f"missed by {ratio / self.target - 1:.0%}")
        if self.mfu_target:
            share = tokens * self.shape.flops / self.peak
            verdict = "met" if share >= self.mfu_target else "missed"
            words.append(f"MFU {share:.0%} of {self.mfu_target:.0%}: {verdict}")
        return ", ".join(words)


class TrainingBenchmark(Benchmark):
    def agree(self, shape: Shape) -> None:
        """Stop unless both sides compute the same."""
        for found in self._sample("agreement", {"shape": shape.name}).answer:
            dtype, loss = found["dtype"], abs(found["ours"] / found["theirs"] - 1)
            print(
                f"{shape.name}, {dtype}, {found['attention']}: loss {found['ours']:.6f}, "
                f"theirs {found['theirs']:.6f}; gradients within {found['gradients']:.1e}"
            )
            if not (loss <= LOSS_WITHIN[dtype] and found["gradients"] <= GRADIENT_WITHIN[dtype]):
                raise SystemExit("Too far apart: this is not the same model.")

    def rows_of(self, shape: Shape, mine: list[Variant], all_rounds: int, rounds: int) -> None:
        """Every variant `all_rounds` times, the fastest of each side `rounds` times."""
        theirs: list[Variant] = [(dtype,) for dtype in DTYPES]
        samples: dict[Variant, list[Sample]] = {variant: [] for variant in theirs + mine}
        in_turns = sorted(samples, reverse=True)  # by format; theirs after ours
        for _ in range(all_rounds):
            self._round(shape, in_turns, samples)

        def fastest(variants: list[Variant]) -> Variant:
            return max(variants, key=lambda v: statistics.median(speeds(samples[v], shape)))

        every = [sample for variant in samples.values() for sample in variant]
        peak = statistics.median(max(sample.answer["speeds"].values()) for sample in every)
        best, their_best = fastest(mine), fastest(theirs)
        for _ in range(rounds - all_rounds):
            self._round(shape, [best, their_best], samples)

        def row(
            work: str, a: Variant, b: Variant, times: float | None, mfu: float | None = None
        ) -> None:
            named = [" ".join(SHORT.get(word, word) for word in v) for v in (a, b)]
            new = TrainingRow(f"{shape.name} {work}", *named, 1 / times if times else None, "cpu")
            new.shape, new.peak = shape, peak
            new.pairs = list(zip(samples[a], samples[b], strict=False))
            new.mfu_target = mfu
            self.rows.append(new)
            print("  ".join(new.cells()), flush=True)

        for dtype, attention in mine:
            times = shape.times if dtype == "bfloat16" and attention == "blocked" else None
            row(f"{dtype}, {attention}", (dtype, attention), (dtype,), times)
        row("the fastest of each", best, their_best, shape.times, mfu=shape.mfu)
        row("against their float32", best, ("float32",), AGAINST_FLOAT32 if shape.times else None)
        row("against our plain float32", best, ("float32", "plain"), None)

    def _round(
        self, shape: Shape, variants: list[Variant], samples: dict[Variant, list[Sample]]
    ) -> None:
        for variant in variants:
            name = "ours" if len(variant) == 2 else "hugging_face"
            chosen = dict(zip(("dtype", "attention"), variant))
            samples[variant].append(self._sample(name, {"shape": shape.name, **chosen}))


def speed(sample: Sample, shape: Shape) -> float:
    """Tokens per CPU second."""
    return sample.answer["steps"] * shape.tokens / sample.cpu


def speeds(samples: Iterable[Sample], shape: Shape) -> list[float]:
    return [speed(sample, shape) for sample in samples]


def memory(sample: Sample) -> float:
    """Bytes, above what the imports hold."""
    return sample.memory - sample.answer["imports"]


def main() -> int:
    benchmark = TrainingBenchmark("Training", [ours, hugging_face, agreement])
    full, pairs = benchmark.options.full, benchmark.options.pairs
    shapes = [SHAPES[name] for name in (("s1", "s5", "s30") if full else ("s1", "s5"))]
    shapes = [shape for shape in shapes if benchmark.options.only in shape.name]
    variants: list[Variant] = [(dtype, a) for dtype in DTYPES for a in ATTENTIONS]
    if not full:  # without instructions for it, bfloat16 takes half of the time
        variants = [v for v in variants if v[0] == "float32" or v[1] == "blocked"]
    all_rounds, rounds = (pairs or 5, pairs or 5) if full else (1, pairs or 2)
    benchmark.agree(SHAPES["s1"])
    for shape in shapes:
        benchmark.rows_of(shape, variants, all_rounds, rounds)
    status = benchmark.report()
    if benchmark.rows:
        print(explanation(benchmark.rows))
    return status or int(any("DIFFER" in row.cells()[-1] for row in benchmark.rows))


def explanation(rows: list[Row]) -> str:
    """How to read the table, and what the formats are worth on this processor."""
    answers = [sample.answer for row in rows for pair in row.pairs for sample in pair]
    middle = {dtype: statistics.median(a["speeds"][dtype] for a in answers) for dtype in DTYPES}
    times = middle["bfloat16"] / middle["float32"]
    fp32, bf16 = (f"{middle[dtype] / 1e9:.0f} GFLOP/s in {dtype}" for dtype in DTYPES)
    lines = [
        "Ours and peer: format, attention, tokens per CPU second (MFU).",
        f"Matrix products of 1024 cubed reach {fp32}, {bf16}: {times:.2g} times as many.",
    ]
    if times < 1:
        lines += ["So this processor has no fast bfloat16, which the targets suppose."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
