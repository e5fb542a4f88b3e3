"""The training loop: what the network meets, what is kept, when it stops, how it refuses to diverge."""

import math

import numpy as np
import pytest

import layers as L
from layers import Layer, Sequential
from losses import MSE, SoftmaxCrossEntropy
from optim import SGD, Adam, schedules
from training.errors import Diverged
from training.loop import batches, fit, predict


class Scale(Layer):
    """y = gamma * x.   Shapes: x (N, D), gamma (D,)."""

    def __init__(self, features):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        x = self.cache
        return upstream * self.params["gamma"], {"gamma": (upstream * x).sum(axis=0)}


class Recorder(Scale):
    """Scale that keeps the rows of every training batch, and whether its dx was wanted."""

    def __init__(self):
        super().__init__(1)
        self.seen, self.wishes = [], []

    def forward(self, x):
        if self.training:
            self.seen.append(x[:, 0].astype(int).tolist())
            self.wishes.append(self.input_grad)
        return super().forward(x)


class Drift(Layer):
    """y = x, and every gradient is `slope`: the weight walks down by lr * slope a step."""

    def __init__(self, slope=1.0):
        self.params = {"w": np.zeros(1)}
        self.slope = slope

    def forward(self, x):
        self.cache = x
        return x

    def backward(self, upstream):
        return upstream, {"w": np.full(1, self.slope)}


class Faulty(Scale):
    """Scale whose outputs or gradients are `value` at the k-th training batch, or its validation outputs."""

    def __init__(self, k, where, value):
        super().__init__(1)
        self.k, self.where, self.value, self.count = k, where, value, 0

    def forward(self, x):
        self.count += self.training
        y = super().forward(x)
        now = {"outputs": self.training and self.count == self.k, "validation": not self.training}
        return np.full_like(y, self.value) if now.get(self.where) else y

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        if self.where == "gradients" and self.count == self.k:
            grads = {"gamma": np.full(1, self.value)}
        return dx, grads


class Scripted:
    """A score that takes these values, one an epoch."""

    def __init__(self, *values):
        self.values = iter(values)

    def __call__(self, outputs, target):
        return {"score": next(self.values)}


def line(n=12, slope=3.0):
    """x (n, 1) and slope * x."""
    x = np.linspace(-1, 1, n).reshape(-1, 1)
    return x, slope * x


def fed(n, batch_size, epochs=1, seed=0):
    """The row numbers of every batch, in the order the network met them."""
    model = Recorder()
    x = np.arange(n, dtype=float).reshape(-1, 1)
    fit(model, MSE(), SGD(model.params, 0.0), (x, x), epochs=epochs, batch_size=batch_size, seed=seed)
    return model.seen


def fit_scripted(*values, model=None, higher=False, patience=0, after_epoch=None):
    """Train on a line, judged by a scripted score."""
    model = model or Sequential(L.Affine(1, 1, rng=0))
    return fit(
        model, MSE(), SGD(model.params, 0.01), line(), line(4), epochs=len(values), patience=patience,
        score=Scripted(*values), watch="score", higher=higher, after_epoch=after_epoch,
    )  # fmt: skip


def mlp(*, dtype=np.float32, rng=0):
    rng = np.random.default_rng(rng)
    return Sequential(
        L.Affine(1, 8, rng=rng, dtype=dtype),
        L.BatchNorm(8, dtype=dtype),
        L.ReLU(),
        L.Dropout(0.2, rng=rng.spawn(1)[0]),
        L.Affine(8, 1, rng=rng, dtype=dtype),
    )


