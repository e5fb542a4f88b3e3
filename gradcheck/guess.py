"""An x that a layer takes, where the user names none."""

from __future__ import annotations

import contextlib
import copy
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layers.base import Layer

from .load import UsageError, in_one_line
from .shapes import is_shape, own_shapes, sizes_of, usual_shapes

ABOUT_X = (ValueError, IndexError, AssertionError)  # what an x of the wrong shape may lead to


@dataclass(frozen=True)
class Example:
    """What to check with: x as check_layer takes it, for a loss its target too, and both in words."""

    x: Any
    words: str
    target: Any = None


def example_of(layer: Any, shapes: list[tuple[int, ...]], ids: int | None, seed: int) -> Example:
    """The x that is asked for, or the class's own example_shape, or the first guess that forward takes.

    Raises: UsageError where no guess fits, and for an example_shape that is none; what forward raises, where
    it raises the same for every guess.
    """
    rng = np.random.default_rng(seed)
    source = ""
    if not shapes:
        shapes, source = own_shapes(layer)
    if takes_target(layer):
        if ids is not None or len(shapes) > 2:
            raise UsageError("a loss takes --shape for the prediction, another for the target, and no --ids")
        target, usual = (shapes[1] if len(shapes) > 1 else None), [(4, 3), (4,)]
        tried = [one for shape in shapes[:1] or usual for one in _with_targets(shape, target, rng)]
        return _first_fit(layer, tried)
    if shapes:
        return _in_domain(layer, _said(_drawn(shapes, ids, rng), source), rng)
    several = _inputs_wanted(layer)
    try:
        guesses = [_drawn([shape] * several, ids, rng) for shape in usual_shapes(layer)]
        return _in_domain(layer, _first_fit(layer, guesses), rng)
    except (Exception, SystemExit):
        if ids is None and several == 1:  # a table wants numbers of its rows
            for size in sizes_of(layer)[-1:]:
                with contextlib.suppress(Exception, SystemExit):
                    return _first_fit(layer, [_drawn([(4, 3)], size, rng)])
        raise


def fits(layer: Any, shapes: list[tuple[int, ...]], ids: int | None, seed: int) -> bool:
    """Whether forward takes such an x, or has other troubles than its shape."""
    try:
        example = example_of(layer, shapes, ids, seed)
        if example.target is None:
            _forward(layer, _arrays(example.x))
    except (UsageError, *ABOUT_X):
        return False
    except (Exception, SystemExit):
        return True
    return True


def takes_target(layer: Any) -> bool:
    """Whether it is a loss: no Layer, and forward(prediction, target)."""
    if isinstance(layer, Layer):
        return False
    try:
        signature = inspect.signature(layer.forward)
    except (TypeError, ValueError):
        return False
    return _binds(signature, 2) and not _binds(signature, 1)


def _inputs_wanted(layer: Any) -> int:
    """How many inputs forward unpacks from x, told by its complaint about one array: 1 if it has none."""
    try:
        _forward(layer, np.ones((97, 5)))
    except (ValueError, TypeError) as error:
        if found := re.search(r"too many values to unpack \(expected ([2-9])", str(error)):
            return int(found[1])
        if "to be a tuple of" in str(error):
            return 2
    except (Exception, SystemExit):
        pass
    return 1


def _drawn(shapes: list[tuple[int, ...]], ids: int | None, rng: np.random.Generator) -> Example:
    words = f"x of shape {' and '.join(map(str, shapes))}"
    if ids is None:
        return Example(shapes if len(shapes) > 1 else shapes[0], words)
    drawn = tuple(rng.integers(ids, size=shape) for shape in shapes)
    for array in drawn:
        array.flat[-1] = array.flat[0]  # an id that comes twice has two gradients to add
    return Example(drawn if len(drawn) > 1 else drawn[0], f"{words} in whole numbers below {ids}")


