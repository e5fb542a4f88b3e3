"""Task 7: the convolution of images."""

import numpy as np

from layers import Layer


class Conv(Layer):
    """y_nfij = b_f + sum over c, h, w of W_fchw z_n,c,(i stride + h),(j stride + w)

    z is x with `padding` zeros around every image. The kernel is not flipped: this is a correlation, as in
    every library. Loops over i and j are fine, loops over n and f are slow.

    Shapes: x (N, C, H, W), W (F, C, K, K), b (F,), y and upstream (N, F, H', W'), where
    H' = (H + 2 padding - K) // stride + 1, and W' likewise.
    """

    example_shape = (2, 5, 7, 6)

    def __init__(self, in_channels, out_channels, kernel_size, *, stride=1, padding=0, rng=None):
        rng = np.random.default_rng(rng)
        shape = out_channels, in_channels, kernel_size, kernel_size
        self.stride, self.padding = stride, padding
        self.params = {
            "W": rng.normal(0, (in_channels * kernel_size**2) ** -0.5, shape),
            "b": np.zeros(out_channels),
        }

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        W, b, s, p = self.params["W"], self.params["b"], self.stride, self.padding
        (N, _, height, width), (F, _, K, _) = x.shape, W.shape
        z = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        rows, columns = (height + 2 * p - K) // s + 1, (width + 2 * p - K) // s + 1
        y = np.empty((N, F, rows, columns), np.result_type(x, W))
        for i in range(rows):
            for j in range(columns):
                window = z[:, :, i * s : i * s + K, j * s : j * s + K]
                y[:, :, i, j] = np.einsum("nchw,fchw->nf", window, W) + b
        self.cache = z
        return y
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {"W": dW, "b": db})."""
        # --- solution
        W, s, p, z = self.params["W"], self.stride, self.padding, self.cache
        K = W.shape[2]
        dz, dW = np.zeros_like(z), np.zeros_like(W)
        for i in range(upstream.shape[2]):
            for j in range(upstream.shape[3]):
                u = upstream[:, :, i, j]
                place = np.s_[:, :, i * s : i * s + K, j * s : j * s + K]
                dz[place] += np.einsum("nf,fchw->nchw", u, W)  # windows overlap
                dW += np.einsum("nf,nchw->fchw", u, z[place])
        dx = dz[:, :, p : dz.shape[2] - p, p : dz.shape[3] - p]
        return dx, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}
        # --- end of solution
