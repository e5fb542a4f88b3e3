"""Networks as scikit-learn's estimators: in its pipelines, searches and cross-validation."""

from __future__ import annotations

import inspect
import math
from typing import Any, Self

import numpy as np

from layers import Layer, Softmax
from layers.base import Array
from losses import MSE, Loss, SoftmaxCrossEntropy

from .encoding.scaling import mean_std
from .encoding.split import split
from .loop import History, Pair, batches, fit, predict
from .network import ACTIVATIONS, Builder, mlp
from .rule import BY_STEP, RULES, make_rule, make_schedule, usual_rate
from .text import did_you_mean

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state, compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "training.estimators needs scikit-learn 1.6 or later; python -m pip install -U scikit-learn"
    ) from error

__all__ = ["NetClassifier", "NetRegressor"]

FEWEST = 10  # rows from which some are held back
OF_MLP = ("hidden", "activation", "dropout", "batchnorm")


class _Net(BaseEstimator):  # type: ignore[misc]
    """What the two estimators share: the parameters, and how a network is made and trained."""

    def __init__(
        self,
        hidden: tuple[int, ...] = (64, 64),
        *,
        activation: str = "silu",
        dropout: float = 0.2,
        batchnorm: bool = False,
        model: Builder | None = None,
        optimizer: str = "adam",
        lr: float | None = None,
        schedule: str = "cosine",
        batch_size: int = 32,
        epochs: int = 200,
        patience: int = 20,
        validation_fraction: float = 0.15,
        refit: bool = True,
        weight_decay: float = 3e-4,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.batchnorm = batchnorm
        self.model = model
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.refit = refit
        self.weight_decay = weight_decay
        self.random_state = random_state

    def _train(self, X: Array, target: Array, labels: Array | None, loss: Loss, output_size: int) -> None:
        """Leave the network trained in model_, and what happened in history_."""
        self._expect_options()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.x_mean_, std = mean_std(X)
        self.x_std_ = np.where(std == 0, 1.0, std)
        x = self._standardised(X)
        rows, held = np.arange(len(x)), np.zeros(0, np.intp)
        if self.validation_fraction and len(x) >= FEWEST:
            parts = split(len(x), labels=labels, val=self.validation_fraction, test=0, seed=seed)
            rows, held = parts.train, parts.val
        shape, val = x.shape[1:], (x[held], target[held]) if len(held) else None
        self.model_, self.history_ = self._learn(
            shape, output_size, loss, (x[rows], target[rows]), val, self.epochs, seed
        )
        if self.refit and val is not None and self.history_.best is not None:
            epochs = self.history_.best.epoch
            self.model_, _ = self._learn(shape, output_size, loss, (x, target), None, epochs, seed)

    def _learn(
        self,
        shape: tuple[int, ...],
        output_size: int,
        loss: Loss,
        train: Pair,
        val: Pair | None,
        epochs: int,
        seed: int,
    ) -> tuple[Layer, History]:
        """A new network, trained; the schedule is that of all epochs, however few of them these are."""
        model = self._build(shape, output_size, np.random.default_rng([seed, 2]))
        size = min(self.batch_size, len(train[0]))
        steps = self.epochs * len(batches(len(train[0]), size))
        rate = usual_rate(self.optimizer) if self.lr is None else self.lr
        lr = make_schedule(self.schedule, rate, steps=steps)
        rule = make_rule(self.optimizer, model.params, lr, self.weight_decay)
        patience = self.patience if val is not None else 0
        history = fit(
            model, loss, rule, train, val, epochs=epochs, batch_size=size, patience=patience, seed=seed
        )
        return model, history

    def _build(self, shape: tuple[int, ...], output_size: int, rng: np.random.Generator) -> Layer:
        if self.model is not None:
            return self.model(shape, output_size, rng).astype(np.float64)
        how = {name: getattr(self, name) for name in OF_MLP}
        return mlp(shape, output_size, rng, **how).astype(np.float64)

    def _outputs(self, X: Any) -> Array:
        """What the network says of each row."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return predict(self.model_, self._standardised(X))

    def _standardised(self, X: Array) -> Array:
        x: Array = (X - self.x_mean_) / self.x_std_
        return x

    def _expect_options(self) -> None:
        who = type(self).__name__
        named = (
            ("activation", self.activation, ACTIVATIONS),
            ("optimizer", self.optimizer, RULES),
            ("schedule", self.schedule, BY_STEP),
        )
        for what, name, names in named:
            if name not in names:
                guess = did_you_mean(str(name), names)
                raise ValueError(f"{who}: expected {what} to be {' or '.join(names)}, got {name!r}{guess}")
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(f"{who}: expected validation_fraction in [0, 1), got {self.validation_fraction}")
        if not isinstance(self.hidden, tuple | list):
            raise ValueError(
                f"{who}: expected hidden to be a tuple of sizes, got {self.hidden!r}; write (64, 64)"
            )
        for what, value in (("epochs", self.epochs), ("batch_size", self.batch_size)):
            if value < 1:
                raise ValueError(f"{who}: expected {what} >= 1, got {value}")
        if self.model is not None:
            defaults = inspect.signature(_Net.__init__).parameters
            idle = [name for name in OF_MLP if getattr(self, name) != defaults[name].default]
            if idle:
                raise ValueError(
                    f"{who}: {idle[0]} has no meaning where model= builds the network; leave one of them out"
                )


class NetClassifier(ClassifierMixin, _Net):  # type: ignore[misc]
    """A network that tells classes apart, trained as train.py trains it.

        NetClassifier(hidden=(32,), random_state=0).fit(X, y).predict(X)

    hidden, activation, dropout, batchnorm   the MLP, or model=build(input_shape, output_size, rng) -> Layer
    optimizer, lr, schedule, weight_decay    how it learns; lr None is the optimizer's usual rate
    batch_size, epochs                       in what steps, and how long at most
    patience, validation_fraction            it stops after `patience` epochs without a lower loss on the rows
                                             held back, and keeps the best; of less than 10 rows none are
    refit                                    a new network then learns from all rows, for as many epochs as
                                             the best had taken (Goodfellow et al. 2016, algorithm 7.2)
    class_weight                             None, "balanced", or a dict from label to weight
    random_state                             a seed, for the same network every time

    Inputs are standardised inside, by the rows that fit is given; the arithmetic is float64.
    Fitted: classes_, model_ (the network), history_ (with rows held back), n_features_in_, feature_names_in_,
    x_mean_, x_std_.
    Shapes: X (n, D), y (n,).
    Raises: ValueError for one class, nan or inf in X, and parameters that cannot be; Diverged.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (64, 64),
        *,
        activation: str = "silu",
        dropout: float = 0.2,
        batchnorm: bool = False,
        model: Builder | None = None,
        optimizer: str = "adam",
        lr: float | None = None,
        schedule: str = "cosine",
        batch_size: int = 32,
        epochs: int = 200,
        patience: int = 20,
        validation_fraction: float = 0.15,
        refit: bool = True,
        weight_decay: float = 3e-4,
        class_weight: Any = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            hidden, activation=activation, dropout=dropout, batchnorm=batchnorm, model=model,
            optimizer=optimizer, lr=lr, schedule=schedule, batch_size=batch_size, epochs=epochs,
            patience=patience, validation_fraction=validation_fraction, refit=refit,
            weight_decay=weight_decay, random_state=random_state,
        )  # fmt: skip
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on X (n, D) and the labels y (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"NetClassifier: expected at least two classes in y, got one class ({self.classes_[0]!r}); "
                "nothing to learn"
            )
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        loss = SoftmaxCrossEntropy(class_weights=None if self.class_weight is None else weights)
        self._train(X, labels, labels, loss, len(self.classes_))
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each of classes_.   Shapes: (n, C)."""
        p: Array = Softmax().forward(self._outputs(X))
        return p

    def predict(self, X: Any) -> Array:
        """The most probable label of each row.   Shapes: (n,)."""
        best = self._outputs(X).argmax(axis=1)
        labels: Array = self.classes_[best]
        return labels


class NetRegressor(RegressorMixin, _Net):  # type: ignore[misc]
    """A network that predicts numbers, one a row or several, trained as train.py trains it.

        NetRegressor(hidden=(32,), random_state=0).fit(X, y).predict(X)

    The parameters and what is fitted are NetClassifier's, without classes. The target is standardised inside,
    too; predictions are in its units.
    Shapes: X (n, D), y (n,) or (n, k), predictions like y.
    Raises: ValueError for nan or inf in X or y, and parameters that cannot be; Diverged.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network on X (n, D) and the numbers y."""
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        values = np.asarray(y, np.float64).reshape(len(y), -1)
        self.y_mean_, std = mean_std(values)
        self.y_std_ = np.where(std == 0, 1.0, std)
        self._shape = y.shape[1:]
        self._train(X, (values - self.y_mean_) / self.y_std_, None, MSE(), math.prod(self._shape))
        return self

    def predict(self, X: Any) -> Array:
        """The numbers of each row, in the units of y.   Shapes: (n,) or (n, k), as y was."""
        values: Array = self._outputs(X) * self.y_std_ + self.y_mean_
        return values.reshape(len(values), *self._shape)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
