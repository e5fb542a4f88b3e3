"""CTC against PyTorch's: values and gradients by the logits, over random lengths, labels and blanks."""

from __future__ import annotations

import numpy as np
import pytest

from losses import CTC

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
F = torch.nn.functional

every_seed = pytest.mark.parametrize("seed", range(24))
every_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
TOLERANCE = {"float64": 1e-9, "float32": 2e-4}


def draw(seed):
    """Logits (N, T, C), the blank, N label sequences and the frames that count: just enough, or more."""
    rng = np.random.default_rng(seed)
    N, C, S = rng.integers(1, 6), rng.integers(2, 7), rng.integers(0, 8)
    blank = int(rng.integers(C)) if seed % 2 else 0
    others = np.setdiff1d(np.arange(C), blank)
    rows = [rng.choice(others, size=rng.integers(0, S + 1)) for _ in range(N)]
    needed = np.array([len(row) + np.count_nonzero(row[1:] == row[:-1]) for row in rows])
    frames = np.maximum(needed + rng.integers(0, 6, size=N) * (seed % 3 > 0), 1)
    T = frames.max() + rng.integers(0, 3)
    return rng.normal(0, 2, (N, T, C)), blank, rows, frames, rng


def theirs(x, rows, frames, blank, reduction):
    """F.ctc_loss wants time first, log-probabilities, and the labels in one row or padded."""
    return F.ctc_loss(
        x.log_softmax(dim=-1).transpose(0, 1),
        torch.tensor(np.concatenate([*rows, np.zeros(0, int)]).astype(int)),
        torch.tensor(frames),
        torch.tensor([len(row) for row in rows]),
        blank=blank,
        reduction=reduction,
    )


def agree(loss, logits, target, rows, frames, rng, dtypes=("float64", "float32")):
    for dtype in dtypes:
        tolerance = TOLERANCE[dtype]
        x = logits.astype(dtype)
        leaf = torch.tensor(x, requires_grad=True)
        value, expected = loss.forward(x, target), theirs(leaf, rows, frames, loss.blank, loss.reduction)
        upstream = rng.uniform(0.5, 2.0, np.shape(value))
        expected.backward(torch.tensor(upstream).to(expected.dtype))
        assert np.shape(value) == expected.shape
        np.testing.assert_allclose(value, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(loss.backward(upstream), leaf.grad.numpy(), rtol=tolerance, atol=tolerance)


@every_reduction
@every_seed
def test_ctc_with_lengths(seed, reduction):
    logits, blank, rows, frames, rng = draw(seed)
    lengths = [len(row) for row in rows]
    target = rows
    if seed % 4 < 2:
        target = np.full((len(rows), max(lengths)), blank)
        for row, own in zip(rows, target, strict=True):
            own[: len(row)] = row
    agree(CTC(blank=blank, reduction=reduction), logits, (target, frames, lengths), rows, frames, rng)


@every_reduction
@every_seed
def test_ctc_over_all_frames(seed, reduction):
    logits, blank, rows, _, rng = draw(seed)
    N, T, _ = logits.shape
    agree(CTC(blank=blank, reduction=reduction), logits, rows, rows, np.full(N, T), rng)


@every_reduction
def test_ctc_on_one_array_of_labels(reduction):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 2, (4, 30, 9)), rng.integers(1, 9, (4, 7))
    agree(CTC(reduction=reduction), logits, labels, list(labels), np.full(4, 30), rng)


def test_ctc_on_extreme_logits():
    rng = np.random.default_rng(1)
    logits = rng.choice([-1e4, 0, 1e4], (5, 12, 4))
    rows = [rng.integers(1, 4, size=n) for n in (0, 1, 2, 4, 6)]
    agree(CTC(reduction="none"), logits, rows, rows, np.full(5, 12), rng, dtypes=["float64"])


def test_the_random_draws_reach_every_kind_of_target():
    draws = [draw(seed) for seed in range(24)]
    sequences = [row for _, _, rows, _, _ in draws for row in rows]
    assert any(len(row) == 0 for row in sequences)
    assert any((row[1:] == row[:-1]).any() for row in sequences)
    assert any(sum(map(len, rows)) == 0 for _, _, rows, _, _ in draws)
    assert any(len({len(row) for row in rows}) > 2 for _, _, rows, _, _ in draws)
    assert any(len(set(frames.tolist())) > 2 and frames.max() < x.shape[1] for x, _, _, frames, _ in draws)
    assert {blank > 0 for _, blank, _, _, _ in draws} == {True, False}
