"""The MLPs of steps.py in scikit-learn: one call of partial_fit is one step."""

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor


def _network(sizes, batch):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    kind = MLPRegressor if sizes[-1] == 1 else MLPClassifier
    target = rng.standard_normal(batch).astype(np.float32) if sizes[-1] == 1 else rng.integers(10, size=batch)
    options = {"hidden_layer_sizes": sizes[1:-1], "batch_size": batch, "alpha": 0.0, "random_state": 0}
    model = kind(**options)
    more = {} if sizes[-1] == 1 else {"classes": np.arange(10)}
    model.partial_fit(x, target, **more)
    return model, x, target


def training(kind, sizes, batch):
    if kind != "mlp":
        return None
    model, x, target = _network(sizes, batch)
    return lambda: model.partial_fit(x, target)


def prediction(kind, sizes, batch):
    model, x, _ = _network(sizes, batch)
    return lambda: model.predict(x)