class TestTheOrderOfTheRows:
    @pytest.mark.parametrize(
        ("n", "size"), [(10, 4), (9, 4), (7, 3), (12, 4), (5, 1), (3, 8), (1, 4), (2, 1)]
    )
    def test_every_epoch_meets_every_row_exactly_once(self, n, size):
        met = fed(n, size, epochs=3)
        a_third = len(met) // 3
        for epoch in range(3):
            rows = [row for batch in met[epoch * a_third : (epoch + 1) * a_third] for row in batch]
            assert sorted(rows) == list(range(n))

    def test_the_last_partial_batch_is_used(self):
        assert [len(batch) for batch in fed(10, 4)] == [4, 4, 2]

    def test_a_single_row_left_over_joins_the_batch_before(self):
        assert [len(batch) for batch in fed(9, 4)] == [4, 5]

    def test_batches_of_one_row_stay_batches_of_one_row(self):
        assert [len(batch) for batch in fed(5, 1)] == [1, 1, 1, 1, 1]

    def test_a_batch_size_above_the_number_of_rows_is_one_batch(self):
        assert [len(batch) for batch in fed(5, 100)] == [5]

    def test_no_rows_make_no_batches(self):
        assert batches(0, 4) == []

    def test_it_changes_with_every_epoch_and_seed(self):
        epochs = np.concatenate(fed(20, 10, epochs=2)).reshape(2, 20)
        other_seed = np.concatenate(fed(20, 10, seed=1))
        orders = [np.arange(20), *epochs, other_seed]
        assert len({tuple(order.tolist()) for order in orders}) == 4

    def test_it_depends_on_seed_and_epoch_alone(self):
        rows = np.concatenate(fed(20, 10, epochs=3)).reshape(3, 20)
        again = np.concatenate(fed(20, 7, epochs=2)).reshape(2, 20)
        assert (rows[:2] == again).all()


class TestTheHistory:
    def test_two_epochs_worked_by_hand(self):
        """y = w x from w = 0, at x = 1, 2 towards 2, 4, lr 0.1; validated at x = 1 towards 3.

        Epoch 1: loss (4 + 16) / 2 = 10, dw = (2 (-2) 1 + 2 (-4) 2) / 2 = -10, w = 1, validated (1 - 3)^2 = 4.
        Epoch 2: loss (1 + 4) / 2 = 2.5, dw = (2 (-1) 1 + 2 (-2) 2) / 2 = -5, w = 1.5, validated 1.5^2 = 2.25.
        """
        model = L.Affine(1, 1, bias=False, init="zeros", dtype=np.float64)
        train = np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])
        val = np.array([[1.0]]), np.array([[3.0]])
        history = fit(model, MSE(), SGD(model.params, 0.1), train, val, epochs=2, batch_size=2)
        first, second = history.epochs
        assert (first.epoch, first.step, first.lr, first.best) == (1, 1, 0.1, True)
        assert (second.epoch, second.step, second.lr, second.best) == (2, 2, 0.1, True)
        assert (first.train_loss, first.val_loss, first.grad_norm) == pytest.approx((10, 4, 10))
        assert (second.train_loss, second.val_loss, second.grad_norm) == pytest.approx((2.5, 2.25, 5))
        assert (first.watched, second.watched) == (first.val_loss, second.val_loss)
        assert 0 <= first.seconds <= second.seconds
        assert model.params["W"] == pytest.approx(1.5)
        assert history.best is second
        assert history.stopped == ""

    def test_the_training_loss_counts_every_row_alike(self):
        """Batches of 3 and 2 rows: the mean of 0, 1, 4, 9, 16 is 6, whichever rows meet in a batch."""
        model = Scale(1)
        x = np.arange(5.0).reshape(-1, 1)
        history = fit(model, MSE(), SGD(model.params, 0.0), (x, 0 * x), epochs=1, batch_size=3)
        assert history.epochs[0].train_loss == pytest.approx(6)

    def test_the_gradient_norm_is_the_largest_of_the_epoch(self):
        """With gamma = 1, target 0 and one row a batch, the gradient of x = 1, 2, 3 is 2 x^2: at most 18."""
        model = Scale(1)
        x = np.arange(1.0, 4).reshape(-1, 1)
        history = fit(model, MSE(), SGD(model.params, 0.0), (x, 0 * x), epochs=6, batch_size=1)
        assert [row.grad_norm for row in history.epochs] == pytest.approx([18] * 6)

    def test_the_learning_rate_is_the_schedules_at_the_latest_step(self):
        """Two batches an epoch: steps 0, 1 | 2, 3 | 4, 5; a tenth from step 3, a hundredth from 6."""
        model = Drift()
        optimizer = SGD(model.params, schedules.Step(0.1, every=3))
        history = fit(model, MSE(), optimizer, line(8), epochs=3, batch_size=4)
        assert [row.lr for row in history.epochs] == pytest.approx([0.1, 0.01, 0.01])
        assert [row.step for row in history.epochs] == [2, 4, 6]

    def test_scores_are_taken_of_the_validation_outputs_in_evaluation_mode(self):
        model = Sequential(L.Dropout(0.5, rng=0), Scale(1))
        met = []
        x, target = line(4)
        fit(
            model, MSE(), SGD(model.params, 0.0), line(), (x, target), epochs=1,
            score=lambda outputs, truth: met.append((outputs, truth)) or {"error": 0.5},
        )  # fmt: skip
        (outputs, truth), *more = met
        assert not more
        assert (outputs == x).all()
        assert (truth == target).all()

    def test_without_validation_its_figures_are_none(self):
        model = Scale(1)
        row = fit(model, MSE(), SGD(model.params, 0.1), line(), epochs=1).epochs[0]
        assert (row.val_loss, dict(row.scores)) == (None, {})
        assert row.watched == row.train_loss

    def test_callbacks_hear_of_every_batch_and_epoch(self):
        model = Scale(1)
        heard = []
        fit(
            model, MSE(), SGD(model.params, 0.1), line(10), epochs=2, batch_size=4,
            after_batch=lambda history: heard.append((history.batch, history.batches)),
            after_epoch=lambda history: heard.append(len(history.epochs)),
        )  # fmt: skip
        assert heard == [(1, 3), (2, 3), (3, 3), 1, (1, 3), (2, 3), (3, 3), 2]


