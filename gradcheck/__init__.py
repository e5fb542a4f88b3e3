"""Is this backward right, and if not, which mistake is it?"""

from .check import assert_layer, assert_loss, check_layer, check_loss
from .numeric import numeric_gradient
from .report import Finding, Report, Result

__all__ = [
    "Finding",
    "Report",
    "Result",
    "assert_layer",
    "assert_loss",
    "check_layer",
    "check_loss",
    "numeric_gradient",
]
