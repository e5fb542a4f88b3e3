"""What single update rules do beyond their first two steps, what they share, and all in one training."""

import math
from fractions import Fraction

import numpy as np
import pytest

import optim
from layers.affine import Affine
from layers.sequential import Sequential
from layers.sigmoid import Tanh
from losses import MSE
from optim import SGD, Adam, Adamax, AdamW, Lion, Muon, NAdam, Optimizer, RAdam
from optim.muon import orthogonal


def draw(seed, shape, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# A training


RATES = {
    "SGD": 0.1, "RMSProp": 0.01, "Adagrad": 0.1, "Adadelta": 10.0, "Adam": 0.02, "AdamW": 0.02,
    "Adamax": 0.05, "NAdam": 0.02, "RAdam": 0.05, "Lion": 0.005, "Muon": 0.05,
}  # fmt: skip


@pytest.mark.parametrize("name", RATES)
def test_a_small_regression_is_learned(name):
    x = draw(0, (40, 3), np.float32)
    target = np.sin(x[:, :1]) + 0.5 * x[:, 1:2]
    model, loss = Sequential(Affine(3, 8, rng=1), Tanh(), Affine(8, 1, rng=2)), MSE()
    optimizer, values = getattr(optim, name)(model.params, lr=RATES[name]), []
    for _ in range(250):
        values.append(loss.forward(model.forward(x), target))
        optimizer.step(model.backward(loss.backward())[1])
    assert values[-1] < 0.05 * values[0]


def test_every_rule_is_in_that_training():
    kinds = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)}
    assert set(RATES) == {name for name in kinds if issubclass(getattr(optim, name), Optimizer)} - {
        "Optimizer"
    }


# Freezing


def test_no_time_is_spent_on_a_frozen_group():
    updated = []

    class Noting(Optimizer):
        def update(self, p, g, slots, lr):
            updated.append((p.item(), lr))

    params = {name: np.array([value]) for name, value in (("a", 1.0), ("b", 2.0), ("c", 3.0))}
    optimizer = Noting(params, lr=0.5, groups={"a": {"lr": 0.0}, "b": {"lr": lambda step: 0.0}})
    optimizer.step(params)
    assert updated == [(2.0, 0.0), (3.0, 0.5)]  # a schedule may rise again, so its slots go on
    assert optimizer.steps == 1


def test_momentum_does_not_move_a_frozen_parameter_whose_state_is_loaded():
    grads, params = {"W": np.ones(2), "b": np.ones(2)}, {"W": np.zeros(2), "b": np.zeros(2)}
    moving = SGD(params, lr=0.1, momentum=0.9)
    moving.step(grads)
    frozen = SGD(params, lr=0.1, momentum=0.9, groups={"b": {"lr": 0}})
    frozen.load_state(moving.state())
    frozen.step(grads)
    np.testing.assert_allclose(params["W"], [-0.29] * 2)
    np.testing.assert_allclose(params["b"], [-0.1] * 2)
    np.testing.assert_array_equal(frozen.state()["m.b"], np.ones(2))


def test_a_frozen_parameter_still_wants_a_gradient_of_its_shape():
    optimizer = SGD({"W": np.zeros(2)}, lr=0.1, groups={"W": {"lr": 0}})
    with pytest.raises(ValueError, match=r"SGD: expected one gradient .* mis-shaped: W"):
        optimizer.step({"W": np.zeros(3)})


# How parameters come to update


def test_a_rule_that_is_not_elementwise_gets_each_parameter_whole_and_in_its_shape():
    shapes = []

    class Whole(Optimizer):
        def update(self, p, g, slots, lr):
            shapes.append((p.shape, g.shape))

    params = {"large": np.zeros((600, 500)), "small": np.zeros((3, 2)), "scalar": np.zeros(())}
    Whole(params, lr=0.1).step(params)
    assert shapes == [((600, 500),) * 2, ((3, 2),) * 2, ((1,),) * 2]


