"""CTC by hand and against a sum over all paths, what it refuses, and the two ways of decoding."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest

from gradcheck import check_loss
from losses import CTC, beam_decode, greedy_decode


def read(path, blank=0):
    """The labelling of a path: repeats merged, then blanks dropped."""
    return tuple(c for c, _ in itertools.groupby(path) if c != blank)


def labellings(logits, blank=0):
    """The probability of every labelling of logits (T, C), path by path."""
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    T, C = logits.shape
    sums = defaultdict(list)
    for path in itertools.product(range(C), repeat=T):
        sums[read(path, blank)].append(math.prod(p[t, c] for t, c in enumerate(path)))
    return {labelling: math.fsum(terms) for labelling, terms in sums.items()}


def draw(seed, *shape):
    return np.random.default_rng(seed).normal(0, 1.5, shape)


# Values


def test_one_label_in_two_frames_by_hand():
    # p(-) and p(a) are 1/4, 3/4 and 2/5, 3/5; the paths are a- = 6/20, -a = 3/20, aa = 9/20
    logits = np.log([[[1.0, 3.0], [2.0, 3.0]]])
    loss = CTC()
    assert loss.forward(logits, np.array([[1]])) == pytest.approx(math.log(20 / 18), rel=1e-14)
    # of 18 shares, frame 0 is a in a- and aa: 15; frame 1 is a in -a and aa: 12
    expected = [[[1 / 4 - 3 / 18, 3 / 4 - 15 / 18], [2 / 5 - 6 / 18, 3 / 5 - 12 / 18]]]
    assert loss.backward() == pytest.approx(np.array(expected), rel=1e-13)


def test_a_repeated_label_needs_the_blank_between_by_hand():
    logits = np.log([[[1.0, 3.0], [2.0, 3.0], [1.0, 1.0]]])  # the one path is a-a
    assert CTC(reduction="sum").forward(logits, [[1, 1]]) == pytest.approx(-math.log(3 / 4 * 2 / 5 / 2))


def test_an_empty_target_is_all_blanks():
    logits = np.log([[[1.0, 3.0], [2.0, 3.0]]])
    loss = CTC()
    for target in ([[]], [np.zeros(0, int)], np.zeros((1, 0), int)):
        assert loss.forward(logits, target) == pytest.approx(-math.log(1 / 4 * 2 / 5), rel=1e-14)
        assert loss.backward() == pytest.approx(np.array([[[-3 / 4, 3 / 4], [-3 / 5, 3 / 5]]]), rel=1e-13)


def test_the_mean_is_of_the_loss_per_label():
    logits, target = draw(0, 3, 5, 4), [[1, 2], [], [3, 1, 2]]
    values = CTC(reduction="none").forward(logits, target)
    assert CTC(reduction="sum").forward(logits, target) == pytest.approx(values.sum(), rel=1e-14)
    mean = CTC()
    assert mean.forward(logits, target) == pytest.approx(
        (values[0] / 2 + values[1] + values[2] / 3) / 3, rel=1e-14
    )
    each = CTC(reduction="none")
    each.forward(logits, target)
    assert mean.backward() == pytest.approx(each.backward(np.array([1 / 6, 1 / 3, 1 / 9])), rel=1e-14)


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("T", [1, 2, 4])
def test_values_are_the_sum_over_all_paths(T, blank):
    logits = draw(T, 1, T, 3)
    loss = CTC(blank=blank)
    every = labellings(logits[0], blank)
    assert sum(every.values()) == pytest.approx(1)
    for labelling, p in every.items():
        value = CTC(blank=blank, reduction="none").forward(logits, [list(labelling)])
        assert value == pytest.approx([-math.log(p)], rel=1e-12)
        assert loss.forward(logits, [list(labelling)]) == pytest.approx(value[0] / max(len(labelling), 1))


@pytest.mark.parametrize(
    ("target", "reduction"),
    [([[2], [1, 1]], "mean"), ([[1, 2, 1], []], "none"), (([[1], [2, 2]], [2, 4], [1, 2]), "mean")],
    ids=str,
)
def test_gradients_are_those_that_differences_measure(target, reduction):
    report = check_loss(CTC(reduction=reduction), draw(1, 2, 4, 3), target)
    assert report.passed, str(report)
    assert not report.findings, str(report)


def test_each_row_of_the_gradient_adds_up_to_0():
    loss = CTC()
    loss.forward(draw(2, 2, 40, 5), [[1, 1, 2, 4], [3] * 11])
    assert loss.backward().sum(axis=-1) == pytest.approx(np.zeros((2, 40)), abs=1e-15)


# Targets


def test_padding_and_late_frames_count_nothing():
    logits = draw(3, 2, 6, 4)
    loss = CTC(reduction="none")
    alone = [
        loss.forward(logits[:1, :4], [[3, 3]])[0],
        loss.forward(logits[1:, :6], [[1, 2, 1]])[0],
    ]
    for padding in (0, 3, -1, 99):
        padded = np.array([[3, 3, padding], [1, 2, 1]])
        values = loss.forward(logits, (padded, np.array([4, 6], np.uint8), [2, 3]))
        assert values == pytest.approx(alone, rel=1e-14)
        dlogits = loss.backward(np.ones(2))
        assert (dlogits[0, 4:] == 0).all()
        assert (dlogits[0, :4] != 0).all()
        assert (dlogits[1] != 0).all()


def test_all_forms_of_a_target_agree():
    logits, expected = draw(4, 2, 5, 4), CTC().forward(draw(4, 2, 5, 4), np.array([[1, 2], [3, 3]]))
    for rows in ([[1, 2], [3, 3]], [(1, 2), np.array([3, 3], np.uint8)], np.array([[1, 2], [3, 3]], np.int8)):
        assert CTC().forward(logits, rows) == expected
        assert CTC().forward(logits, (rows, [5, 5], [2, 2])) == expected
        assert CTC().forward(logits, (rows, None, None)) == expected


def test_a_blank_may_be_any_class():
    logits = draw(5, 2, 5, 4)
    last = np.roll(logits, -1, axis=-1)  # classes 1, 2, 3 become 0, 1, 2 and the blank 3
    first, then = CTC(), CTC(blank=3)
    assert then.forward(last, [[0, 1], [2]]) == pytest.approx(first.forward(logits, [[1, 2], [3]]), rel=1e-14)
    assert np.roll(then.backward(), 1, axis=-1) == pytest.approx(first.backward(), rel=1e-13)
    assert repr(first) == "CTC()"
    assert repr(CTC(blank=3, reduction="sum")) == "CTC(blank=3, reduction='sum')"


# Extremes


def test_long_sequences_do_not_underflow():
    T = 1000  # all paths have the same probability, 3^-1000
    value = CTC(reduction="sum").forward(np.zeros((1, T, 3)), [[]])
    assert value == pytest.approx(T * math.log(3), rel=1e-12)
    # one label: a run of it starts and ends anywhere, T (T + 1) / 2 paths
    value = CTC(reduction="sum").forward(np.zeros((1, T, 3)), [[2]])
    assert value == pytest.approx(T * math.log(3) - math.log(T * (T + 1) / 2), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_huge_logits_stay_finite(scale, dtype):
    logits = (scale * np.random.default_rng(0).choice([-1.0, 0.0, 1.0], (3, 12, 4))).astype(dtype)
    loss = CTC()
    assert math.isfinite(loss.forward(logits, [[1, 1, 2], [3], []]))
    dlogits = loss.backward()
    assert dlogits.dtype == dtype
    assert (np.abs(dlogits) <= 1).all()


def test_a_certain_path_has_no_loss_and_no_slope():
    logits = 1e3 * np.eye(3)[np.array([[1, 0, 1, 2]])]
    loss = CTC()
    assert loss.forward(logits, [[1, 1, 2]]) == 0
    assert (loss.backward() == 0).all()
    # 1 2 is one frame off in four ways: 1112, 1002, 1022, 0012
    assert CTC(reduction="sum").forward(logits, [[1, 2]]) == pytest.approx(1000 - math.log(4), rel=1e-12)


# What is refused


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([[1, 2], [3, 3, 3]], r"at least 5 frames for example 1 \(3 labels, 2 equal to .*\), got 4; drop"),
        (([[1], [2, 1]], [4, 1], [1, 2]), r"at least 2 frames for example 1 \(2 labels, 0 equal .*\), got 1"),
        (np.array([[1, 2], [0, 1]]), r"labels other than blank=0, got 0 at index \(1, 0\); padding needs"),
        (np.array([[1, 2], [4, 1]]), r"labels in 0..C-1 = 0..3, got 4 at index \(1, 0\)"),
        ([[1, -1], [1]], r"labels in 0..C-1 = 0..3, got -1 at index \(0, 1\)"),
        (np.ones((2, 2)), r"a row of integer labels, got float64 of shape \(2,\) for example 0; write"),
        ([[1], [1.0]], r"a row of integer labels, got float64 of shape \(1,\) for example 1"),
        ([[1], [True]], "a row of integer labels, got bool"),
        ([[1], 1], r"a row of integer labels, got int64 of shape \(\) for example 1"),
        ([["a"], [1]], "a row of integer labels, got <U1"),
        (np.array([1, 2]), r"target to be a list of 2 sequences or of shape \(2, S\), got \(2,\)"),
        ([[1, 2]], "2 rows of labels, got 1; one for each"),
        (([[1], [2]], [4, 4]), r"the tuple \(targets, input_lengths, target_lengths\), got one of 2; put"),
        (([[1], [2]], [4, 5], [1, 1]), r"input_lengths in 1..4, got 5 for example 1; a length cannot"),
        (([[1], [2]], [0, 4], [1, 1]), r"input_lengths in 1..4, got 0 for example 0"),
        (([[1], [2, 3]], [4, 4], [1, 3]), r"target_lengths in 0..2, got 3 for example 1"),
        (([[1], [2]], [4, 4], [-1, 1]), r"target_lengths in 0..1, got -1 for example 0"),
        (([[1], [2]], [4.0, 4.0], [1, 1]), r"input_lengths to be 2 integers, got float64 of shape \(2,\)"),
        (([[1], [2]], [4, 4], [1]), r"target_lengths to be 2 integers, got int64 of shape \(1,\)"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(target, message):
    with pytest.raises(ValueError, match=rf"^CTC\(\): expected {message}"):
        CTC().forward(np.zeros((2, 4, 4)), target)


def test_what_is_no_target_is_refused():
    for bad in (None, "ab", 3):
        with pytest.raises(TypeError, match=r"CTC\(\): expected target to be a NumPy array, got"):
            CTC().forward(np.zeros((2, 4, 4)), bad)


def test_logits_that_do_not_fit_are_refused():
    with pytest.raises(
        ValueError, match=r"logits of shape \(N, T, C\), got \(4, 4\); the class axis is the last"
    ):
        CTC().forward(np.zeros((4, 4)), [[1]])
    with pytest.raises(ValueError, match=r"CTC\(blank=4\): expected blank in 0..C-1 = 0..3, got 4"):
        CTC(blank=4).forward(np.zeros((2, 4, 4)), [[1], [2]])
    with pytest.raises(ValueError, match=r"got an empty prediction \(2, 0, 4\)"):
        CTC().forward(np.zeros((2, 0, 4)), [[], []])


def test_a_blank_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="CTC: expected blank to be a class from 0, got -1"):
        CTC(blank=-1)
    with pytest.raises(TypeError, match=r"CTC: expected blank to be an integer, got 0\.0"):
        CTC(blank=0.0)
    with pytest.raises(ValueError, match="CTC: expected reduction"):
        CTC(reduction="total")


# Decoding


def spell(*paths, classes=3):
    """Logits (N, T, C) whose best path is given."""
    return 3 * np.eye(classes)[np.array(paths)]


def test_greedy_decoding_merges_repeats_and_then_drops_blanks():
    logits = spell([1, 1, 0, 1, 2, 2], [0, 0, 0, 0, 0, 0], [2, 1, 1, 0, 0, 1])
    assert greedy_decode(logits) == [[1, 1, 2], [], [2, 1, 1]]
    assert greedy_decode(logits, blank=1) == [[0, 2], [0], [2, 0]]
    assert greedy_decode(logits, lengths=[2, 6, 3]) == [[1], [], [2, 1]]
    assert type(greedy_decode(logits)[0][0]) is int


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("blank", [0, 2])
def test_greedy_decoding_reads_the_most_probable_path(blank, seed):
    logits = draw(seed, 1, 5, 3)
    paths = itertools.product(range(3), repeat=5)
    best = max(paths, key=lambda path: sum(logits[0, t, c] for t, c in enumerate(path)))
    assert greedy_decode(logits, blank=blank) == [list(read(best, blank))]


def test_the_beam_sees_what_the_best_path_misses():
    # all blank has 0.6 · 0.6 = 0.36, and yet one a has a- + -a + aa = 0.24 + 0.24 + 0.16 = 0.64
    logits = np.log([[[0.6, 0.4], [0.6, 0.4]]])
    assert greedy_decode(logits) == [[]]
    assert beam_decode(logits) == [[1]]
    assert beam_decode(logits, width=1) == [[]]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("T", "C"), [(1, 4), (4, 3), (6, 2), (5, 3)])
def test_a_wide_beam_finds_the_most_probable_labelling(T, C, seed):
    logits, blank = draw(seed, 2, T, C) / 3, seed % C
    lengths = [T, max(1, T - seed % 3)]
    every = [labellings(own[:length], blank) for own, length in zip(logits, lengths, strict=True)]
    expected = [list(max(p, key=p.get)) for p in every]
    assert beam_decode(logits, blank=blank, width=10**6, lengths=lengths) == expected


def test_a_wider_beam_is_no_worse_and_agrees_with_the_loss():
    logits = draw(9, 6, 12, 4) / 2
    value = CTC(reduction="none")
    found = [value.forward(logits, beam_decode(logits, width=width)) for width in (1, 3, 1000)]
    greedy = value.forward(logits, greedy_decode(logits))
    assert (found[2] <= np.minimum(found[0], found[1]) + 1e-12).all()
    assert (found[2] <= greedy + 1e-12).all()
    assert (found[2] < greedy - 1e-3).any()


def test_a_confident_network_is_decoded_alike_by_both():
    logits = 9 * spell([1, 1, 0, 1, 2, 2], [0, 2, 2, 0, 2, 1])
    assert beam_decode(logits.astype(np.float32)) == greedy_decode(logits) == [[1, 1, 2], [2, 2, 1]]
    assert beam_decode(1e30 * logits, width=1) == [[1, 1, 2], [2, 2, 1]]


@pytest.mark.parametrize("decode", [greedy_decode, beam_decode])
def test_what_cannot_be_decoded_is_refused(decode):
    who = decode.__name__
    with pytest.raises(TypeError, match=f"{who}: expected logits to be a NumPy array, got list; convert it"):
        decode([[[0.0]]])
    with pytest.raises(TypeError, match=f"{who}: expected logits in real numbers, got complex128"):
        decode(np.zeros((1, 2, 3), complex))
    with pytest.raises(ValueError, match=rf"{who}: expected logits of shape \(N, T, C\), got \(2, 3\)"):
        decode(np.zeros((2, 3)))
    with pytest.raises(
        ValueError, match=rf"{who}: expected at least one frame, got empty logits \(1, 0, 3\)"
    ):
        decode(np.zeros((1, 0, 3)))
    with pytest.raises(ValueError, match=rf"{who}: expected finite logits, got nan at index \(0, 1, 2\)"):
        decode(np.array([[[0, 0, 0], [0, 0, math.nan]]]))
    with pytest.raises(ValueError, match=f"{who}: expected blank in 0..C-1 = 0..2, got 3"):
        decode(np.zeros((1, 2, 3)), blank=3)
    with pytest.raises(TypeError, match=f"{who}: expected blank to be an integer, got None"):
        decode(np.zeros((1, 2, 3)), blank=None)
    with pytest.raises(ValueError, match=f"{who}: expected lengths in 1..2, got 3 for example 0"):
        decode(np.zeros((1, 2, 3)), lengths=[3])
    with pytest.raises(ValueError, match=f"{who}: expected lengths to be 1 integers, got int64 of shape"):
        decode(np.zeros((1, 2, 3)), lengths=[1, 2])


def test_a_beam_of_no_width_is_refused():
    with pytest.raises(ValueError, match="beam_decode: expected width of at least 1, got 0"):
        beam_decode(np.zeros((1, 2, 3)), width=0)
    with pytest.raises(TypeError, match=r"beam_decode: expected width to be an integer, got 2\.5"):
        beam_decode(np.zeros((1, 2, 3)), width=2.5)


def test_a_length_below_its_least_is_not_called_too_long():
    logits = np.zeros((2, 4, 3))
    with pytest.raises(
        ValueError, match=r"input_lengths in 1\.\.4, got 0 for example 1; leave the example out"
    ):
        CTC().forward(logits, ([[1], [2]], [4, 0], None))
    with pytest.raises(ValueError, match=r"input_lengths in 1\.\.4, got 5 for .* a length cannot exceed"):
        CTC().forward(logits, ([[1], [2]], [5, 4], None))
