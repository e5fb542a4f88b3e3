"""Label sequences out of the logits that CTC trains."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .base import Array
from .ctc import expect_logits, read_blank, read_lengths


def greedy_decode(logits: Array, *, blank: int = 0, lengths: Any = None) -> list[list[int]]:
    """The labels of the most probable path: the best class of each frame, repeats merged, blanks dropped.

    Many paths read as one labelling, so that another labelling may be more probable (see beam_decode).
    Shapes: logits (N, T, C), lengths (N,) where not all T frames count; a list of integers for each example.
    Raises: TypeError and ValueError for what are no such logits, lengths or blank.
    Source: Graves et al., Connectionist temporal classification, 2006, section 3.2.
    """
    blank, lengths = _read("greedy_decode", logits, blank, lengths)
    best = logits.argmax(axis=-1)  # (N, T)
    kept = (best != blank) & (np.arange(best.shape[1]) < lengths[:, None])
    kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    return [row[new].tolist() for row, new in zip(best, kept, strict=True)]


def beam_decode(logits: Array, *, blank: int = 0, width: int = 10, lengths: Any = None) -> list[list[int]]:
    """The most probable labelling, as far as a search that keeps `width` prefixes a frame can see.

    A prefix is a labelling of the frames so far. Its probability is summed over its paths, those that end in
    a blank apart from those that end in its last label: only the former can grow by that same label.
    Once width is no less than the number of prefixes, nothing is dropped and the result is exact.
    Shapes: logits (N, T, C), lengths (N,) where not all T frames count; a list of integers for each example.
    Raises: TypeError and ValueError for what are no such logits, lengths, blank or width.
    Source: Hannun et al., First-pass large vocabulary continuous speech recognition using bi-directional
    recurrent DNNs, 2014, without its language model.
    """
    blank, lengths = _read("beam_decode", logits, blank, lengths)
    try:
        width = operator.index(width)
    except TypeError:
        raise TypeError(f"beam_decode: expected width to be an integer, got {width!r}; 10 is usual") from None
    if width < 1:
        raise ValueError(f"beam_decode: expected width of at least 1, got {width}; 10 is usual")
    x = logits.astype(np.float64)
    shifted = x - x.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return [_search(own[:length], blank, width) for own, length in zip(log_p, lengths, strict=True)]


def _search(log_p: Array, blank: int, width: int) -> list[int]:
    """The best prefix of the frames log_p (T, C)."""
    prefixes: list[tuple[int, ...]] = [()]
    in_blank, in_label = np.zeros(1), np.full(1, -np.inf)  # (W,), log of the sum over paths that end so
    for frame in log_p:
        total = np.logaddexp(in_blank, in_label)
        ends = [(i, prefix[-1]) for i, prefix in enumerate(prefixes) if prefix]
        held, last = np.array(ends, dtype=np.intp).reshape(-1, 2).T
        grown = total[:, None] + frame  # (W, C), a new label behind each prefix
        grown[held, last] = in_blank[held] + frame[last]
        grown[:, blank] = -np.inf
        in_blank, in_label = total + frame[blank], in_label.copy()  # the prefix as it was
        in_label[held] += frame[last]
        place = {prefix: i for i, prefix in enumerate(prefixes)}
        for i, label in ends:  # a prefix may also be the growth of another that is kept
            parent = place.get(prefixes[i][:-1])
            if parent is not None:
                in_label[i] = np.logaddexp(in_label[i], grown[parent, label])
                grown[parent, label] = -np.inf
        W, C = grown.shape
        in_blank = np.concatenate([in_blank, np.full(grown.size, -np.inf)])
        in_label = np.concatenate([in_label, grown.ravel()])
        score = np.logaddexp(in_blank, in_label)  # of the W prefixes as they were, then of all W C grown ones
        best = np.argsort(-score, kind="stable")[:width]
        best = best[score[best] > -np.inf]
        in_blank, in_label = in_blank[best], in_label[best]
        prefixes = [prefixes[k] if k < W else (*prefixes[(k - W) // C], (k - W) % C) for k in best.tolist()]
    return list(prefixes[0])


def _read(who: str, logits: Any, blank: Any, lengths: Any) -> tuple[int, Array]:
    """The blank and the length of each example.   Raises: TypeError, ValueError."""
    if not isinstance(logits, np.ndarray):
        raise TypeError(
            f"{who}: expected logits to be a NumPy array, got {type(logits).__name__}; "
            "convert it with np.asarray"
        )
    if logits.dtype.kind not in "biuf":
        raise TypeError(
            f"{who}: expected logits in real numbers, got {logits.dtype}; convert with .astype(float)"
        )
    blank = read_blank(who, blank)
    N, T, _ = expect_logits(who, logits, blank)
    if logits.size == 0:
        raise ValueError(
            f"{who}: expected at least one frame, got empty logits {logits.shape}; skip empty batches"
        )
    if not np.isfinite(logits).all():
        index = tuple(np.argwhere(~np.isfinite(logits))[0].tolist())
        raise ValueError(
            f"{who}: expected finite logits, got {logits[index]} at index {index}; "
            "look for NaN in the data or in the network's weights"
        )
    most = np.full(N, T)
    return blank, most if lengths is None else read_lengths(who, "lengths", lengths, 1, most)
