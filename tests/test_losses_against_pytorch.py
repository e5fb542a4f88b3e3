"""Every loss against PyTorch's: values and gradients, all options and reductions, at random."""

from __future__ import annotations

import numpy as np
import pytest

from losses import (
    L1,
    MSE,
    NLL,
    Huber,
    KLDivergence,
    MulticlassHinge,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
F = torch.nn.functional

every_seed = pytest.mark.parametrize("seed", range(24))
every_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}


def tensor(array, requires_grad=False):
    return torch.tensor(array, requires_grad=requires_grad)


def assert_close(ours, theirs, dtype):
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def agree(loss, theirs, prediction, target, rng):
    """Both passes alike, `theirs` being a function of the prediction as a tensor."""
    for dtype in TOLERANCE:
        x = prediction.astype(dtype)
        leaf = tensor(x, requires_grad=True)
        value, expected = loss.forward(x, target), theirs(leaf)
        upstream = rng.uniform(0.5, 2.0, np.shape(value))
        expected.backward(tensor(upstream).to(expected.dtype))
        assert np.shape(value) == expected.shape
        assert_close(value, expected.detach(), dtype)
        assert_close(loss.backward(upstream), leaf.grad, dtype)


def draw_shape(rng):
    """(N, C), (N, T, C) or (N, H, W, C), sizes of 1 among them."""
    return tuple(rng.integers(1, 6, size=rng.integers(2, 5)).tolist())


def like(x, array):
    return tensor(array).to(x.dtype)


def classes_second(x):
    return x.movedim(-1, 1).contiguous()  # F.nll_loss asks for it


@every_reduction
@every_seed
@pytest.mark.parametrize(
    ("build", "theirs"),
    [(MSE, F.mse_loss), (L1, F.l1_loss), (SigmoidCrossEntropy, F.binary_cross_entropy_with_logits)],
)
def test_elementwise_losses(build, theirs, seed, reduction):
    rng = np.random.default_rng(seed)
    shape = draw_shape(rng)
    prediction, target = rng.normal(0, 5, shape), rng.uniform(0, 1, shape)
    if seed % 3 == 0:
        target = target.round().astype(int)
    agree(
        build(reduction=reduction),
        lambda x: theirs(x, like(x, target), reduction=reduction),
        prediction,
        target,
        rng,
    )


@every_reduction
@every_seed
def test_huber(seed, reduction):
    rng = np.random.default_rng(seed)
    shape, delta = draw_shape(rng), rng.uniform(0.1, 3)
    prediction, target = rng.normal(0, 3, (2, *shape))
    prediction.flat[0] = target.flat[0]
    agree(
        Huber(delta, reduction=reduction),
        lambda x: F.huber_loss(x, like(x, target), delta=delta, reduction=reduction),
        prediction,
        target,
        rng,
    )


@every_reduction
@every_seed
def test_multiclass_hinge(seed, reduction):
    rng = np.random.default_rng(seed)
    shape, margin = draw_shape(rng), rng.uniform(0.1, 3)
    C = shape[-1]
    scores, labels = rng.normal(0, 2, shape), rng.integers(0, C, shape[:-1])

    def theirs(x):  # divides by C, and knows one batch axis
        each = C * F.multi_margin_loss(
            x.reshape(-1, C), tensor(labels.ravel()), margin=margin, reduction="none"
        )
        return {"mean": each.mean(), "sum": each.sum(), "none": each.reshape(labels.shape)}[reduction]

    agree(MulticlassHinge(margin, reduction=reduction), theirs, scores, labels, rng)


@every_reduction
@every_seed
def test_poisson(seed, reduction):
    rng = np.random.default_rng(seed)
    shape = draw_shape(rng)
    log_rate = rng.normal(0, 2, shape)
    target = rng.poisson(np.exp(log_rate)) if seed % 3 else rng.uniform(0, 9, shape)
    agree(
        Poisson(reduction=reduction),
        lambda x: F.poisson_nll_loss(x, like(x, target), log_input=True, full=False, reduction=reduction),
        log_rate,
        target,
        rng,
    )


@every_reduction
@every_seed
def test_kl_divergence(seed, reduction):
    rng = np.random.default_rng(seed)
    shape = draw_shape(rng)
    C = shape[-1]
    log_p, t = np.log(rng.dirichlet(np.ones(C), shape[:-1])), rng.dirichlet(np.ones(C), shape[:-1])
    if seed % 3 == 0:
        t = np.eye(C)[rng.integers(0, C, shape[:-1])]  # zeros in the target

    def theirs(x):  # element by element, or divided by the first axis alone
        if reduction == "mean":
            return F.kl_div(x.reshape(-1, C), like(x, t).reshape(-1, C), reduction="batchmean")
        each = F.kl_div(x, like(x, t), reduction="none").sum(dim=-1)
        return each if reduction == "none" else each.sum()

    agree(KLDivergence(reduction=reduction), theirs, log_p, t, rng)