class TestTheBestEpoch:
    def test_is_the_one_of_the_lowest_validation_loss(self):
        """The weight walks from 0 towards 3 and passes 1, where the validation loss is lowest."""
        model = L.Affine(1, 1, bias=False, init="zeros", dtype=np.float64)
        walk = []
        history = fit(
            model, MSE(), SGD(model.params, 0.1), line(), line(slope=1.0), epochs=20, batch_size=12,
            after_epoch=lambda history: walk.append(model.params["W"].item()),
        )  # fmt: skip
        nearest = min(walk, key=lambda w: abs(w - 1))
        assert 1 < history.best.epoch < 20
        assert model.params["W"].item() == nearest == walk[history.best.epoch - 1]
        assert history.best.val_loss == min(row.val_loss for row in history.epochs)

    def test_is_the_one_of_the_lowest_training_loss_where_nothing_validates(self):
        """gamma stands at 1, 3, 5 in the three epochs, and 3 is right."""
        model = Scale(1)

        def move(history):
            model.params["gamma"] += 2

        x, target = line()
        history = fit(model, MSE(), SGD(model.params, 0.0), (x, target), epochs=3, after_epoch=move)
        square = (x * x).mean()
        assert [row.train_loss for row in history.epochs] == pytest.approx([4 * square, 0, 4 * square])
        assert history.best.epoch == 2
        assert model.params["gamma"] == 3

    @pytest.mark.parametrize(("higher", "epoch"), [(True, 2), (False, 3)])
    def test_is_the_one_of_the_best_score(self, higher, epoch):
        assert fit_scripted(2.0, 3.0, 1.0, 2.5, higher=higher).best.epoch == epoch

    def test_of_equals_is_the_first(self):
        history = fit_scripted(2.0, 1.0, 1.0)
        assert [row.best for row in history.epochs] == [True, True, False]

    @pytest.mark.parametrize("higher", [True, False])
    @pytest.mark.parametrize("nothing", [math.nan, None, math.inf, -math.inf])
    def test_is_none_without_a_finite_score(self, higher, nothing):
        history = fit_scripted(2.0, nothing, higher=higher)
        assert history.best.epoch == 1
        assert history.epochs[1].scores["score"] is None

    def test_gives_way_to_any_finite_score_where_its_own_is_none(self):
        history = fit_scripted(math.nan, 5.0, math.nan, 4.0)
        assert [row.best for row in history.epochs] == [True, True, False, True]

    def test_is_the_first_where_no_score_is_ever_finite(self):
        assert fit_scripted(math.nan, None, math.nan).best.epoch == 1

    def test_gives_the_model_its_weights_and_buffers(self):
        model, states = mlp(), []
        history = fit_scripted(
            1.0, 3.0, 2.0, 0.0, model=model, higher=True, after_epoch=lambda _: states.append(model.state())
        )
        assert history.best.epoch == 2
        for name, array in model.state().items():
            assert np.array_equal(array, states[1][name])
            assert np.array_equal(array, history.best_state[name])
            assert not np.array_equal(array, states[3][name])
        assert "1.running_mean" in model.state()


