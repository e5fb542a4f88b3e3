"""The layer to check: of an expression, or of a class called with nothing, or with sizes that suit it."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from .load import UsageError, did_you_mean, in_one_line, is_layer, kind_of, place_of, users_mistakes

FIRST, OTHERS = 5, (3, 2, 4, 6)  # sizes to call with
# the words that names of sizes are made of, and no others
OF_SIZES = re.compile(
    r"((^|_)(n|nin|nout|num|number|d|dims?|m|h|c|ch|f|ff|k|kernel|filters?|sizes?|units|width|features?|channels?"
    r"|in|out|inputs?|outputs?|of|fan|neurons|nodes|classes|hid|hidden|latent|emb|embed|embedding|vocab|model))+"
)

# what sizes that do not suit a constructor lead to
UNSUITED = (ValueError, TypeError, IndexError, AssertionError, ZeroDivisionError)

Built = tuple[str, Any]  # what was called, and the layer


def build(file: str, name: str, value: Any, fits: Callable[[Any], bool], axes: Sequence[int] = ()) -> Built:
    """The layer itself, or the class called without arguments, or with sizes where it asks for nothing else.

    Sizes are made up, the first perhaps of an axis of x, and serve where `fits` says so of the layer.
    Raises: UsageError with what to type.
    """
    if not isinstance(value, type):
        return name, value
    place, needed = place_of(file, value), _needed(value)
    if not needed:
        with users_mistakes(file, place):
            return name, value()
    if all(map(_is_size, needed.values())):
        for first in (FIRST, *axes):
            given = _arguments(needed, first)
            with users_mistakes(file, place), contextlib.suppress(*UNSUITED):
                layer = value(*given.args, **given.kwargs)
                if fits(layer):
                    return f"{name}{_as_typed(given)}", layer
    typed = _as_typed(_arguments(needed, FIRST))
    raise UsageError(
        f'{place}: {name} needs {", ".join(needed)}; type --init "{name}{typed}", with values of yours'
    )


def evaluate(module: ModuleType, expression: str, cls: Any = object) -> Built:
    """The layer, one of `cls`, of an expression such as "Affine(3, 2)" over the file's names and np.

    Raises: UsageError.
    """
    file, names = str(module.__file__), {"np": np, **vars(module)}
    try:
        with users_mistakes(file):
            layer = eval(expression, names)
    except UsageError:
        raise
    except NameError as error:
        raise UsageError(f"--init: {in_one_line(error)}{did_you_mean(error.name or '', names)}") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"--init: {in_one_line(error)} in {expression!r}") from error
    if isinstance(layer, type) and is_layer(layer):
        raise UsageError(f"--init: expected a layer, got {kind_of(layer)}; call it: {layer.__name__}(...)")
    if not is_layer(layer):
        raise UsageError(f"--init: expected a layer, got {kind_of(layer)} from {expression!r}")
    if isinstance(cls, type) and not isinstance(layer, cls):
        raise UsageError(
            f"--init: expected a {cls.__name__}, got {kind_of(layer)} from {expression!r}; "
            f"leave :{cls.__name__} out"
        )
    return expression, layer


def _needed(cls: Any) -> dict[str, inspect.Parameter]:
    """The parameters of __init__ that have no default."""
    try:
        signature = inspect.signature(cls.__init__)
        parameters = dict(list(signature.parameters.items())[1:])
    except (TypeError, ValueError):  # a constructor in C
        return {}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and parameter.kind not in variadic
    }


def _is_size(parameter: inspect.Parameter) -> bool:
    """Whether an argument's name says so: n_in, hidden_size, D."""
    name = re.sub(r"\d", "", parameter.name).lower().strip("_")
    return parameter.annotation in (parameter.empty, int, "int") and bool(OF_SIZES.fullmatch(name))


def _arguments(needed: dict[str, inspect.Parameter], first: int) -> inspect.BoundArguments:
    """Sizes, each another, and for what is no size its name."""
    sizes = itertools.chain([first], itertools.cycle(size for size in OTHERS if size != first))
    values = {name: next(sizes) if _is_size(one) else name for name, one in needed.items()}
    return inspect.BoundArguments(inspect.Signature(list(needed.values())), OrderedDict(values))


def _as_typed(given: inspect.BoundArguments) -> str:
    """ "(5, out=3)" """
    return f"({', '.join([*map(str, given.args), *(f'{key}={size}' for key, size in given.kwargs.items())])})"