@pytest.mark.parametrize("rule", [Adam, Adamax, NAdam, RAdam, Lion])
def test_a_large_parameter_is_updated_as_its_parts_are(rule):
    whole, parts = {"W": draw(0, 300_000)}, {"a": draw(0, 300_000)[:5000], "b": draw(0, 300_000)[5000:]}
    one, two = rule(whole, lr=0.1), rule(parts, lr=0.1)
    for i in range(1, 3):
        g = draw(i, 300_000)
        one.step({"W": g})
        two.step({"a": g[:5000], "b": g[5000:]})
    np.testing.assert_array_equal(whole["W"], np.concatenate([parts["a"], parts["b"]]))


# Adamax


def test_adamax_divides_by_the_largest_gradient_of_late():
    params = {"p": np.array([0.0])}
    optimizer = Adamax(params, lr=1.0, betas=(0.0, 0.5), eps=0.0)
    steps = []
    for g in (8, 1, 1, 1, 1):
        before = params["p"].item()
        optimizer.step({"p": np.array([float(g)])})
        steps.append(before - params["p"].item())
    assert steps == [1, 1 / 4, 1 / 2, 1, 1]  # u = 8, 4, 2, 1, 1


# NAdam


def mu(t, beta1=0.9, decay=4e-3):
    return beta1 * (1 - 0.96 ** (t * decay) / 2)


def nadam_rate(t):
    """The step of NAdam with lr 1 under a gradient that is 1 always, so that v̂ = 1 and m = 1 - 0.9^t."""
    first = (1 - mu(t)) / (1 - math.prod(map(mu, range(1, t + 1))))
    return first + mu(t + 1) / (1 - math.prod(map(mu, range(1, t + 2)))) * (1 - 0.9**t)


def test_nadam_multiplies_all_its_mus():
    params = {"p": np.array([0.0])}
    optimizer = NAdam(params, lr=1.0, eps=0.0)
    for t in range(1, 40):
        before = params["p"].item()
        optimizer.step({"p": np.array([1.0])})
        assert before - params["p"].item() == pytest.approx(nadam_rate(t), rel=1e-10), t


def test_nadam_goes_back_and_forth_with_the_states_it_loads():
    params = {"p": np.array([0.0])}
    optimizer = NAdam(params, lr=1.0, eps=0.0)
    states = []
    for _ in range(6):
        states.append(optimizer.state())
        optimizer.step({"p": np.array([1.0])})
    for t in (2, 5, 3, 1, 6):
        optimizer.load_state(states[t - 1])
        before = params["p"].item()
        optimizer.step({"p": np.array([1.0])})
        assert before - params["p"].item() == pytest.approx(nadam_rate(t), rel=1e-10), t


def test_nadams_groups_have_products_of_their_own():
    groups = {"b": {"betas": (0.5, 0.999)}, "c": {"momentum_decay": 1.0}}
    together = {name: np.zeros(1) for name in "abc"}
    shared = NAdam(together, lr=0.1, groups=groups)
    alone = {name: np.zeros(1) for name in "abc"}
    each = {name: NAdam({name: alone[name]}, lr=0.1, **groups.get(name, {})) for name in "abc"}
    for i in range(4):
        g = {name: draw(i, 1) for name in "abc"}
        shared.step(g)
        for name in "abc":
            each[name].step({name: g[name]})
    for name in "abc":
        np.testing.assert_array_equal(together[name], alone[name])
    assert len({together[name].item() for name in "abc"}) == 3


# RAdam


def test_radam_is_rectified_from_its_sixth_step_where_beta2_is_nine_tenths():
    # the gradient is 2 always: m̂ = 2, and after v̂ = 4 the rectified step is r m̂ / sqrt(v̂) = r
    params = {"p": np.array([0.0])}
    optimizer = RAdam(params, lr=1.0, betas=(0.5, 0.9), eps=0.0)
    steps = []
    for _ in range(7):
        before = params["p"].item()
        optimizer.step({"p": np.array([2.0])})
        steps.append(before - params["p"].item())

    def r(t):
        power = Fraction(9, 10) ** t
        rho = 19 - 2 * t * power / (1 - power)
        assert rho > 5
        return math.sqrt((rho - 4) * (rho - 2) * 19 / (15 * 17 * rho))

    assert steps == pytest.approx([2, 2, 2, 2, 2, r(6), r(7)], rel=1e-12)