class TestStopping:
    @pytest.mark.parametrize("patience", [1, 3])
    def test_comes_after_exactly_so_many_epochs_without_a_better_one(self, patience):
        history = fit_scripted(5.0, 4.0, *[4.0] * 10, patience=patience)
        assert len(history.epochs) == 2 + patience
        assert history.stopped == f"no better for {patience} epochs"

    def test_waits_again_after_a_better_epoch(self):
        history = fit_scripted(5.0, 6.0, 4.0, 6.0, 6.0, 1.0, patience=2)
        assert len(history.epochs) == 5
        assert history.waited == 2

    def test_never_comes_with_patience_0(self):
        history = fit_scripted(1.0, *[2.0] * 9, patience=0)
        assert len(history.epochs) == 10
        assert history.stopped == ""

    def test_counts_epochs_without_a_score_as_no_better(self):
        assert len(fit_scripted(1.0, *[math.nan] * 9, patience=4).epochs) == 5


class TestTheModelAfterwards:
    def test_is_in_evaluation_mode_and_gives_dx_again(self):
        model = mlp()
        fit(model, MSE(), SGD(model.params, 0.01), line(), epochs=1)
        assert not any(layer.training for layer in (model, *model.layers))
        x, _ = line(3)
        model.forward(x)
        dx, _ = model.backward(np.ones((3, 1)))
        assert dx.shape == x.shape

    def test_learned_in_training_mode_whatever_mode_it_came_in(self):
        model = Recorder()
        fit(model.eval(), MSE(), SGD(model.params, 0.0), line(), line(4), epochs=2)
        assert len(model.seen) == 2

    def test_needed_no_dx_while_it_learned(self):
        model = Recorder()
        fit(model, MSE(), SGD(model.params, 0.0), line(), epochs=2)
        assert model.wishes == [False, False]

    def test_keeps_the_wish_for_no_dx_that_it_came_with(self):
        model = mlp()
        model.input_grad = False
        fit(model, MSE(), SGD(model.params, 0.01), line(), epochs=1)
        assert model.input_grad is False

    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
    def test_is_as_usable_after_an_exception(self, error):
        model = mlp()

        def break_off(history):
            raise error

        with pytest.raises(error):
            fit(model, MSE(), SGD(model.params, 0.01), line(), epochs=3, after_epoch=break_off)
        assert all(layer.input_grad for layer in (model, model.layers[0]))
        assert not any(layer.training for layer in (model, *model.layers))

    def test_has_the_same_bits_after_two_runs_of_one_seed(self):
        def trained(seed):
            model = mlp(rng=seed)
            fit(model, MSE(), Adam(model.params, 0.01), line(), line(5), epochs=4, batch_size=5, seed=seed)
            return model.state()

        one, two, other = trained(3), trained(3), trained(4)
        assert all(np.array_equal(one[name], two[name]) for name in one)
        assert not np.array_equal(one["0.W"], other["0.W"])


class TestWhatItTrains:
    def test_a_students_layer_between_others(self):
        model = Sequential(L.Affine(1, 4, rng=0), Scale(4), L.Affine(4, 1, rng=1))
        history = fit(model, MSE(), Adam(model.params, 0.05), line(), epochs=30, batch_size=4)
        assert history.best.train_loss < 0.01 * history.epochs[0].train_loss
        assert (model.params["1.gamma"] != 1).all()

    def test_images(self):
        rng = np.random.default_rng(0)
        labels = np.arange(20) % 2
        x = rng.standard_normal((20, 3, 4, 5)).astype(np.float32)
        x[labels == 1, 0] += 2  # the first channel tells
        model = Sequential(L.Flatten(), L.Affine(60, 2, rng=0))
        fit(model, SoftmaxCrossEntropy(), Adam(model.params, 0.01), (x, labels), epochs=10, batch_size=6)
        assert (predict(model, x).argmax(axis=1) == labels).all()

    def test_float32_stays_float32(self):
        x, target = (array.astype(np.float32) for array in line())
        model = mlp()
        fit(model, MSE(), Adam(model.params, 0.01), (x, target), (x, target), epochs=2, clip_norm=1.0)
        assert {array.dtype for array in model.state().values()} == {np.dtype(np.float32)}
        assert predict(model, x).dtype == np.float32

    def test_with_steps_no_longer_than_the_clipped_norm(self):
        """With lr 1 and gradients of 30 clipped to 0.5, the weight walks 0.5 a step; of 0.3, all of it."""
        for slope, step in ((30.0, 0.5), (0.3, 0.3)):
            model = Drift(slope)
            row = fit(model, MSE(), SGD(model.params, 1.0), line(8), epochs=1, batch_size=4, clip_norm=0.5)
            assert model.params["w"].item() == pytest.approx(-2 * step, rel=1e-5)
            assert row.epochs[0].grad_norm == pytest.approx(slope)

    def test_at_the_rates_of_a_schedule(self):
        """Gradients of 1 at rates 0.1, 0.1, 0.1, 0.01: the weight walks 0.31."""
        model = Drift()
        optimizer = SGD(model.params, schedules.Step(0.1, every=3))
        walk = []
        fit(
            model, MSE(), optimizer, line(8), epochs=2, batch_size=4,
            after_batch=lambda *_: walk.append(-model.params["w"].item()),
        )  # fmt: skip
        assert walk == pytest.approx([0.1, 0.2, 0.3, 0.31])

    def test_at_a_rate_assigned_between_epochs(self):
        model = Drift()
        optimizer = SGD(model.params, 0.1)

        def slower(history):
            optimizer.lr = 0.01

        history = fit(model, MSE(), optimizer, line(4), epochs=2, after_epoch=slower)
        assert [row.lr for row in history.epochs] == [0.1, 0.01]


