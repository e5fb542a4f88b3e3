"""How the training loop refuses to diverge."""

import math

import numpy as np
import pytest
from loop_models import Drift, Faulty, Scale, line

import layers as L
from layers import Sequential
from losses import MSE
from optim import SGD, schedules
from training.errors import Diverged
from training.loop import fit, predict


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
