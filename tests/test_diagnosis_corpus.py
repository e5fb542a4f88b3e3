"""A sample of the wrong backwards of benchmarks/mutants: every one is found, and most are named.

All of them, beside other checkers, are in benchmarks/diagnosis.py.
"""

import functools
import importlib

import pytest

from gradcheck import check_layer, check_loss

FILES = (
    *("affine", "elementwise", "softmax", "gates", "networks", "losses", "contract", "reductions"),
    *("conv", "pools", "norms", "embedding", "recurrent", "attention", "deep"),
)
MUTANTS = [m for file in FILES for m in importlib.import_module(f"benchmarks.mutants.{file}").MUTANTS]
SAMPLE = {mutant.id: mutant for mutant in MUTANTS[::5]}


@functools.cache
def report_of(id):
    mutant = SAMPLE[id]
    if mutant.target is not None:
        return check_loss(mutant.build(), mutant.x, mutant.target)
    return check_layer(mutant.build(), mutant.x)


def cause_of(id):
    return next((finding.kind for finding in report_of(id).findings if finding.kind != "kink"), "nothing")


@pytest.mark.parametrize("id", SAMPLE)
def test_a_wrong_backward_is_found(id):
    report = report_of(id)
    # a warning, with which a check passes
    aliasing = "aliasing" in SAMPLE[id].kinds and cause_of(id) == "aliasing"
    assert aliasing or not report.passed, str(report)


def test_most_causes_are_right():
    right = [id for id, mutant in SAMPLE.items() if cause_of(id) in mutant.kinds]
    wrong = {id: cause_of(id) for id in SAMPLE if id not in right}
    assert len(right) >= 0.80 * len(SAMPLE), wrong