class TestDivergence:
    """Loss, outputs or gradients that are not finite stop training before they reach the weights."""

    def fit(self, model, *, clip_norm=None, val=None):
        """Three epochs of three batches."""
        fit(model, MSE(), SGD(model.params, 0.1), line(), val, epochs=3, batch_size=4, clip_norm=clip_norm)

    @pytest.mark.parametrize("lr", [1e3, 1e6, 1e12])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_of_a_learning_rate_far_too_high(self, lr, dtype):
        model = Sequential(L.Affine(1, 8, rng=0, dtype=dtype), L.ReLU(), L.Affine(8, 1, rng=1, dtype=dtype))
        x, target = (array.astype(dtype) for array in line())
        with pytest.raises(
            Diverged, match=r"diverged: .+ became (inf|nan) at epoch \d+, batch \d of 3; "
        ) as at:
            fit(model, MSE(), SGD(model.params, lr), (x, target), epochs=99, batch_size=4)
        assert f"try --lr {lr / 10:.3g} (was {lr:.3g}) or --clip-norm 1" in str(at.value)
        assert all(np.isfinite(array).all() for array in model.params.values())

    @pytest.mark.parametrize(
        ("where", "value", "what"),
        [
            ("outputs", math.nan, "outputs became nan"),
            ("outputs", -math.inf, "outputs became inf"),
            ("gradients", math.nan, "norm of the gradient of 'gamma' became nan"),
            ("gradients", math.inf, "norm of the gradient of 'gamma' became inf"),
            ("gradients", 1e200, "norm of the gradient of 'gamma' became inf"),
        ],
    )
    @pytest.mark.parametrize("clip_norm", [None, 1.0])
    def test_is_named_with_its_place_and_leaves_the_weights(self, where, value, what, clip_norm):
        """At the fifth batch, which is the second of the second epoch; four updates have been made."""
        healthy, model = Faulty(0, where, value), Faulty(5, where, value)
        met = []
        fit(
            healthy, MSE(), SGD(healthy.params, 0.1), line(), epochs=2, batch_size=4, clip_norm=clip_norm,
            after_batch=lambda *_: met.append(healthy.params["gamma"].copy()),
        )  # fmt: skip
        with pytest.raises(Diverged, match=f"diverged: {what} at epoch 2, batch 2 of 3; try --lr 0.01") as at:
            self.fit(model, clip_norm=clip_norm)
        assert model.params["gamma"] == met[3]
        assert ("--clip-norm" in str(at.value)) == (clip_norm is None)

    def test_of_the_loss_alone_is_seen(self):
        """Outputs of 1e30 are finite in float32, their squares are not."""
        model = Faulty(2, "outputs", 1e30)
        x, target = (array.astype(np.float32) for array in line())
        model.astype(np.float32)
        with pytest.raises(Diverged, match="diverged: loss became inf at epoch 1, batch 2 of 3"):
            fit(model, MSE(), SGD(model.params, 0.1), (x, target), epochs=1, batch_size=4)
        assert np.isfinite(model.params["gamma"]).all()

    def test_on_the_validation_rows_alone_is_seen(self):
        with pytest.raises(Diverged, match="diverged: validation outputs became nan at epoch 1; try --lr"):
            self.fit(Faulty(0, "validation", math.nan), val=line(4))

    def test_of_the_validation_loss_alone_is_seen(self):
        with pytest.raises(Diverged, match="diverged: validation loss became inf at epoch 1; try --lr"):
            self.fit(Faulty(0, "validation", 1e200), val=line(4))

    def test_in_a_layer_names_the_layer(self):
        class Strict(Scale):
            def forward(self, x):
                with np.errstate(over="raise"):
                    return super().forward(x) * 1e308 * 10

        with pytest.raises(
            Diverged, match=r"at epoch 1, in layer 0, Strict\(\), batch 1 of 3; no step was taken"
        ):
            self.fit(Sequential(Strict(1)))

    def test_of_the_weights_by_the_last_update_makes_no_best_epoch(self):
        model = Drift()
        with pytest.raises(Diverged, match="diverged: 'w' became inf at epoch 1; try --lr"):
            fit(model, MSE(), SGD(model.params, 1e308), line(4), epochs=5, batch_size=1)

    def test_before_the_first_step_is_not_put_down_to_the_rate(self):
        with pytest.raises(Diverged, match="at epoch 1, batch 1 of 3; no step was taken yet: look for huge"):
            self.fit(Faulty(1, "outputs", math.nan))

    def test_suggests_a_rate_below_the_highest_of_a_schedule(self):
        """At the third step a cosine of three steps has fallen to 0.25 of its height."""
        model = Faulty(3, "outputs", math.nan)
        optimizer = SGD(model.params, schedules.Cosine(0.2, steps=3))
        with pytest.raises(Diverged, match=r"try --lr 0.02 \(was 0.2\)"):
            fit(model, MSE(), optimizer, line(), epochs=1, batch_size=4)

    def test_leaves_a_model_that_can_be_used(self):
        model = Faulty(5, "outputs", math.nan)
        with pytest.raises(Diverged):
            self.fit(model)
        assert model.input_grad
        assert not model.training
        assert np.isfinite(predict(model, line()[0])).all()

    def test_ends_with_exit_code_5(self):
        assert Diverged.code == 5


