"""A transformer of two causal blocks learns the characters of a text, each from those before it.

    python benchmarks/characters.py [--text FILE] [--steps 400] [--twin-steps 50]

It trains on random windows of 64 characters of docs/networks.md, or of FILE; the figure is the mean over the
whole text of -log p of the next character, in nats (guessing by frequency gives about 3.3). The loss curve
beside PyTorch's needs the extra `peers`; --twin-steps 0 leaves it out.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from twin import copy_weights, print_difference, step_of, twin_step_of

from layers import Affine, Embedding, LayerNorm, PositionalEncoding, Sequential, TransformerBlock
from losses import SoftmaxCrossEntropy
from optim import AdamW
from optim.schedules import Cosine, Warmup

TEXT = Path(__file__).resolve().parent.parent / "docs" / "networks.md"
T, DIM, HEADS, HIDDEN, BATCH = 64, 64, 4, 256, 32


def windows(ids, starts):
    """Characters and, for each, the one that follows it: two arrays (N, T)."""
    places = np.asarray(starts)[:, None] + np.arange(T)
    return ids[places], ids[places + 1]


def network(characters):
    rng = np.random.default_rng(0)
    return Sequential(
        Embedding(characters, DIM, rng=rng),
        PositionalEncoding(T, DIM, learned=True, rng=rng),
        TransformerBlock(DIM, HEADS, HIDDEN, causal=True, rng=rng),
        TransformerBlock(DIM, HEADS, HIDDEN, causal=True, rng=rng),
        LayerNorm(DIM),
        Affine(DIM, characters, init="xavier_normal", rng=rng),
    )


def twin_of(model, characters):
    import torch
    from torch import nn

    def block():
        return nn.TransformerEncoderLayer(
            DIM, HEADS, HIDDEN, dropout=0, activation="gelu", batch_first=True, norm_first=True
        )

    class Twin(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.places = nn.Embedding(characters, DIM), nn.Parameter(torch.zeros(T, DIM))
            self.first, self.second = block(), block()
            self.norm, self.affine = nn.LayerNorm(DIM), nn.Linear(DIM, characters)
            self.mask = nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)

        def forward(self, ids):
            h = self.embedding(ids) + self.places
            for block in (self.first, self.second):
                h = block(h, src_mask=self.mask, is_causal=True)
            return self.affine(self.norm(h)).swapaxes(1, 2)  # PyTorch's class axis is 1

    names = {"embedding.weight": "0.W", "places": "1.W"}
    names |= {"norm.weight": "4.gamma", "norm.bias": "4.beta", "affine.weight": "5.W", "affine.bias": "5.b"}
    for theirs, ours in (("first", "2"), ("second", "3")):
        for part, letter in (("weight", "W"), ("bias", "b")):
            stacked = [f"{ours}.attention.{letter}_{role}" for role in "qkv"]
            names[f"{theirs}.self_attn.in_proj_{part}"] = stacked
            names[f"{theirs}.self_attn.out_proj.{part}"] = f"{ours}.attention.{letter}_o"
            for linear, place in (("linear1", "0"), ("linear2", "2")):
                names[f"{theirs}.{linear}.{part}"] = f"{ours}.mlp.{place}.{letter}"
            for norm in ("norm1", "norm2"):
                names[f"{theirs}.{norm}.{part}"] = f"{ours}.{norm}.{ {'W': 'gamma', 'b': 'beta'}[letter] }"
    twin = Twin()
    copy_weights(model, twin, names)
    return twin_step_of(twin, nn.CrossEntropyLoss(), torch.optim.AdamW(twin.parameters(), lr=1e-3), 1.0)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--twin-steps", type=int, default=50)
    options = parser.parse_args()

    text = options.text.read_text(encoding="utf-8")
    alphabet, ids = np.unique(list(text), return_inverse=True)
    rng, characters = np.random.default_rng(1), len(alphabet)
    model, loss, start = network(characters), SoftmaxCrossEntropy(), time.perf_counter()
    warmup = max(1, options.steps // 8)
    optimizer = AdamW(model.params, Warmup(warmup, Cosine(3e-3, options.steps)))
    step = step_of(model, loss, optimizer, clip=1.0)
    for _ in range(options.steps):
        step(*windows(ids, rng.integers(len(ids) - T, size=BATCH)))
    seconds = time.perf_counter() - start
    x, target = windows(ids, range(0, len(ids) - T, T))
    nats = loss.forward(model.eval().forward(x), target)
    print(
        f"{options.text.name}, {len(ids):,} characters, {characters} different: {nats:.3f} nats (< 1.2) "
        f"after {options.steps} steps, {seconds:.0f} s"
    )

    if options.twin_steps:
        model = network(characters).astype(np.float64)
        chosen = [rng.integers(len(ids) - T, size=BATCH) for _ in range(options.twin_steps)]
        batches = [windows(ids, starts) for starts in chosen]
        ours = step_of(model, loss, AdamW(model.params, lr=1e-3), clip=1.0)
        print_difference(ours, twin_of(model, characters), batches)


if __name__ == "__main__":
    main()
