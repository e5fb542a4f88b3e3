"""Is this backward right?"""

from __future__ import annotations

from typing import Any

from .given import quietly, read_level, read_x, streams_of
from .loss import LossAsLayer
from .report import Report
from .run import run


def check_layer(layer: Any, x: Any, *, upstream: Any = None, level: str = "auto", rng: Any = 0) -> Report:
    """Compare layer.backward with the numeric gradients of sum(upstream * y), and with the contract.

    x is an array, or a shape such as (4, 3), which is drawn from N(0, 1); a tuple or list of those for a
    layer with several inputs. upstream is drawn likewise where it is None. Only copies run, in float64: the
    layer, the arrays and the global random state stay as they are.

    level: "full" tries every entry, "quick" two random directions an array, "auto" every entry of a small
    array, directions and a sample of entries of a larger one. Where zeros, ones or ties may hide a mistake,
    a second point is tried as well.

    Raises: TypeError and ValueError for an x, upstream or level that cannot be; what the layer itself raises.
    """
    if isinstance(layer, type):
        raise TypeError(f"check_layer: expected a layer, got the class {layer.__name__}; call it")
    streams = streams_of("check_layer", rng)
    inputs, several = read_x("check_layer", x, streams[0])
    level = read_level("check_layer", level)
    with quietly() as state:
        return run(layer, inputs, several, upstream, level, streams[1:], state)


def check_loss(loss: Any, prediction: Any, target: Any, *, rng: Any = 0) -> Report:
    """Compare loss.backward() with the numeric gradient of loss.forward(prediction, target).

    The gradient of prediction is named dx. Its factor upstream is checked too, with a random one of the
    value's shape where the loss returns an array (reduction="none"). Only copies run, in float64.

    Raises: TypeError for a prediction that cannot be; what the loss itself raises.
    """
    if isinstance(loss, type):
        raise TypeError(f"check_loss: expected a loss, got the class {loss.__name__}; call it")
    streams = streams_of("check_loss", rng)
    inputs, several = read_x("check_loss", prediction, streams[0])
    with quietly() as state:
        return run(LossAsLayer(loss, target), inputs, several, None, "auto", streams[1:], state)


def assert_layer(layer: Any, x: Any, *, upstream: Any = None, level: str = "auto", rng: Any = 0) -> None:
    """check_layer for tests.   Raises: AssertionError with the report as its text."""
    __tracebackhide__ = True
    report = check_layer(layer, x, upstream=upstream, level=level, rng=rng)
    if not report:
        raise AssertionError(str(report))


def assert_loss(loss: Any, prediction: Any, target: Any, *, rng: Any = 0) -> None:
    """check_loss for tests.   Raises: AssertionError with the report as its text."""
    __tracebackhide__ = True
    report = check_loss(loss, prediction, target, rng=rng)
    if not report:
        raise AssertionError(str(report))