class TestPrediction:
    def test_in_batches_is_that_of_one_pass(self):
        model = mlp(dtype=np.float64)
        x = np.random.default_rng(0).standard_normal((23, 1))
        model.forward(x)  # moves the running statistics
        whole = model.eval().forward(x)
        for size in (1, 5, 11, 23, 1000):
            np.testing.assert_allclose(predict(model, x, batch_size=size), whole, rtol=1e-12, atol=0)

    @pytest.mark.parametrize("training", [True, False])
    def test_puts_the_mode_back(self, training):
        model = mlp()
        model.training = training
        predict(model, line()[0])
        assert all(layer.training is training for layer in (model, *model.layers))

    def test_puts_the_mode_back_after_an_error(self):
        model = mlp()
        with pytest.raises(ValueError, match="expected x of shape"):
            predict(model, np.ones((3, 2)))
        assert model.training

    def test_of_no_rows_is_no_rows_of_outputs(self):
        model = Sequential(L.Flatten(), L.Affine(6, 2, rng=0))
        assert predict(model, np.ones((0, 2, 3))).shape == (0, 2)


class TestArgumentsThatDoNotFit:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"epochs": 0}, "fit: expected epochs >= 1, got 0"),
            ({"batch_size": 0}, "fit: expected batch_size >= 1, got 0"),
            ({"patience": -1}, "fit: expected patience >= 0, got -1"),
            ({"train": (np.ones((3, 1)), np.ones((2, 1)))}, "expected train to be .*, got 3 and 2"),
            ({"train": (np.ones((0, 1)), np.ones((0, 1)))}, "expected train to be .*, got 0 and 0"),
            ({"val": (np.ones((3, 1)), np.ones((2, 1)))}, "expected val to be .*, got 3 and 2"),
            ({"loss": MSE(reduction="sum")}, "expected a loss with reduction 'mean', got MSE"),
            ({"watch": "accuracy"}, "expected val and score to watch 'accuracy', got none; pass both"),
            ({"watch": "accuracy", "val": line(3)}, "expected val and score to watch 'accuracy', got none"),
            ({"clip_norm": 0.0}, "clip_by_norm: expected max_norm"),
        ],
    )
    def test_are_refused_before_the_weights_change(self, changes, message):
        model = Scale(1)
        arguments = {"loss": MSE(), "train": line(), **changes}
        with pytest.raises(ValueError, match=message):
            fit(model, optimizer=SGD(model.params, 0.1), **arguments)
        assert model.params["gamma"] == 1
