"""Attention by loops, one query at a time."""

import math

import numpy as np


def array(*rows):
    return np.array(rows, dtype=float)


def attend(q, k, v, allowed=None):
    """y = softmax(q kᵀ / sqrt(D)) v, one query at a time, over the allowed keys only."""
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for row in np.ndindex(q.shape[:-1]):
        *lead, t = row
        keys = [s for s in range(k.shape[-2]) if allowed is None or allowed[(*lead, t, s)]]
        logits = [sum(q[row] * k[(*lead, s)]) / math.sqrt(q.shape[-1]) for s in keys]
        powers = [math.exp(logit - max(logits)) for logit in logits]
        for s, power in zip(keys, powers, strict=True):
            y[row] += power / sum(powers) * v[(*lead, s)]
    return y
