"""check_network: right networks pass, and in a wrong one the layer to mend is named."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
from checked_networks import LABELS, RNG, WrongTanh, X, check, graph, mlp, verdicts

from gradcheck import assert_network, check_network
from layers import (
    LSTM,
    Affine,
    BatchNorm,
    Bidirectional,
    Branch,
    Concat,
    Conv2D,
    Dropout,
    Embedding,
    Flatten,
    Graph,
    LastStep,
    MaxPool2D,
    PositionalEncoding,
    ReLU,
    Residual,
    Sequential,
    Tanh,
    TransformerBlock,
)
from losses import MSE, SoftmaxCrossEntropy

# ---- right networks ----------------------------------------------------------------------------------------


def tied():
    net = Graph(inputs="ids", output="scores")
    net.add("words", Embedding(6, 4, rng=0), "ids")
    net.add("scores", Affine(4, 6, rng=1), "words")
    net.tie("scores.W", "words.W")
    return net


IDS = np.array([[1, 3, 3, 0], [5, 1, 2, 2]])
RIGHT = {
    "linear": (Affine(5, 3, rng=0), X, LABELS),
    "mlp": (mlp(ReLU()), X, LABELS),
    "nested": (mlp(Residual(Affine(7, 4, rng=2), Tanh(), Affine(4, 7, rng=3))), X, LABELS),
    "side by side": (
        Sequential(Branch(Affine(5, 2, rng=0), Affine(5, 3, rng=1)), Concat(), Affine(5, 3, rng=2)),
        X,
        LABELS,
    ),
    "batch statistics and dropout": (
        Sequential(Affine(5, 6, rng=0), BatchNorm(6), Dropout(0.4, rng=1), Affine(6, 3, rng=2)),
        X,
        LABELS,
    ),
    "images": (
        Sequential(Conv2D(2, 3, 2, rng=0), ReLU(), MaxPool2D(2), Flatten(), Affine(3 * 2 * 1, 4, rng=1)),
        RNG.standard_normal((3, 2, 5, 4)),
        np.array([3, 0, 1]),
    ),
    "sequence": (
        Sequential(
            Embedding(6, 4, rng=0),
            Bidirectional(LSTM(4, 2, rng=1), LSTM(4, 3, rng=2)),
            LastStep(),
            Affine(5, 3, rng=3),
        ),
        IDS,
        np.array([2, 0]),
    ),
    "transformer": (
        Sequential(
            Embedding(6, 4, rng=0),
            PositionalEncoding(5, 4),
            TransformerBlock(4, 2, 5, causal=True, rng=1),
            Affine(4, 6, rng=2),
        ),
        IDS,
        IDS[:, ::-1],
    ),
    "masked": (
        Bidirectional(LSTM(5, 2, rng=1), LSTM(5, 1, rng=2)),
        (RNG.standard_normal((2, 3, 5)), np.array([[True, True, False], [True, True, True]])),
        RNG.integers(3, size=(2, 3)),
    ),
    "graph of two inputs": (graph(), (X, RNG.standard_normal((4, 5))), LABELS),
    "graph of one input": (graph(inputs=("a",)), X, LABELS),
    "tied": (tied(), IDS, IDS[:, ::-1]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_networks_pass(name):
    model, x, target = RIGHT[name]
    report = check_network(model, SoftmaxCrossEntropy(), x, target, seconds=1000)
    assert report.passed, report
    assert report.findings == []
    assert {*verdicts(report).values()} <= {"ok", "kink"}


def test_a_loss_that_gives_an_array_passes():
    assert check(mlp(Tanh()), loss=SoftmaxCrossEntropy(reduction="none"))


def test_a_frozen_layer_and_an_x_that_wants_no_gradient_pass():
    model = mlp(Tanh())
    model.freeze("2.W")
    model.input_grad = False
    assert check(model)


def test_x_may_be_a_shape():
    assert check_network(mlp(Tanh()), MSE(), (4, 5), np.ones((4, 3)))


def test_every_layer_has_a_line_by_name_and_repr():
    report = check(mlp(Residual(Affine(7, 7, rng=2), Tanh())))
    text = str(report)
    assert text.startswith("Sequential with SoftmaxCrossEntropy()  ok  (8 of 8 parts right)")
    assert re.search(r"\n  1\.main\.0  Affine\(7 -> 7\) +ok \de-1\d", text)
    assert [result.array.split()[0] for result in report.results] == [
        *("0", "1", "1.main", "1.main.0", "1.main.1", "2", "loss", "network")
    ]


# ---- one wrong layer ---------------------------------------------------------------------------------------


class WrongAffine(Affine):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return dx, grads | {"W": -grads["W"]}


class WrongMSE(MSE):
    def backward(self, upstream=1.0):
        return -super().backward(upstream)


def test_a_wrong_dx_in_the_middle_is_named_and_nothing_else():
    report = check(mlp(WrongTanh()))
    (finding,) = report.findings
    assert (finding.kind, finding.array) == ("scale", "1.x")
    assert finding.message.startswith("layer 1, WrongTanh(): dx is 3")
    assert verdicts(report) == {"0": "ok", "1": "WRONG", "2": "ok", "loss": "ok", "network": "unchecked"}
    assert "\n  cause   scale in layer 1, WrongTanh(): dx is 3" in str(report)


def test_a_wrong_dW_is_named_by_its_dotted_name():
    report = check(mlp(Residual(WrongAffine(7, 7, rng=2), Tanh())))
    (finding,) = report.findings
    assert (finding.kind, finding.array) == ("sign", "1.main.0.W")
    assert (
        finding.message.startswith("layer 1.main.0, Affine(7 -> 7): dW") or "WrongAffine" in finding.message
    )
    assert [name for name, verdict in verdicts(report).items() if verdict == "WRONG"] == ["1.main.0"]


def test_of_two_wrong_layers_the_one_nearer_the_output_comes_first():
    report = check(
        Sequential(Affine(5, 7, rng=0), WrongTanh(), WrongAffine(7, 7, rng=2), Affine(7, 3, rng=1))
    )
    assert [finding.array for finding in report.findings] == ["2.W", "1.x"]


def test_a_wrong_loss_is_named():
    report = check(mlp(Tanh()), target=np.ones((4, 3)), loss=WrongMSE())
    (finding,) = report.findings
    assert (finding.kind, finding.array) == ("sign", "loss.x")
    assert finding.message.startswith("the loss, WrongMSE(): ")
    assert verdicts(report)["2"] == "ok"


def test_a_layer_that_writes_to_its_upstream_is_named_with_the_line():
    class Greedy(ReLU):
        def backward(self, upstream):
            upstream[...] = super().backward(upstream)[0]
            return upstream, {}

    report = check(mlp(Residual(Affine(7, 7, rng=2), Greedy())))
    assert (report.findings[0].kind, report.findings[0].array) == ("mutates-upstream", "1.main.1")
    assert re.search(r"layer 1\.main\.1, .* at test_check_network\.py:\d+", report.findings[0].message)


def test_a_layer_that_answers_out_of_contract_is_named():
    class NoGrads(Affine):
        def backward(self, upstream):
            return super().backward(upstream)[0], {}

    report = check(mlp(NoGrads(7, 7, rng=2)))
    assert {(finding.kind, finding.array) for finding in report.findings} == {
        ("missing", "1.W"),
        ("missing", "1.b"),
    }


# ---- the rest ----------------------------------------------------------------------------------------------


def test_a_layer_that_leaves_float32_is_named():
    class Double(Tanh):
        def forward(self, x):
            return super().forward(x) * np.float64(1)

    (finding,) = check(mlp(Double())).findings
    assert (finding.kind, finding.array) == ("dtype", "1")
    assert "returns is float64" in finding.message


def test_the_arguments_stay_as_they_are():
    model, loss = mlp(Sequential(BatchNorm(7), Dropout(0.5, rng=1), WrongTanh())), SoftmaxCrossEntropy()
    x, target = X.astype(np.float32), LABELS.copy()
    given = model, loss, x, target
    _ = model.params, model.buffers  # which a container collects when asked
    before, state = pickle.dumps(given), copy.deepcopy(np.random.get_state())  # noqa: NPY002
    assert not check_network(*given)
    assert pickle.dumps(given) == before
    assert all(map(np.array_equal, state, np.random.get_state()))  # noqa: NPY002


def test_two_checks_say_the_same():
    model = mlp(WrongTanh())
    assert str(check(model)) == str(check(model))


def test_a_target_of_another_shape_gets_the_losss_own_error():
    with pytest.raises(ValueError, match=r"^MSE\(\): expected prediction and target of one shape, got"):
        check_network(mlp(Tanh()), MSE(), X, np.ones((4, 2)))


def test_an_error_inside_says_where():
    with pytest.raises(ValueError, match="expected x of shape") as caught:
        check(mlp(Tanh(), after=6))
    assert ["in layer 2, Affine(6 -> 3)" in note for note in caught.value.__notes__].count(True) == 1


def test_what_there_is_no_time_for_is_left_out_and_told():
    report = check_network(mlp(Tanh()), SoftmaxCrossEntropy(), X, LABELS, seconds=1e-9)
    assert report.passed
    assert "unchecked" in verdicts(report).values()
    assert any(note.startswith("left out, as time was up: ") and "the whole" in note for note in report.notes)


@pytest.mark.parametrize(
    ("model", "loss", "error", "message"),
    [
        (Tanh, MSE(), TypeError, "expected a network, got the class Tanh; call it"),
        (Tanh(), MSE, TypeError, "expected a loss, got the class MSE; call it"),
        (X, MSE(), TypeError, "expected a network with forward and backward, got ndarray"),
    ],
)
def test_what_is_no_network_is_refused(model, loss, error, message):
    with pytest.raises(error, match=f"^check_network: {message}"):
        check_network(model, loss, X, X)


def test_seconds_must_be_some():
    with pytest.raises(ValueError, match=r"^check_network: expected seconds above 0, got 0"):
        check_network(Tanh(), MSE(), X, X, seconds=0)


def test_assert_network_raises_the_report():
    assert_network(mlp(Tanh()), SoftmaxCrossEntropy(), X, LABELS)
    with pytest.raises(AssertionError, match=r"layer 1, WrongTanh\(\): dx is 3"):
        assert_network(mlp(WrongTanh()), SoftmaxCrossEntropy(), X, LABELS)
