"""Is this backward right, and if not, which mistake is it?

A name is loaded when it is first used: its plugin brings this package into every run of pytest, and most
of those want none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .check import assert_layer, assert_loss, check_layer, check_loss
    from .derivatives import jacobian, jvp, vjp
    from .network import assert_network, check_network
    from .numeric import numeric_gradient, numeric_jacobian
    from .report import Finding, Report, Result

__all__ = [
    "Finding",
    "Report",
    "Result",
    "assert_layer",
    "assert_loss",
    "assert_network",
    "check_layer",
    "check_loss",
    "check_network",
    "jacobian",
    "jvp",
    "numeric_gradient",
    "numeric_jacobian",
    "vjp",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in ("check", "derivatives", "network", "numeric", "report"):
            module = import_module(f".{home}", __name__)
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