@pytest.mark.parametrize("beta2", [0.0, 0.5, 0.6, 2 / 3])
def test_radam_with_a_short_memory_never_divides(beta2):
    params, momentum = {"p": np.array([0.0])}, 0.0
    optimizer, expected = RAdam(params, lr=0.1, betas=(0.8, beta2)), 0.0
    for t in range(1, 2000):
        g = math.sin(t)
        optimizer.step({"p": np.array([g])})
        momentum = 0.8 * momentum + 0.2 * g
        expected -= 0.1 * momentum / (1 - 0.8**t)
    assert params["p"].item() == pytest.approx(expected, rel=1e-9)


def test_radam_becomes_adam():
    a, b = {"p": np.array([0.0])}, {"p": np.array([0.0])}
    one, two = RAdam(a, lr=0.1, betas=(0.9, 0.9)), Adam(b, lr=0.1, betas=(0.9, 0.9))
    for i in range(300):
        before = a["p"].item(), b["p"].item()
        g = {"p": draw(i, 1)}
        one.step(g)
        two.step(g)
    steps = a["p"].item() - before[0], b["p"].item() - before[1]
    assert steps[0] == pytest.approx(steps[1], rel=1e-6)


# Lion


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_30_steps_of_lion_are_those_of_a_plain_loop(dtype):
    params = {"W": draw(0, (4, 3), dtype)}
    theta, m = params["W"].astype(float).ravel().tolist(), [0.0] * 12
    optimizer = Lion(params, lr=0.02, betas=(0.7, 0.9), weight_decay=0.3)
    for step in range(1, 31):
        g = draw(step, (4, 3), dtype)
        optimizer.step({"W": g})
        for i, gradient in enumerate(g.astype(float).ravel().tolist()):
            c = 0.7 * m[i] + 0.3 * gradient
            sign = 1 if c > 0 else -1
            theta[i] = theta[i] - 0.02 * (sign + 0.3 * theta[i])
            m[i] = 0.9 * m[i] + 0.1 * gradient
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(params["W"].ravel(), theta, rtol=tolerance, atol=tolerance)


def test_lion_does_not_move_where_all_gradients_were_zero():
    params = {"p": np.array([1.0, 1.0])}
    Lion(params, lr=0.25).step({"p": np.array([0.0, 1e-30])})
    np.testing.assert_array_equal(params["p"], [1.0, 0.75])


# Muon


def quintic(s):
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


def test_a_diagonal_matrix_has_each_entry_taken_through_the_quintic():
    expected = np.diag([quintic(0.6), quintic(-0.8)])  # of [3, -4] / 5
    np.testing.assert_allclose(orthogonal(np.diag([3.0, -4.0])), expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 6), (6, 1), (3, 2, 2, 3), (7, 2, 3)], ids=str)
def test_the_singular_values_go_through_the_quintic_and_the_directions_stay(shape):
    n = draw(0, shape)
    U, s, Vh = np.linalg.svd(n.reshape(shape[0], -1), full_matrices=False)
    s /= np.sqrt(np.square(n).sum())
    np.testing.assert_allclose(orthogonal(n), (U * quintic(s) @ Vh).reshape(shape), rtol=1e-9, atol=1e-11)
    found = orthogonal(n.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, orthogonal(n), rtol=1e-4, atol=1e-4)


def test_singular_values_from_a_500th_of_the_norm_end_near_1():
    s = quintic(np.geomspace(0.002, 1, 10_000))
    assert 0.68 < s.min() < s.max() < 1.21


def test_the_scale_of_a_matrix_does_not_matter_unless_it_vanishes():
    n = draw(0, (3, 5))
    before = n.copy()
    np.testing.assert_allclose(orthogonal(1e6 * n), orthogonal(n), rtol=1e-10)
    np.testing.assert_array_equal(n, before)
    np.testing.assert_array_equal(orthogonal(np.zeros((3, 5))), np.zeros((3, 5)))
    assert np.abs(orthogonal(1e-20 * n)).max() < 1e-9


