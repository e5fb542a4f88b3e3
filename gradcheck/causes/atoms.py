"""Arrays that a formula may hold: those at hand, functions of them, what sums along their axes give."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from layers.base import Array

from .evidence import Evidence

FORMS: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("{}", lambda c: c),
    ("{}²", lambda c: c * c),
    ("(1 - {})", lambda c: 1 - c),
    ("(1 - {}²)", lambda c: 1 - c * c),
    ("{0} (1 - {0})", lambda c: c * (1 - c)),
    ("sqrt({})", lambda c: np.sqrt(np.abs(c))),
    ("(1 + {})", lambda c: 1 + c),
    ("exp({})", np.exp),
    ("1 / {}", lambda c: 1 / c),
    ("({} > 0)", lambda c: (c > 0).astype(float)),
)


def at_hand(e: Evidence, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """The known arrays of numbers that broadcast to the shape."""
    for label, array in e.known.items():
        if array.dtype.kind in "fiub":
            fitted = fit(array.astype(np.float64), shape)
            if fitted is not None:
                yield label, fitted


def factors(e: Evidence) -> Iterator[tuple[Array, str, str]]:
    """What could be a factor, of every output ("y") or of every entry ("theta")."""
    places = (("y", e.y_shape), ("theta", e.shape))
    for label, array in e.known.items():
        for where, shape in places:
            c = fit(array.astype(np.float64), shape) if array.dtype.kind in "fiub" else None
            if c is None:
                continue
            for text, form in FORMS:
                value = form(c)
                if np.isfinite(value).all():
                    is_mask = text == "({} > 0)" and array.dtype.kind != "f"
                    yield value, label if is_mask else text.format(label), where
    for where, shape in places:
        for text, value in sums(e, shape):
            yield value, text, where


def sums(e: Evidence, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Lengths along an axis, and shares of a sum, of x, y and the parameters."""
    for label, array in e.known.items():
        if array.dtype.kind != "f" or not 1 <= array.ndim <= 3 or "[" in label:
            continue
        for axis in range(array.ndim):
            if array.shape[axis] < 2:
                continue
            length = np.sqrt((array * array).sum(axis=axis, keepdims=True))
            share = np.exp(array - array.max(axis=axis, keepdims=True))
            share /= share.sum(axis=axis, keepdims=True)
            for text, value in (("|{}| along axis {}", length), ("softmax({}) over axis {}", share)):
                for kept in (value, value.squeeze(axis)) if value.shape[axis] == 1 else (value,):
                    fitted = fit(kept, shape)
                    if fitted is not None and (kept is value or kept.shape == shape):
                        yield text.format(label, axis), fitted
                        break


def fit(c: Array, shape: tuple[int, ...]) -> Array | None:
    """c as it broadcasts to the shape, NumPy's way or a channel's; None where it does not."""
    if not c.size:
        return None
    try:
        return np.array(np.broadcast_to(c, shape))
    except ValueError:
        pass
    if c.ndim == 1 and len(shape) > 2 and shape[1] == c.size:
        return np.array(np.broadcast_to(c.reshape(-1, *[1] * (len(shape) - 2)), shape))
    if c.ndim == 1 and len(shape) == 2 and shape[0] == c.size:
        return np.array(np.broadcast_to(c[:, None], shape))
    return None
