"""Task 9: long short-term memory."""

import numpy as np

from layers import Layer


def sigmoid(a):
    """1 / (1 + e^-a), without overflow."""
    return (1 + np.tanh(a / 2)) / 2


class LSTM(Layer):
    """For t = 1 to T, with h_0 = c_0 = 0:

        a_t = W_x x_t + W_h h_t-1 + b               four blocks of H: a_i, a_f, a_g, a_o, in this order
        i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)
        g = tanh(a_g)
        c_t = f * c_t-1 + i * g
        h_t = o * tanh(c_t)

    y holds h_1 to h_T. Backwards, h_t has two consumers, y and step t + 1, and so has c_t: h_t and step
    t + 1. The parameters are used in every step, so that their gradients are sums over t.

    Shapes: x (N, T, D), y and upstream (N, T, H), W_x (4 H, D), W_h (4 H, H), b (4 H,).
    """

    example_shape = (2, 4, 5)

    def __init__(self, input_size, hidden_size, *, rng=None):
        rng = np.random.default_rng(rng)
        self.params = {
            "W_x": rng.normal(0, input_size**-0.5, (4 * hidden_size, input_size)),
            "W_h": rng.normal(0, hidden_size**-0.5, (4 * hidden_size, hidden_size)),
            "b": np.zeros(4 * hidden_size),
        }

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        W_x, W_h, b = self.params["W_x"], self.params["W_h"], self.params["b"]
        h = np.zeros((len(x), W_h.shape[1]), np.result_type(x, W_h))
        c = np.zeros_like(h)
        y, steps = [], []
        for t in range(x.shape[1]):
            a_i, a_f, a_g, a_o = np.split(x[:, t] @ W_x.T + h @ W_h.T + b, 4, axis=1)
            i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
            c_next = f * c + i * g
            steps.append((h, c, i, f, g, o, np.tanh(c_next)))
            c = c_next
            h = o * np.tanh(c)
            y.append(h)
        self.cache = x, steps
        return np.stack(y, axis=1)
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {"W_x": dW_x, "W_h": dW_h, "b": db})."""
        # --- solution
        W_x, W_h = self.params["W_x"], self.params["W_h"]
        x, steps = self.cache
        dx, dW_x, dW_h, db = np.zeros_like(x), np.zeros_like(W_x), np.zeros_like(W_h), 0
        dh_next, dc_next = 0, 0  # after the last step nothing follows
        for t in reversed(range(x.shape[1])):
            h, c, i, f, g, o, tanh_c = steps[t]  # h and c are those before the step
            dh = upstream[:, t] + dh_next
            dc = dc_next + dh * o * (1 - tanh_c**2)
            da_i = dc * g * i * (1 - i)
            da_f = dc * c * f * (1 - f)
            da_g = dc * i * (1 - g**2)
            da_o = dh * tanh_c * o * (1 - o)
            da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)  # (N, 4 H)
            dx[:, t] = da @ W_x
            dW_x += da.T @ x[:, t]
            dW_h += da.T @ h
            db = db + da.sum(axis=0)
            dh_next = da @ W_h
            dc_next = dc * f
        return dx, {"W_x": dW_x, "W_h": dW_h, "b": db}
        # --- end of solution