@pytest.mark.parametrize("nesterov", [True, False])
def test_two_steps_of_muon_on_a_diagonal_matrix_by_hand(nesterov):
    params = {"W": np.diag([1.0, 2.0])}
    optimizer = Muon(params, lr=0.1, momentum=0.5, nesterov=nesterov, weight_decay=0.5)
    optimizer.step({"W": np.diag([6.0, 8.0])})  # N is along [3, 4]
    first = [0.95 - 0.1 * quintic(0.6), 1.9 - 0.1 * quintic(0.8)]
    np.testing.assert_allclose(params["W"], np.diag(first), rtol=1e-12)
    # M was [3, 4]: M = [1.5, 2] + [2.5, 0] = [4, 2]; N = M, or [2, 1] + [2.5, 0]
    optimizer.step({"W": np.diag([5.0, 0.0])})
    a, b = (4.5, 1) if nesterov else (4, 2)
    second = [
        0.95 * first[0] - 0.1 * quintic(a / math.hypot(a, b)),
        0.95 * first[1] - 0.1 * quintic(b / math.hypot(a, b)),
    ]
    np.testing.assert_allclose(params["W"], np.diag(second), rtol=1e-12)


@pytest.mark.parametrize(("shape", "factor"), [((9, 4), 1.5), ((4, 9), 1.0), ((18, 2, 1, 1), 3.0)], ids=str)
def test_muons_step_is_longer_for_tall_matrices_by_the_root_of_rows_over_columns(shape, factor):
    params, g = {"W": np.zeros(shape)}, draw(0, shape)
    Muon(params, lr=0.1).step({"W": g})
    np.testing.assert_allclose(params["W"], -0.1 * factor * orthogonal(g), rtol=1e-10)


def test_a_kernel_moves_as_the_matrix_of_its_rows():
    kernel, matrix = {"W": draw(0, (3, 2, 2, 3))}, {"W": draw(0, (3, 2, 2, 3)).reshape(3, 12)}
    one, two = Muon(kernel, lr=0.1), Muon(matrix, lr=0.1)
    for i in range(3):
        g = draw(10 + i, (3, 2, 2, 3))
        one.step({"W": g})
        two.step({"W": g.reshape(3, 12)})
    np.testing.assert_array_equal(kernel["W"].reshape(3, 12), matrix["W"])


def test_a_matrix_too_large_for_one_piece_is_still_one_matrix():
    g = np.outer(draw(0, 600), draw(1, 500))  # of rank 1: its one singular value is its norm
    params = {"W": np.zeros((600, 500))}
    Muon(params, lr=1.0).step({"W": g})
    expected = -math.sqrt(1.2) * quintic(1.0) * g / np.linalg.norm(g)
    np.testing.assert_allclose(params["W"], expected, rtol=1e-8, atol=1e-12)


def test_vectors_and_scalars_move_as_in_adamw_bit_for_bit():
    ours, theirs = ({"b": draw(0, 5), "s": draw(1, ())} for _ in range(2))
    options = {"lr": 0.05, "weight_decay": 0.2, "betas": (0.8, 0.95), "eps": 1e-4}
    muon, adamw = Muon({"W": draw(2, (3, 4)), **ours}, **options), AdamW(theirs, **options)
    for i in range(5):
        g = {"b": draw(10 + i, 5), "s": np.asarray(draw(20 + i, ()))}
        muon.step({"W": draw(30 + i, (3, 4)), **g})
        adamw.step(g)
    np.testing.assert_array_equal(ours["b"], theirs["b"])
    np.testing.assert_array_equal(ours["s"], theirs["s"])


def test_muon_keeps_one_array_a_matrix_and_two_a_vector():
    state = Muon({"W": np.ones((3, 2)), "b": np.ones(3)}).state()
    assert list(state) == ["steps", "m.W", "m.b", "v.b"]


def test_muon_takes_matrices_without_entries():
    params = {"W": np.ones((0, 3)), "U": np.ones((3, 0))}
    Muon(params).step(params)
    assert params["W"].shape == (0, 3)
