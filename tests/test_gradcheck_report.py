"""What a report shows, and in how many lines; assert_layer and its text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reports import tells, timeless, words
from right_layers import Affine, ReLU, Tanh, X
from wrong_layers import returns, times, wrong

from gradcheck import assert_layer, check_layer


def test_a_report_fits_a_terminal_and_breaks_between_words():
    class LongName(Affine):
        def __repr__(self):
            return "LongName(" + ", ".join(f"option_{i}={i}" for i in range(12)) + ")"

    layers = (
        LongName(3, 2),
        wrong(LongName, times(2, "W"))(3, 2),
        returns(LongName, lambda dx, g: (g, dx))(3, 2),
    )
    for report in (check_layer(layer, X) for layer in layers):
        text = str(report)
        assert max(map(len, text.splitlines())) <= 100
        assert "\033" not in text
        assert f"option_11=11).backward {'ok' if report else 'FAIL'} (" in words(report)
        for finding in report.findings:
            assert tells(report, finding)


def test_gradients_that_are_right_share_a_line_and_a_wrong_one_has_its_own():
    lines = str(check_layer(wrong(Affine, times(2))(3, 2), X)).splitlines()
    assert re.fullmatch(r"  dx WRONG  max rel 1 at \[\d, \d\]  yours \S+  numeric \S+  \(.*\)", lines[1])
    assert re.fullmatch(r"  dW ok \S+   db ok \S+   \(2 directions\)", lines[2])
    assert [line[:10].strip() for line in lines[3:6]] == ["cause", "look at", "contract"]


def test_the_report_says_what_was_checked():
    layer = Affine(30, 4)
    assert [r.checked for r in check_layer(layer, (5, 30), level="full").results][:2] == [
        "all 150 entries, 2 directions at a second point",
        "all 120 entries, 2 directions at a second point",
    ]
    for level in ("auto", "quick"):
        assert [r.checked for r in check_layer(layer, (5, 30), level=level).results] == [
            "2 directions, 2 directions at a second point"
        ] * 3
    assert check_layer(ReLU(), (5, 30), level="quick").results[0].checked == "2 directions"
    wrong_layer = wrong(Affine, times(2, "W"))(30, 4)  # a wrong array is looked through
    assert [r.checked for r in check_layer(wrong_layer, (5, 30)).results] == [
        "2 directions",
        "2 directions, all 120 entries",
        "2 directions",
    ]


def test_one_seed_gives_one_report_and_another_another():
    reports = [check_layer(Affine(3, 2), X, rng=seed) for seed in (1, 1, 2, np.random.default_rng(1))]
    assert reports[0] == reports[1] == reports[3]
    assert reports[0] != reports[2]
    texts = [timeless(report) for report in reports]
    assert texts[0] == texts[1] == texts[3]
    assert texts[0] != texts[2] or reports[0].results != reports[2].results


def test_assert_layer_fails_with_the_report_as_its_text():
    layer = wrong(Affine, times(2, "W"))(3, 2)
    with pytest.raises(AssertionError) as caught:
        assert_layer(layer, X)
    assert timeless(caught.value) == timeless(check_layer(layer, X))
    assert_layer(Affine(3, 2), X)


def test_a_report_is_true_where_it_passed_and_cannot_be_changed():
    report = check_layer(Affine(3, 2), X)
    assert bool(report)
    assert report.passed
    assert report.findings == []
    assert not check_layer(wrong(Tanh, times(2))(), X)
    with pytest.raises(AttributeError):
        report.title = "other"
    assert str(report).splitlines()[0].startswith("Affine(3 -> 2).backward  ok  (3 of 3 gradients right)")
    assert "float32 stays" in report.contract
    assert max(result.error for result in report.results) < 1e-9
