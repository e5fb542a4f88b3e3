"""Right answers to the assignment, written otherwise than the solutions: every part must earn its points."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    id: str
    task: str
    method: str  # whose body this is
    body: str


RIGHT = [
    Right(
        "affine by loops over the batch",
        "affine",
        "backward",
        """
        x = self.cache
        dx, dW, db = np.zeros_like(x), np.zeros_like(self.params["W"]), np.zeros_like(self.params["b"])
        for n in range(len(x)):
            dx[n] = self.params["W"].T @ upstream[n]
            dW += np.outer(upstream[n], x[n])
            db += upstream[n]
        return dx, {"W": dW, "b": db}
        """,
    ),
    Right("relu by maximum", "relu", "forward", "self.cache = x > 0; return np.maximum(0, x)"),
    Right(
        "relu by an index",
        "relu",
        "backward",
        """
        dx = upstream.copy()
        dx[~self.cache] = 0
        return dx, {}
        """,
    ),
    Right(
        "softmax loss by one-hot targets",
        "softmax_loss",
        "forward",
        """
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.cache = e / e.sum(axis=1, keepdims=True), target
        right = scores[range(len(target)), target]
        return float(np.mean(scores.max(axis=1) + np.log(e.sum(axis=1)) - right))
        """,
    ),
    Right(
        "dropout by binomial",
        "dropout",
        "forward",
        """
        keep = self.rng.binomial(1, 1 - self.p, x.shape) if self.training else np.full(x.shape, 1 - self.p)
        self.cache = (keep / (1 - self.p)).astype(x.dtype)
        return x * self.cache
        """,
    ),
    Right(
        "batch norm by np.var",
        "batchnorm",
        "forward",
        """
        mean, var = self.buffers["running_mean"], self.buffers["running_var"]
        if self.training:
            mean, var = np.mean(x, axis=0), np.var(x, axis=0)
            for name, new in ("running_mean", mean), ("running_var", np.var(x, axis=0, ddof=1)):
                self.buffers[name] *= 1 - self.momentum
                self.buffers[name] += self.momentum * new
        std = np.sqrt(var + self.eps)
        self.cache = (x - mean) / std, std, self.training
        return self.cache[0] * self.params["gamma"] + self.params["beta"]
        """,
    ),
    Right(
        "batch norm in steps",
        "batchnorm",
        "backward",
        """
        x_hat, std, training = self.cache
        N, gamma = len(upstream), self.params["gamma"]
        grads = {"gamma": np.sum(upstream * x_hat, 0), "beta": np.sum(upstream, 0)}
        if not training:
            return upstream * gamma / std, grads
        return gamma / (N * std) * (N * upstream - grads["beta"] - x_hat * grads["gamma"]), grads
        """,
    ),
    Right(
        "layer norm by x.var",
        "layernorm",
        "forward",
        """
        std = np.sqrt(x.var(-1, keepdims=True) + self.eps)
        self.cache = (x - x.mean(-1, keepdims=True)) / std, std
        return self.cache[0] * self.params["gamma"] + self.params["beta"]
        """,
    ),
    Right(
        "convolution by loops over everything",
        "conv",
        "forward",
        """
        W, b, s, p = self.params["W"], self.params["b"], self.stride, self.padding
        z = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])
        (N, C, H, V), (F, _, K, _) = z.shape, W.shape
        y = np.zeros((N, F, (H - K) // s + 1, (V - K) // s + 1), x.dtype)
        for n, f, i, j in np.ndindex(y.shape):
            y[n, f, i, j] = (W[f] * z[n, :, i * s : i * s + K, j * s : j * s + K]).sum() + b[f]
        self.cache = z
        return y
        """,
    ),
    Right(
        "convolution by sliding windows",
        "conv",
        "forward",
        """
        W, b, s, p = self.params["W"], self.params["b"], self.stride, self.padding
        K = W.shape[2]
        self.cache = z = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])
        windows = np.lib.stride_tricks.sliding_window_view(z, (K, K), axis=(2, 3))[:, :, ::s, ::s]
        return np.einsum("ncijhw,fchw->nfij", windows, W) + b[:, None, None]
        """,
    ),
    Right(
        "the last of a tie",
        "maxpool",
        "forward",
        """
        K, s = self.kernel_size, self.stride
        N, C, H, W = x.shape
        y = np.zeros((N, C, (H - K) // s + 1, (W - K) // s + 1), x.dtype)
        winner = np.zeros(y.shape, int)
        for n, c, i, j in np.ndindex(y.shape):
            window = x[n, c, i * s : i * s + K, j * s : j * s + K].ravel()
            winner[n, c, i, j] = K * K - 1 - window[::-1].argmax()
            y[n, c, i, j] = window[winner[n, c, i, j]]
        self.cache = winner, x.shape
        return y
        """,
    ),
    Right(
        "attention, example by example",
        "attention",
        "forward",
        """
        W_q, W_k, W_v = (self.params[name] for name in ("W_q", "W_k", "W_v"))
        q, k, v, A, y = [], [], [], [], []
        for example in x:
            q.append(example @ W_q.T)
            k.append(example @ W_k.T)
            v.append(example @ W_v.T)
            e = np.exp((q[-1] @ k[-1].T - 1) * W_q.shape[0] ** -0.5)
            A.append(e / e.sum(1)[:, None])
            y.append(A[-1] @ v[-1])
        self.cache = x, np.array(q), np.array(k), np.array(v), np.array(A)
        return np.array(y)
        """,
    ),
    Right(
        "adam as in the paper's last lines",
        "adam",
        "update",
        """
        slots["m"] *= beta1
        slots["m"] += (1 - beta1) * g
        slots["v"] += (1 - beta2) * (g * g - slots["v"])
        rate = lr * (1 - beta2**self.steps) ** 0.5 / (1 - beta1**self.steps)
        p -= rate * slots["m"] / (slots["v"] ** 0.5 + eps * (1 - beta2**self.steps) ** 0.5)
        """,
    ),
]
