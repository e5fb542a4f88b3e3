"""What the normalisations refuse of x and of their arguments, and how they show themselves."""

import math

import numpy as np
import pytest

from layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (LayerNorm(3), (4, 5), r"LayerNorm\(3\): expected x of shape \(N, 3\), got \(4, 5\)"),
        (LayerNorm(3), (3,), r"LayerNorm\(3\): expected x of shape \(N, 3\), got \(3,\)"),
        (
            LayerNorm((3, 5)),
            (4, 5, 3),
            r"LayerNorm\(\(3, 5\)\): expected x of shape \(N, 3, 5\), got \(4, 5, 3\)",
        ),
        (RMSNorm(3), (4, 2, 5), r"RMSNorm\(3\): expected x of shape \(N, \.\.\., 3\), got \(4, 2, 5\)"),
        (RMSNorm((3, 5)), (3, 5), r"RMSNorm\(\(3, 5\)\): expected x of shape \(N, 3, 5\), got \(3, 5\)"),
        (GroupNorm(2, 4), (4, 6), r"GroupNorm\(2, 4\): expected x of shape \(N, 4\), got \(4, 6\)"),
        (GroupNorm(2, 4), (4,), r"GroupNorm\(2, 4\): expected x of shape \(N, 4\), got \(4,\)"),
        (
            GroupNorm(2, 4),
            (2, 4, 0),
            r"GroupNorm\(2, 4\): expected a value in every group, got x of shape \(2, 4, 0\)",
        ),
        (
            InstanceNorm(4),
            (2, 3, 5),
            r"InstanceNorm\(4\): expected x of shape \(N, 4, \.\.\.\), got \(2, 3, 5\)",
        ),
        (InstanceNorm(4), (2, 4), r"InstanceNorm\(4\): expected more than one value .* shape \(2, 4\)"),
        (
            InstanceNorm(4, affine=True),
            (2, 4, 1, 1),
            r"InstanceNorm\(4, affine=True\): expected more than one value .* shape \(2, 4, 1, 1\)",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_an_x_of_another_shape_is_refused(layer, x, message, mode):
    with pytest.raises(ValueError, match=message):
        getattr(layer, mode)().forward(np.ones(x, np.float32))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: LayerNorm(0), ValueError, r"LayerNorm: expected features >= 1, got 0"),
        (lambda: LayerNorm((3, -1)), ValueError, r"LayerNorm: expected features >= 1, got \(3, -1\)"),
        (lambda: LayerNorm(()), ValueError, r"LayerNorm: expected features to be an integer, got \(\)"),
        (lambda: LayerNorm(2.5), TypeError, r"LayerNorm: expected features to be an integer, got 2\.5"),
        (lambda: LayerNorm(3, eps=-1e-5), ValueError, r"LayerNorm: expected eps >= 0 .*, got -1e-05"),
        (lambda: RMSNorm((0,)), ValueError, r"RMSNorm: expected features >= 1, got \(0,\)"),
        (lambda: RMSNorm(3, eps=math.nan), ValueError, r"RMSNorm: expected eps >= 0 and finite, got nan"),
        (lambda: GroupNorm(0, 4), ValueError, r"GroupNorm: expected groups >= 1, got 0"),
        (lambda: GroupNorm(-2, 4), ValueError, r"GroupNorm: expected groups >= 1, got -2"),
        (lambda: GroupNorm(1.0, 4), TypeError, r"GroupNorm: expected groups to be an integer, got 1\.0"),
        (lambda: GroupNorm(1, 0), ValueError, r"GroupNorm: expected channels >= 1, got 0"),
        (lambda: GroupNorm(4, 6), ValueError, r"GroupNorm: expected groups that divide the 6 .* 4; use 2"),
        (lambda: GroupNorm(2, 4, eps=-1), ValueError, r"GroupNorm: expected eps >= 0 .*, got -1"),
        (lambda: InstanceNorm(0), ValueError, r"InstanceNorm: expected channels >= 1, got 0"),
        (lambda: InstanceNorm("4"), TypeError, r"InstanceNorm: expected channels to be an integer, got '4'"),
        (lambda: InstanceNorm(4, eps=math.inf), ValueError, r"InstanceNorm: expected eps .*, got inf"),
        (
            lambda: InstanceNorm(True),
            TypeError,
            r"InstanceNorm: expected channels to be an integer, got True",
        ),
        (lambda: GroupNorm(2, (4,)), TypeError, r"GroupNorm: expected channels to be an integer, got \(4,\)"),
        (lambda: LayerNorm(3, eps=None), TypeError, r"LayerNorm: expected eps to be a number, got None"),
        (lambda: RMSNorm(3, eps="1e-6"), TypeError, r"RMSNorm: expected eps to be a number, got '1e-6'"),
        (lambda: BatchNorm(3, eps=True), TypeError, r"BatchNorm: expected eps to be a number, got True"),
        (lambda: BatchNorm([3]), TypeError, r"BatchNorm: expected features to be an integer, got \[3\]"),
        (
            lambda: BatchNorm(3, momentum=None),
            TypeError,
            r"BatchNorm: expected momentum to be a number, got N",
        ),
        (
            lambda: BatchNorm(3, momentum=1.1),
            ValueError,
            r"BatchNorm: expected momentum in \[0, 1\], got 1\.1",
        ),
    ],
)
def test_a_constructor_checks_its_arguments(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_reprs_show_the_sizes():
    assert [repr(layer) for layer in (LayerNorm(3), LayerNorm((3, 5)), LayerNorm([5]), RMSNorm((2, 3)))] == [
        "LayerNorm(3)",
        "LayerNorm((3, 5))",
        "LayerNorm(5)",
        "RMSNorm((2, 3))",
    ]
    assert repr(GroupNorm(2, 6, affine=False)) == "GroupNorm(2, 6, affine=False)"
    assert repr(InstanceNorm(3, affine=True)) == "InstanceNorm(3, affine=True)"
