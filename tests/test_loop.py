"""The training loop: what the network meets, what is noted, which epoch is kept, when it stops."""

import math

import numpy as np
import pytest
from loop_models import Drift, Recorder, Scale, fit_scripted, line, mlp

import layers as L
from layers import Sequential
from losses import MSE
from optim import SGD, schedules
from training.loop import batches, fit


def fed(n, batch_size, epochs=1, seed=0):
    """The row numbers of every batch, in the order the network met them."""
    model = Recorder()
    x = np.arange(n, dtype=float).reshape(-1, 1)
    fit(model, MSE(), SGD(model.params, 0.0), (x, x), epochs=epochs, batch_size=batch_size, seed=seed)
    return model.seen


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
