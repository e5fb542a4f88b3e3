"""The loss of label sequences whose place in time is not known: connectionist temporal classification."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from .base import Array, Loss


class CTCTarget(NamedTuple):
    labels: Array  # (N, S), filled with blanks behind each example's own
    lengths: Array  # (N,), how many of the S are labels
    frames: Array  # (N,), how many of the T count


class CTC(Loss):
    """L_i = -log Σ_π Π_t p_tπ(t),   dL_i/dx_tc = p_tc - P(π(t) = c),   p = softmax(x)

    x is the prediction, logits. The sum is over all paths π, one class a frame, that read as the target once
    repeats are merged and then blanks dropped; P is the share of that sum. A path walks along the S labels
    with a blank before, between and behind them, S' = 2S + 1 states: at each frame it stays, goes one state
    on, or two, past a blank between labels that differ. With q_ts the p_t of what state s stands for,

        α_t(s) = q_ts Σ α_{t-1}(s')         over the s' that lead to s: frames up to t, t being in s
        β_t(s) = Σ q_{t+1,s'} β_{t+1}(s')   over the s' that s leads to: the frames after t
        Σ_s α_t(s) β_t(s) is the whole sum for every t, and each s is its share of P(π(t) = c)

    Shapes: logits (N, T, C), values (N,). The target is integers (N, S), a list of N integer sequences, or
    (targets, input_lengths, target_lengths), a tuple, with targets of either kind and None for full lengths;
    what lies past a length is padding, and frames there have gradient 0.
    The mean divides each value by its target's length, or by 1 for an empty target, and then by N, as
    PyTorch's does.
    Raises: ValueError for labels that are not integers, or blank, or outside 0..C-1; for lengths beyond T
    or S; for a target that needs more frames than it has, one a label and one between equal neighbours,
    where PyTorch returns infinity.
    Source: Graves et al., Connectionist temporal classification, 2006, section 4.
    """

    def __init__(self, *, blank: int = 0, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.blank = read_blank(type(self).__name__, blank)

    def read_target(self, prediction: Array, target: Any) -> CTCTarget:
        N, T, C = expect_logits(self, prediction, self.blank)
        frames = lengths = None
        if isinstance(target, tuple):
            if len(target) != 3:
                raise ValueError(
                    f"{self}: expected the tuple (targets, input_lengths, target_lengths), "
                    f"got one of {len(target)}; put N sequences into a list"
                )
            target, frames, lengths = target
        rows = self.read_rows(target, N)
        sizes = np.array([row.size for row in rows])
        lengths = sizes if lengths is None else read_lengths(self, "target_lengths", lengths, 0, sizes)
        frames = read_lengths(self, "input_lengths", [T] * N if frames is None else frames, 1, np.full(N, T))

        labels = np.full((N, lengths.max()), self.blank)
        for row, length, own in zip(rows, lengths, labels, strict=True):
            own[:length] = row[:length]
        real = np.arange(labels.shape[1]) < lengths[:, None]
        outside = (labels < 0) | (labels >= C)
        self.refuse(
            real & outside, f"labels in 0..C-1 = 0..{C - 1}", labels, "padding needs the tuple with lengths"
        )
        blanks = real & (labels == self.blank)
        self.refuse(
            blanks, f"labels other than blank={self.blank}", labels, "padding needs the tuple with lengths"
        )
        repeats = (real[:, 1:] & (labels[:, 1:] == labels[:, :-1])).sum(axis=1)
        for i in np.flatnonzero(frames < lengths + repeats)[:1]:
            raise ValueError(
                f"{self}: expected at least {lengths[i] + repeats[i]} frames for example {i} "
                f"({lengths[i]} labels, {repeats[i]} equal to the one before), got {frames[i]}; "
                "drop the example or take shorter frames"
            )
        return CTCTarget(labels, lengths, frames)

    def read_rows(self, target: Any, N: int) -> list[Array]:
        """The labels of each example, padding too.   Raises: ValueError for what is no row of integers."""
        if not isinstance(target, list):
            target = self.expect_array("target", target, kinds="biuf")
            if target.ndim != 2:
                raise ValueError(
                    f"{self}: expected target to be a list of {N} sequences or of shape ({N}, S), "
                    f"got {target.shape}; one row of labels for each example"
                )
        if len(target) != N:
            raise ValueError(f"{self}: expected {N} rows of labels, got {len(target)}; one for each example")
        rows = [np.asarray(row) for row in target]
        for i, row in enumerate(rows):
            if row.ndim != 1 or (row.size and row.dtype.kind not in "iu"):
                raise ValueError(
                    f"{self}: expected a row of integer labels, got {row.dtype} of shape {row.shape} "
                    f"for example {i}; write target.astype(int)"
                )
        return rows

    def terms(self, prediction: Array, target: CTCTarget) -> tuple[Array, Array]:
        labels, lengths, frames = target
        N, T, _ = prediction.shape
        x = prediction.astype(np.result_type(prediction, np.float64))  # logs of T factors need the digits
        shifted = x - x.real.max(axis=-1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

        states = np.full((N, 2 * labels.shape[1] + 1), self.blank)  # (N, S')
        states[:, 1::2] = labels
        over = np.full(states.shape, -np.inf)  # log of 1 where a blank may be passed to get here, else of 0
        over[:, 3::2] = np.where(labels[:, 1:] == labels[:, :-1], -np.inf, 0)
        log_q = np.take_along_axis(log_p, states[:, None], axis=2)  # (N, T, C) at (N, 1, S') -> (N, T, S')
        log_sum, shares = walk(log_q, over, lengths, frames)

        derivative = np.exp(log_p)
        example, frame = np.arange(N)[:, None, None], np.arange(T)[:, None]
        np.subtract.at(derivative, (example, frame, states[:, None]), shares)  # a class may be several states
        derivative *= (np.arange(T) < frames[:, None])[..., None]
        return (0 - log_sum).astype(prediction.dtype), derivative.astype(prediction.dtype)

    def count(self, values: Array, target: CTCTarget) -> Array:
        return np.maximum(target.lengths, 1) * float(values.size)

    def options(self) -> dict[str, Any]:
        return {"blank": self.blank} if self.blank else {}


def walk(log_q: Array, over: Array, lengths: Array, frames: Array) -> tuple[Array, Array]:
    """Log of the sum over all paths, and the share of it that is in each state, at each frame.

    Shapes: log_q (N, T, S'), over (N, S'), lengths and frames (N,); the sum (N,), the shares (N, T, S').
    """
    place, end = np.arange(log_q.shape[2]), 2 * lengths[:, None]
    log_0 = np.full_like(log_q[:, 0], -np.inf)
    alphas, shares = np.empty_like(log_q), np.empty_like(log_q)
    alpha = np.where(place == 0, 0, log_0)  # before the first frame, as state 0 leads to 0 and to 1
    for t in range(log_q.shape[1]):
        came = log_add(alpha, shift(alpha, 1), shift(alpha, 2) + over)
        alpha = np.where(t < frames[:, None], log_q[:, t] + came, alpha)  # past its frames a row stands still
        alphas[:, t] = alpha

    beta = np.where((place == end) | (place == end - 1), 0, log_0)
    log_sum = log_add(*(alpha + beta).T)
    for t in reversed(range(log_q.shape[1])):
        both = alphas[:, t] + beta
        e = np.exp(both - both.real.max(axis=-1, keepdims=True))
        shares[:, t] = e / e.sum(axis=-1, keepdims=True)  # by the sum at t, so that rounding cannot overflow
        ahead = log_q[:, t] + beta
        leads = log_add(ahead, shift(ahead, -1), shift(ahead + over, -2))
        beta = np.where(t < frames[:, None], leads, beta)
    return log_sum, shares


def log_add(*logs: Array) -> Array:
    """log Σ exp, entry by entry; a sum of nothing but log 0 = -inf is -inf."""
    terms = np.stack(logs)
    top = np.maximum(terms.real.max(axis=0), np.finfo(np.float64).min)  # finite, as -inf - -inf is NaN
    with np.errstate(divide="ignore"):
        added: Array = top + np.log(np.exp(terms - top).sum(axis=0))
    return added


def shift(logs: Array, steps: int) -> Array:
    """The entries of the last axis moved by so many places, log 0 in those left free."""
    moved = np.full_like(logs, -np.inf)
    if steps > 0:
        moved[:, steps:] = logs[:, :-steps]
    else:
        moved[:, :steps] = logs[:, -steps:]
    return moved


def expect_logits(who: Any, logits: Array, blank: int) -> tuple[int, int, int]:
    """N, T, C.   Raises: ValueError for logits of other than three axes, and a blank that is no class."""
    if logits.ndim != 3:
        raise ValueError(
            f"{who}: expected logits of shape (N, T, C), got {logits.shape}; the class axis is the last"
        )
    N, T, C = logits.shape
    if blank >= C:
        raise ValueError(
            f"{who}: expected blank in 0..C-1 = 0..{C - 1}, got {blank}; the blank is a class too"
        )
    return N, T, C


def read_blank(who: str, blank: Any) -> int:
    """The class that stands for no label.   Raises: TypeError for no integer, ValueError below 0."""
    try:
        index = operator.index(blank)
    except TypeError:
        raise TypeError(f"{who}: expected blank to be an integer, got {blank!r}; 0 is usual") from None
    if index < 0:
        raise ValueError(f"{who}: expected blank to be a class from 0, got {index}; 0 is usual")
    return index


def read_lengths(who: Any, what: str, lengths: Any, least: int, most: Array) -> Array:
    """One integer for each example, from `least` to its entry of `most`.   Raises: ValueError."""
    array = np.asarray(lengths)
    if array.shape != most.shape or array.dtype.kind not in "iu":
        raise ValueError(
            f"{who}: expected {what} to be {len(most)} integers, got {array.dtype} of shape {array.shape}; "
            "one for each example"
        )
    for i in np.flatnonzero((array < least) | (array > most))[:1]:
        raise ValueError(
            f"{who}: expected {what} in {least}..{most[i]}, got {array[i]} for example {i}; "
            + ("leave the example out" if array[i] < least else "a length cannot exceed its axis")
        )
    return array.astype(np.intp)
