"""Task 8: max-pooling of images."""

import numpy as np

from layers import Layer


class MaxPool(Layer):
    """y_ncij = the largest x_n,c,(i stride + h),(j stride + w) with h and w from 0 to K - 1

    Only the winner of a window gets its upstream, and where windows overlap the gradients add up. Where two
    entries tie, one of them gets it all (the first, row by row), not both.

    Shapes: x (N, C, H, W), y and upstream (N, C, H', W'), where H' = (H - K) // stride + 1, W' likewise.
    """

    example_shape = (2, 3, 10, 11)

    def __init__(self, kernel_size, *, stride=None):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        K, s = self.kernel_size, self.stride
        N, C, height, width = x.shape
        rows, columns = (height - K) // s + 1, (width - K) // s + 1
        y = np.empty((N, C, rows, columns), x.dtype)
        winner = np.empty(y.shape, int)
        for i in range(rows):
            for j in range(columns):
                window = x[:, :, i * s : i * s + K, j * s : j * s + K].reshape(N, C, K * K)
                winner[:, :, i, j] = window.argmax(axis=2)
                y[:, :, i, j] = window.max(axis=2)
        self.cache = winner, x.shape
        return y
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {})."""
        # --- solution
        K, s = self.kernel_size, self.stride
        winner, shape = self.cache
        dx = np.zeros(shape, upstream.dtype)
        for n, c, i, j in np.ndindex(upstream.shape):
            h, w = divmod(winner[n, c, i, j], K)
            dx[n, c, i * s + h, j * s + w] += upstream[n, c, i, j]
        return dx, {}
        # --- end of solution
