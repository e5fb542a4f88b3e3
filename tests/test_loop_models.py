"""The model in the training loop and after it: what can be trained, predicted, and is refused."""

import numpy as np
import pytest
from loop_models import Drift, Recorder, Scale, line, mlp

import layers as L
from layers import Sequential
from losses import MSE, SoftmaxCrossEntropy
from optim import SGD, Adam, schedules
from training.loop import fit, predict


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
