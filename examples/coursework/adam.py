"""Task 11: Adam, an optimizer."""

import numpy as np

from optim import Optimizer


class Adam(Optimizer):
    """m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g²
    p <- p - lr m_hat / (sqrt(v_hat) + eps),   m_hat = m / (1 - beta1^t),   v_hat = v / (1 - beta2^t)

    t counts the updates from 1: it is self.steps, which the base class counts up before every update. The
    base class also calls update once for each parameter, and keeps for each an m and a v, zero at first.
    p, m and v change in place (p -= ..., m[...] = ...): what is merely given a new name is lost. g stays as
    it is.

    Shapes: p, g, m and v alike, any.
    """

    slots = ("m", "v")

    def __init__(self, params, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(params, lr, beta1=beta1, beta2=beta2, eps=eps)

    def update(self, p, g, slots, lr, beta1, beta2, eps):
        """Change p, slots["m"] and slots["v"] in place."""
        # --- solution
        m, v, t = slots["m"], slots["v"], self.steps
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        p -= lr * m_hat / (np.sqrt(v_hat) + eps)
        # --- end of solution