def _with_targets(
    shape: tuple[int, ...], target: tuple[int, ...] | None, rng: np.random.Generator
) -> Iterator[Example]:
    """A prediction with probabilities as its target, with labels, and with zeros and ones.

    The prediction is from N(0, 1), or of probabilities where a loss takes no other.
    """
    share, other = rng.random(shape), rng.random(shape)
    shares = share / share.sum(axis=-1, keepdims=True), other / other.sum(axis=-1, keepdims=True)
    targets = {
        "probabilities": shares[0],
        "labels": rng.integers(shape[-1], size=shape[:-1]),
        "zeros and ones": rng.integers(2, size=shape),
    }
    if target is not None:
        targets = {kind: values for kind, values in targets.items() if values.shape == target}
        targets = targets or {"between 0 and 1": rng.random(target)}
    for drawn, prediction in {"": rng.standard_normal(shape), " (probabilities)": shares[1]}.items():
        for kind, values in targets.items():
            if values.ndim:
                words = f"prediction of shape {shape}{drawn} and target of shape {values.shape} ({kind})"
                yield Example(prediction, words, values)


def _first_fit(layer: Any, tried: list[Example]) -> Example:
    """The first that forward takes, better one whose y has as many rows as x has, or a loss's finite value.

    Raises: UsageError where none fits; what forward raises, where it raises the same for all.
    """
    fits, errors = list[Example](), list[BaseException]()
    for example in tried:
        x = _arrays(example.x)
        try:
            y = _forward(layer, x, *([] if example.target is None else [example.target]))
        except (Exception, SystemExit) as error:
            errors.append(error)
            continue
        if _fits(x, y) if example.target is None else _is_finite(y):
            return _said(example, ", the first that forward took")
        fits.append(example)
    if fits:
        return _said(fits[0], ", the first that forward took")
    if len({(type(error), str(error)) for error in errors}) == 1 and not isinstance(errors[0], ABOUT_X):
        raise errors[0]
    raise UsageError(
        f"no usual shape fits, the last try was {tried[-1].words}: {in_one_line(errors[-1])}; type --shape "
        "with the sizes of x, again for each other input, and --ids N for whole numbers, or write "
        "example_shape = (4, 5) in the class"
    ) from errors[-1]


def _fits(x: Any, y: Any) -> bool:
    """Whether y has as many rows as x."""
    rows = np.shape(x[0] if isinstance(x, tuple) else x)[0]
    first = y[0] if isinstance(y, tuple) and y else y
    return bool(np.ndim(first) and len(first) == rows and np.size(first))


def _is_finite(y: Any) -> bool:
    if isinstance(y, tuple):
        return all(map(_is_finite, y))
    return isinstance(y, float | int | np.generic | np.ndarray) and bool(np.isfinite(y).all())


def _in_domain(layer: Any, example: Example, rng: np.random.Generator) -> Example:
    """The example, or one between 0 and 1 where forward is finite there alone, as a log or a root is."""
    drawn = _arrays(example.x)
    parts = drawn if isinstance(drawn, tuple) else (drawn,)
    inside = tuple(rng.uniform(0.1, 0.9, x.shape) if x.dtype.kind == "f" else x for x in parts)
    other = replace(example, x=inside if isinstance(drawn, tuple) else inside[0])
    try:
        finite = [_is_finite(_forward(layer, _arrays(one.x))) for one in (example, other)]
    except (Exception, SystemExit):
        return example
    if finite != [False, True]:
        return example
    return _said(other, ", between 0 and 1 as forward is not finite elsewhere")


def _said(example: Example, more: str) -> Example:
    return replace(example, words=example.words + more)


def _arrays(x: Any) -> Any:
    """x as forward takes it, drawn where it is a shape."""
    rng = np.random.default_rng(0)
    if isinstance(x, list):
        return tuple(rng.standard_normal(shape) for shape in x)
    return rng.standard_normal(x) if isinstance(x, tuple) and is_shape(x) else x


def _forward(layer: Any, *given: Any) -> Any:
    with np.errstate(all="ignore"):
        return copy.deepcopy(layer).forward(*copy.deepcopy(given))


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True
