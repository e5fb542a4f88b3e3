"""Task 2: the rectifier, y = max(x, 0)."""

import numpy as np

from layers import Layer


class ReLU(Layer):
    """y = max(x, 0), entry by entry.

    The derivative is 1 where x > 0 and 0 elsewhere; take 0 at x = 0 too. There are no parameters, so that
    backward returns (dx, {}).

    Shapes: x, y and upstream alike, any.
    """

    def forward(self, x):
        """Return y, a new array: x stays as it is. Keep in self.cache what backward needs."""
        # --- solution
        self.cache = x > 0
        return np.where(self.cache, x, 0)
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {}); upstream stays as it is."""
        # --- solution
        return upstream * self.cache, {}
        # --- end of solution
