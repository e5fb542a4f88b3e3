"""Task 4: dropout, noise that switches units off while training."""

import numpy as np

from layers import Layer


class Dropout(Layer):
    """y = keep * x / (1 - p) while training, each keep 0 with chance p and else 1;   y = x in evaluation

    p is the chance of dropping. What is kept is scaled up, so that the mean of y is x and evaluation needs no
    scaling. Every entry of x has a keep of its own, new in every forward, drawn from self.rng: the same seed
    then gives the same masks. backward uses those of the latest forward.
    self.training is True or False: layer.train() and layer.eval() set it.

    Shapes: x, y and upstream alike, any.
    """

    def __init__(self, p=0.5, *, rng=None):
        self.p = p
        self.rng = np.random.default_rng(rng)

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        if self.training:
            keep = self.rng.random(x.shape) >= self.p
            self.cache = keep.astype(x.dtype) / (1 - self.p)
        else:
            self.cache = np.ones_like(x)
        return self.cache * x
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {})."""
        # --- solution
        return self.cache * upstream, {}
        # --- end of solution
