"""The pytest fixture `gradcheck`, which needs no import once the package is installed.

    def test_scale(gradcheck):
        gradcheck(Scale(5), (4, 5))

From a checkout, write pytest_plugins = ["gradcheck.fixture"] in conftest.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from .report import Report


class Check(Protocol):
    def __call__(self, checked: Any, /, *given: Any, **options: Any) -> Report: ...


@pytest.fixture
def gradcheck() -> Check:
    """gradcheck(layer, x) or gradcheck(loss, prediction, target): the test fails with the report as its text.

    Options are those of check_layer and check_loss; the report comes back where all is right.
    """
    from .check import check_layer, check_loss  # here, as pytest loads this file in every run

    def check(checked: Any, /, *given: Any, **options: Any) -> Report:
        __tracebackhide__ = True
        is_loss = not hasattr(checked, "params") and (len(given) == 2 or "target" in options)
        report = (check_loss if is_loss else check_layer)(checked, *given, **options)
        if not report.passed:
            pytest.fail(str(report), pytrace=False)
        return report

    return check
