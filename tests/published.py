"""How numbers that other projects published are rebuilt and compared with."""

import numpy as np


def filled(layer, **params):
    """The layer in float64, with these parameters."""
    layer.astype(np.float64)
    assert params.keys() == layer.params.keys()
    for name, value in params.items():
        layer.params[name][...] = value
    return layer


def spaced(first, last, *shape):
    """Evenly spaced numbers in this shape: what cs231n tests with where nothing is random."""
    return np.linspace(first, last, num=np.prod(shape)).reshape(shape)


def legacy(seed):
    """The numbers that follow np.random.seed(seed) in a published test; ours would be another generator's."""
    return np.random.RandomState(seed)


def reordered(W, theirs, ours):
    """The gates' blocks of W (G H, ...) from their order into ours, one letter a gate."""
    block = dict(zip(theirs, np.split(np.asarray(W), len(theirs)), strict=True))
    return np.concatenate([block[gate] for gate in ours])


def printed(got, published, decimals):
    """Equal to numbers that were printed with so many decimals."""
    np.testing.assert_allclose(got, published, rtol=0, atol=0.6 * 10.0**-decimals)


def single(got, published):
    """Equal to numbers that were computed in float32."""
    published = np.array(published, dtype=float)
    np.testing.assert_allclose(got, published, rtol=1e-6, atol=1e-6, strict=published.ndim > 0)


def image(first, *shape):
    """first, first + 1, ... in this shape."""
    return np.arange(first, first + np.prod(shape), dtype=float).reshape(shape)


def stepped(kind, w, g, slots, steps=0, **hyper):
    """(w, the slots) after one update that starts from these slots."""
    optimizer = kind({"w": w.copy()}, **hyper)
    optimizer.load_state({"steps": np.array(steps), **{f"{slot}.w": value for slot, value in slots.items()}})
    optimizer.step({"w": g})
    state = optimizer.state()
    return optimizer.params["w"], {slot: state[f"{slot}.w"] for slot in slots}