def draw_classes(rng, seed):
    """Scores, a target of labels or probabilities, and some of the options."""
    shape = draw_shape(rng)
    C = shape[-1]
    ours, theirs = {}, {}
    if seed % 2:
        smoothing = rng.uniform(0, 0.9)
        ours["label_smoothing"] = theirs["label_smoothing"] = smoothing
    if seed % 3:
        ours["class_weights"] = rng.uniform(0.2, 3, C)
    if seed % 4 == 3:
        return rng.normal(0, 3, shape), rng.dirichlet(np.ones(C), shape[:-1]), ours, theirs
    labels = rng.integers(0, C, shape[:-1])
    if seed % 5 < 3:
        ignored = int(rng.choice([-100, -1, 0, 77]))
        ours["ignore_index"] = theirs["ignore_index"] = ignored
        labels[rng.uniform(size=labels.shape) < 0.4] = ignored
        if C > 1 or ignored:
            labels.flat[0] = C - 1
        else:  # one class, and that ignored: nothing would count
            ours["ignore_index"] = theirs["ignore_index"] = 5
    return rng.normal(0, 3, shape), labels, ours, theirs


def weight_like(x, options):
    return like(x, options["class_weights"]) if "class_weights" in options else None


def cross_entropy(x, target, ours, theirs, reduction):
    wanted = tensor(target) if target.ndim < x.ndim else classes_second(like(x, target))
    return F.cross_entropy(
        classes_second(x), wanted, weight=weight_like(x, ours), reduction=reduction, **theirs
    )


@every_reduction
@every_seed
def test_softmax_cross_entropy(seed, reduction):
    rng = np.random.default_rng(seed)
    scores, target, ours, theirs = draw_classes(rng, seed)
    agree(
        SoftmaxCrossEntropy(reduction=reduction, **ours),
        lambda x: cross_entropy(x, target, ours, theirs, reduction),
        scores,
        target,
        rng,
    )


@every_reduction
@every_seed
def test_nll_on_labels(seed, reduction):
    rng = np.random.default_rng(seed)
    scores, target, ours, theirs = draw_classes(rng, 4 * seed)  # 4 * seed: no smoothing, no probabilities
    log_p = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    agree(
        NLL(reduction=reduction, **ours),
        lambda x: F.nll_loss(
            classes_second(x), tensor(target), weight=weight_like(x, ours), reduction=reduction, **theirs
        ),
        log_p,
        target,
        rng,
    )


@every_reduction
@every_seed
def test_nll_after_log_softmax_is_cross_entropy_with_every_option(seed, reduction):
    rng = np.random.default_rng(seed)
    scores, target, ours, theirs = draw_classes(rng, seed)
    x, again = tensor(scores, requires_grad=True), tensor(scores, requires_grad=True)
    log_p = F.log_softmax(x, dim=-1)
    loss = NLL(reduction=reduction, **ours)
    value = loss.forward(log_p.detach().numpy(), target)
    expected = cross_entropy(again, target, ours, theirs, reduction)
    upstream = rng.uniform(0.5, 2.0, np.shape(value))
    log_p.backward(tensor(loss.backward(upstream)))
    expected.backward(tensor(upstream))
    assert_close(value, expected.detach(), "float64")
    assert_close(x.grad, again.grad, "float64")


@every_reduction
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}], ids=str)
def test_extreme_logits(options, reduction):
    rng = np.random.default_rng(0)
    scores = rng.choice([-1e4, 0, 1e4], (12, 4))
    labels, share = rng.integers(0, 4, 12), rng.uniform(0, 1, (12, 4))
    agree(
        SoftmaxCrossEntropy(reduction=reduction, **options),
        lambda x: F.cross_entropy(x, tensor(labels), reduction=reduction, **options),
        scores,
        labels,
        rng,
    )
    agree(
        SigmoidCrossEntropy(reduction=reduction),
        lambda x: F.binary_cross_entropy_with_logits(x, like(x, share), reduction=reduction),
        scores,
        share,
        rng,
    )


def test_the_random_draws_reach_every_option_and_size():
    draws = [draw_classes(np.random.default_rng(seed), seed) for seed in range(24)]
    assert {name for _, _, ours, _ in draws for name in ours} == {
        "label_smoothing",
        "class_weights",
        "ignore_index",
    }
    together = {frozenset(ours) for _, _, ours, _ in draws}
    for other in ("label_smoothing", "ignore_index"):
        assert {"class_weights", other} in together
    assert {"label_smoothing", "class_weights", "ignore_index"} in together
    assert {scores.ndim for scores, _, _, _ in draws} == {2, 3, 4}
    assert {scores.ndim - target.ndim for scores, target, _, _ in draws} == {0, 1}
    assert (
        min(scores.shape[-1] for scores, _, _, _ in draws)
        == min(len(scores) for scores, _, _, _ in draws)
        == 1
    )
