"""Data, checkpoints, the loop and decoding for the tests of assignment 1, from parts of `lib`."""

import json
import math
import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from lib.training.clipping import clip_gradients
from lib.training.losses import cross_entropy
from lib.training.schedules import cosine

RECORD, CHECKPOINT = "record.json", "checkpoint.pt"


# Data and checkpoints


def get_batch(tokens, batch_size, context, device="cpu", generator=None):
    if len(tokens) <= context:
        raise ValueError(f"{len(tokens)} tokens hold no piece of {context} and the token after it.")
    starts = torch.randint(len(tokens) - context, (batch_size,), generator=generator).tolist()
    text = np.stack([tokens[i : i + context + 1] for i in starts])
    text = torch.from_numpy(text.astype(np.int64)).to(device)
    return text[:, :-1], text[:, 1:]


def save_checkpoint(model, optimizer, iteration, out):
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state | {"iteration": iteration}, out)


def load_checkpoint(source, model, optimizer):
    state = torch.load(source, map_location="cpu")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["iteration"]


# The loop


@torch.no_grad()
def evaluate(model, tokens, context, batch_size, n_windows=None):
    n_windows = min(n_windows or len(tokens), (len(tokens) - 1) // context)
    device, total = next(model.parameters()).device, 0.0
    with eval_mode(model):
        for first in range(0, n_windows, batch_size):
            n = min(batch_size, n_windows - first)
            piece = tokens[first * context : (first + n) * context + 1].astype(np.int64)
            ids = torch.from_numpy(piece).to(device)
            logits = model(ids[:-1].view(n, context))
            total += cross_entropy(logits, ids[1:].view(n, context)).item() * n
    return total / n_windows


def train(model, optimizer, train_tokens, valid_tokens, settings, folder):
    folder = Path(folder)
    record, t = begin(model, optimizer, settings, folder)
    before = record["curve"][-1]["seconds"] if record["curve"] else 0.0
    began, losses = time.monotonic() - before, []
    while t < settings.steps and not diverged(record):
        t += 1
        loss, finite = step(model, optimizer, train_tokens, settings, t)
        losses.append(loss)
        if not finite or t % settings.eval_every == 0 or t == settings.steps:
            valid = looked_at(model, valid_tokens, settings) if finite else None
            row = {"step": t, "seconds": time.monotonic() - began}
            row |= {"lr": optimizer.param_groups[0]["lr"]}
            row |= {"train_loss": fmean(losses) if finite else None}
            record["curve"].append(row | {"valid_loss": valid})
            record |= {"steps": t, "valid_loss": valid}
            record |= {"tokens": t * settings.batch_size * settings.context}
            write(record, model, optimizer, folder)
            losses = []
    return record


def step(model, optimizer, tokens, settings, t):
    """One step of training: its loss, and whether the step could be made."""
    generator = torch.Generator().manual_seed(settings.seed * 1_000_000 + t)
    shape = settings.batch_size, settings.context
    inputs, targets = get_batch(tokens, *shape, settings.device, generator)
    floor, steps = settings.lr_floor, settings.steps
    for group in optimizer.param_groups:
        group["lr"] = settings.lr * cosine(t, steps, settings.warmup_steps, floor)
    optimizer.zero_grad()
    loss = cross_entropy(model(inputs), targets)
    if finite := math.isfinite(loss.item()):
        loss.backward()
        clip_gradients(model.parameters(), settings.clip)
        optimizer.step()
    return loss.item(), finite


def looked_at(model, tokens, settings):
    shape = settings.context, settings.batch_size
    loss = evaluate(model, tokens, *shape, settings.eval_windows)
    return loss if math.isfinite(loss) else None


def begin(model, optimizer, settings, folder):
    """The record that `folder` has and its last step, or a new record."""
    described = json.loads(json.dumps(asdict(settings)))  # tuples become lists
    new = {"settings": described, "curve": [], "checkpoint": CHECKPOINT}
    if not (folder / RECORD).exists():
        folder.mkdir(parents=True, exist_ok=True)
        return new, 0
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if record["settings"] != described:
        raise ValueError(f"{folder} holds a run with other settings: choose another folder.")
    if not (folder / CHECKPOINT).exists():
        return new, 0
    t = load_checkpoint(folder / CHECKPOINT, model, optimizer)
    return record | {"curve": [row for row in record["curve"] if row["step"] <= t]}, t


def diverged(record):
    return bool(record["curve"]) and record["curve"][-1]["valid_loss"] is None


def write(record, model, optimizer, folder):
    """The record first: if we are stopped between the two, its last row is made once more."""
    part = folder / "part"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    os.replace(part, folder / RECORD)
    save_checkpoint(model, optimizer, record["steps"], part)
    os.replace(part, folder / CHECKPOINT)


@contextmanager
def eval_mode(model):
    before = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(before)


# Decoding


def keep_top_p(probabilities, top_p):
    ordered, ids = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    ordered = ordered.where(before < top_p, 0)
    ordered = ordered / ordered.sum(-1, keepdim=True)
    return torch.zeros_like(probabilities).scatter(-1, ids, ordered)


def next_token_probabilities(logits, temperature=1.0, top_p=1.0):
    if temperature < 0 or not 0 < top_p <= 1:
        raise ValueError(f"temperature {temperature} is below 0, or top_p {top_p} not in (0, 1].")
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)
    return keep_top_p((logits / temperature).softmax(-1), top_p)


@torch.no_grad()
def generate(
    model,
    prompt,
    max_new_tokens,
    context,
    *,
    temperature=1.0,
    top_p=1.0,
    end_id=None,
    generator=None,
):
    if not len(prompt):
        raise ValueError("Nothing can follow an empty prompt.")
    ids, device = list(prompt), next(model.parameters()).device
    while len(ids) < len(prompt) + max_new_tokens:
        logits = model(torch.tensor([ids[-context:]], device=device))[0, -1]
        shares = next_token_probabilities(logits.float().cpu(), temperature, top_p)
        new = int(torch.multinomial(shares, 1, generator=generator))
        if new == end_id:
            break
        ids.append(new)
    return ids[len(prompt) :]
