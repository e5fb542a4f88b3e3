# ruff: noqa: E501
# fmt: off
"""Wrong answers to the assignment: a solution, with one thing in it that students do.

Each line names the task, what stands in the solution, what the student wrote, the parts that this costs, and
what the feedback must say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wrong:
    task: str
    right: str | tuple[str, ...]
    wrong: str | tuple[str, ...]
    lost: str  # the parts, with / between
    says: str

    def written(self, solution: str) -> str:
        """The solution with the mistake in it."""
        edits = [(self.right, self.wrong)] if isinstance(self.right, str) else zip(self.right, self.wrong, strict=True)
        for right, wrong in edits:
            assert right in solution, f"not in the solution: {right}"
            solution = solution.replace(right, wrong, 1)
        return solution


def answers(task: str, *lines: Any) -> list[Wrong]:
    return [Wrong(task, *line) for line in lines]


AFFINE = answers(
    "affine",
    ('.T + self.params["b"]', ".T", "forward", "bias is not added"),
    ('return x @ self.params["W"].T + self.params["b"]', 'return (x @ self.params["W"].T + self.params["b"]).T', "forward/contract", "transposed"),
    ('return x @ self.params["W"].T', 'return 2 * x @ self.params["W"].T', "forward", "y is wrong at"),
    ('return x @ self.params["W"].T', 'x @ self.params["W"].T', "forward/contract", "y is None: expected an array; return y"),
    ("dW = upstream.T @ x", "dW = x.T @ upstream", "parameters", "transposed: dW"),
    ("dW = upstream.T @ x", "dW = (x.T @ upstream).reshape(upstream.shape[1], -1)", "parameters", "reshape"),
    ("dW = upstream.T @ x", "dW = upstream.T @ x / len(x)", "parameters", "1 / x.shape[0] times what it should be"),
    ("dW = upstream.T @ x", "dW = -upstream.T @ x", "parameters", "dW has the wrong sign"),
    ("dW = upstream.T @ x", "dW = np.outer(upstream[-1], x[-1])", "parameters", "only-some"),
    ("dW = upstream.T @ x", 'dW = upstream.T @ x + 0.01 * self.params["W"]', "parameters", "extra-term"),
    ("dW = upstream.T @ x", "dW = np.ones_like(upstream).T @ x", "parameters", "no-upstream"),
    ("dW = upstream.T @ x", "dW = np.zeros((upstream.shape[1], x.shape[1]))", "parameters", "zero"),
    ("dW = upstream.T @ x", "dW = (upstream.T @ x).astype(np.float32)", "parameters", "float32"),
    ("db = upstream.sum(axis=0)", "db = upstream", "parameters", "summed over axis 0 it is right"),
    ("db = upstream.sum(axis=0)", "db = upstream.sum(axis=1)", "parameters", "wrong-axis"),
    ("db = upstream.sum(axis=0)", "db = upstream.sum()", "parameters", "over-summed"),
    ("db = upstream.sum(axis=0)", "db = upstream.sum(axis=0, keepdims=True)", "parameters", "reshape"),
    ("db = upstream.sum(axis=0)", "db = upstream.mean(axis=0)", "parameters", "1 / x.shape[0] times"),
    ('return dx, {"W": dW, "b": db}', 'return dx, {"dW": dW, "db": db}', "parameters", "did you mean 'W'"),
    ('return dx, {"W": dW, "b": db}', 'return dx, {"W": dW}', "parameters", "db is missing"),
    ('return dx, {"W": dW, "b": db}', 'return {"W": dW, "b": db}, dx', "contract", "the order is (dx, grads)"),
    ('return dx, {"W": dW, "b": db}', "return dx, dW, db", "dx/parameters/contract", "return dx, {'W': dW"),
    ("dW = upstream.T @ x", "self.dW = getattr(self, 'dW', 0) + upstream.T @ x\n        dW = self.dW", "contract", "repeat-backward: dW changes"),
    ("dx = upstream @", "dx = upstream / len(x) @", "dx", "1 / x.shape[0] times"),
    ("dx = upstream @", "dx = np.ones_like(upstream) @", "dx", "no-upstream"),
    ('dx = upstream @ self.params["W"]', 'dx = (upstream @ self.params["W"]).T', "dx", "transposed"),
    ('return dx, {"W"', 'self.params["W"] -= 0.1 * dW\n        return dx, {"W"', "contract", "leave the update to the optimizer"),
    ("x = self.cache\n", "x = self.cache\n        upstream *= 1\n", "contract", "backward writes to upstream"),
    ("dx = upstream @", "dx = upstream.astype(np.float64) @", "contract", "dx is float64"),
)

RELU = answers(
    "relu",
    ("return np.where(self.cache, x, 0)", "return x", "forward", "that is x, as it was"),
    ("return np.where(self.cache, x, 0)", "return np.abs(x)", "forward", "that is |x|"),
    ("return np.where(self.cache, x, 0)", "return self.cache.astype(x.dtype)", "forward", "that is the mask"),
    ("return np.where(self.cache, x, 0)", "x[x < 0] = 0\n        return x", "contract", "forward writes to x at relu.py:21"),
    ("return upstream * self.cache, {}", "return self.cache + 0.0, {}", "dx", "no-upstream"),
    ("return upstream * self.cache, {}", "return upstream * (upstream > 0), {}", "dx", "upstream-nonlinear"),
    ("return upstream * self.cache, {}", "return upstream, {}", "dx", "dx is upstream itself"),
    ("return upstream * self.cache, {}", "return upstream * ~self.cache, {}", "dx", "wrong-region"),
    ("return upstream * self.cache, {}", "return upstream * self.cache", "dx/contract", "backward must return (dx, grads)"),
    ("return upstream * self.cache, {}", "upstream[~self.cache] = 0\n        return upstream, {}", "contract", "relu.py:27"),
    ("self.cache = x > 0\n", "self.cache = self.__dict__.get('cache', x > 0)\n", "forward", "could not be broadcast"),
    ("self.cache = x > 0\n        return np.where(self.cache, x, 0)", "if 'cache' not in vars(self):\n            self.cache = x > 0\n        return np.maximum(x, 0)", "contract", "stale-cache"),
)

SOFTMAX_LOSS = answers(
    "softmax_loss",
    ("target].mean()", "target].sum()", "forward", "the mean over the examples, not the sum"),
    ("target].mean()", "target]", "forward/dx/contract", "take the mean over the examples"),
    ("return -log_p", "return log_p", "forward", "the minus is missing"),
    ("return -log_p", "return -np.exp(log_p)", "forward", "the logarithm is missing"),
    ("shifted = scores - scores.max(axis=1, keepdims=True)\n        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))", "shifted = scores - scores.max(axis=0, keepdims=True)\n        log_p = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))", "forward/dx", "the softmax is over axis 0"),
    ("return upstream * dscores / len(target)", "return upstream * dscores", "dx", "times what it should be"),
    ("return upstream * dscores / len(target)", "return upstream * dscores / dscores.size", "dx", "times what it should be"),
    ("return upstream * dscores / len(target)", "return dscores / len(target)", "dx", "upstream"),
    ("dscores[np.arange(len(target)), target] -= 1", "pass", "dx", "label"),
    ("dscores[np.arange(len(target)), target] -= 1", "dscores[np.arange(len(target)), target] += 1", "dx", "label"),
    ("dscores[np.arange(len(target)), target] -= 1", "dscores[:, target] -= 1", "dx", ""),
    ("dscores = p.copy()", "dscores = p", "contract", "repeat-backward"),
    ("return upstream * dscores", "return -upstream * dscores", "dx", "sign"),
    ("scores - scores.max(axis=1, keepdims=True)", "scores", "large scores", "subtract the largest"),
    ("shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))", "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True))", "large scores", "where p itself may be 0"),
    ("return upstream * dscores / len(target)", "return upstream * dscores / np.float64(len(target))", "contract", "float64"),
    ("shifted = scores -", "scores -= scores.max(axis=1, keepdims=True)\n        shifted = scores -", "contract", "writes to prediction"),
)

DROPOUT = answers(
    "dropout",
    ("keep.astype(x.dtype) / (1 - self.p)", "keep.astype(x.dtype)", "forward", "multiplied by 1;"),
    ("keep.astype(x.dtype) / (1 - self.p)", "keep.astype(x.dtype) / self.p", "forward", "multiplied by 3.333;"),
    (">= self.p", "< self.p", "forward", "p is the chance of dropping, not of keeping"),
    ("self.rng.random(x.shape)", "self.rng.random(x.shape[1])", "forward", "all rows share one mask"),
    ("self.rng.random(x.shape)", "self.rng.random((len(x), 1))", "forward", "all columns share one mask"),
    ("self.rng.random(x.shape)", "np.random.default_rng(0).random(x.shape)", "forward/contract", "draw a new mask"),
    ("self.rng.random(x.shape)", "np.random.random(x.shape)", "contract", "two layers of the same seed"),
    ("self.rng.random(x.shape)", "np.random.default_rng().random(x.shape)", "dx/contract", "draw from"),
    ("if self.training:", "if True:", "evaluation", "look at self.training"),
    ("self.cache = np.ones_like(x)", "self.cache = np.full_like(x, 1 - self.p)", "evaluation", "y = x here"),
    ("return self.cache * upstream, {}", "return upstream, {}", "dx", "upstream itself"),
    ("return self.cache * upstream, {}", "return (self.cache > 0) * upstream, {}", "dx", "1 - p"),
    ("return self.cache * upstream, {}", "return self.cache * self.cache * upstream, {}", "dx", "factor"),
    ("return self.cache * upstream, {}", "return (self.rng.random(upstream.shape) >= self.p) * upstream, {}", "dx", "repeat-backward"),
)

BATCHNORM = answers(
    "batchnorm",
    ("var = ((x - mean) ** 2).mean(axis=0)", "var = x.var(axis=0, ddof=1)", "forward/evaluation/dx", "not by one less"),
    ("std = np.sqrt(var + self.eps)", "std = np.sqrt(var) + self.eps", "forward/dx", "eps belongs under the root"),
    ("std = np.sqrt(var + self.eps)", "std = np.sqrt(var)", "forward", "eps is left out"),
    ("std = np.sqrt(var + self.eps)", "std = var + self.eps", "forward/dx", "the root of var"),
    ('return self.params["gamma"] * x_hat + self.params["beta"]', 'return x_hat + self.params["beta"]', "forward", "gamma is left out"),
    ('return self.params["gamma"] * x_hat + self.params["beta"]', 'return self.params["gamma"] * x_hat', "forward", "beta is left out"),
    ('return self.params["gamma"] * x_hat + self.params["beta"]', 'return self.params["beta"] * x_hat + self.params["gamma"]', "forward", "gamma and beta are swapped"),
    ("var * len(x) / (len(x) - 1)", "var", "evaluation", "takes var * N / (N - 1)"),
    ("(1 - self.momentum) * running + self.momentum * new", "self.momentum * running + (1 - self.momentum) * new", "evaluation", "momentum is the weight of the new value"),
    ("running[...] = (1", "running = (1", "evaluation", "write into the array"),
    ("if self.training:\n            mean", "if True:\n            mean", "evaluation", "use the running mean and var"),
    ("if training:", "if True:", "evaluation", "mean and var are constants"),
    ('mean, var = self.buffers["running_mean"], self.buffers["running_var"]', 'mean, var = self.buffers["running_mean"].copy(), self.buffers["running_var"].copy()\n            self.follow("running_mean", x.mean(axis=0))', "evaluation", "only training does"),
    ("g = g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)", "g = g - x_hat * (g * x_hat).mean(axis=0)", "dx", "mean-path"),
    ("g = g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)", "g = g - g.mean(axis=0)", "dx", "path through the variance"),
    ("g = g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)", "pass", "dx", "missing-path"),
    ("g = g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)", "g = g - g.sum(axis=0) - x_hat * (g * x_hat).sum(axis=0)", "dx", "mean"),
    ("g = g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)", "g = g - g.mean(axis=0) - x_hat * (g * x_hat).sum(axis=0) / (len(g) - 1)", "dx", "approximation"),
    ('g = upstream * self.params["gamma"]', "g = upstream", "dx", "lacks the factor gamma"),
    ("return g / std,", "return g,", "dx", "lacks the factor 1 / (cache[1])"),
    ("return g / std,", "return g / std**2,", "dx", "lacks the factor cache[1]"),
    ("return g / std,", "return g / np.sqrt(std**2 - self.eps),", "dx", "approximation"),
    ("dgamma = (upstream * x_hat)", "dgamma = (upstream * (x_hat * std))", "parameters", "lacks the factor 1 / (cache[1])"),
    ("dgamma = (upstream * x_hat).sum(axis=0)", "dgamma = (upstream * x_hat).mean(axis=0)", "parameters", "1 / x.shape[0]"),
    ('{"gamma": dgamma, "beta": dbeta}\n        # ---', '{"gamma": dbeta, "beta": dgamma}\n        # ---', "parameters", "swapped"),
    ("dbeta = upstream.sum(axis=0)", "dbeta = upstream", "parameters", "not-summed"),
    ("x_hat, std, training = self.cache", "x_hat, std, training = self.cache\n        x_hat -= 0.1 * x_hat.mean() + 0.1", "dx/parameters", "repeat-backward"),
)

LAYERNORM = answers(
    "layernorm",
    ("mean = x.mean(axis=-1, keepdims=True)\n        var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)", "mean = x.mean(axis=0)\n        var = ((x - mean) ** 2).mean(axis=0)", "forward/dx", "an example is by itself"),
    ("mean = x.mean(axis=-1, keepdims=True)\n        var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)", "mean = x.mean(axis=(1, 2), keepdims=True)\n        var = ((x - mean) ** 2).mean(axis=(1, 2), keepdims=True)", "forward/dx", "every position is by itself"),
    ("np.sqrt(var + self.eps)", "np.sqrt(var)", "forward", "eps is left out"),
    ("np.sqrt(var + self.eps)", "np.sqrt(var) + self.eps", "forward/dx", "eps belongs under the root"),
    ("(g - mean_path - var_path) / std", "(g - var_path) / std", "dx", "mean-path"),
    ("(g - mean_path - var_path) / std", "(g - mean_path) / std", "dx", "variance-path"),
    ("(g - mean_path - var_path) / std", "g / std", "dx", "missing-path"),
    ("(g - mean_path - var_path) / std", "g - mean_path - var_path", "dx", "factor"),
    ("mean_path = g.mean(axis=-1, keepdims=True)\n        var_path = x_hat * (g * x_hat).mean(axis=-1, keepdims=True)", "mean_path = g.mean(axis=0)\n        var_path = x_hat * (g * x_hat).mean(axis=0)", "dx", "axis"),
    ('g = upstream * self.params["gamma"]', "g = upstream", "dx", "gamma"),
    ("(upstream * x_hat).sum(axis=(0, 1))", "(upstream * x_hat).sum(axis=0)", "parameters", "not-summed"),
    ("upstream.sum(axis=(0, 1))", "upstream.sum(axis=(0, 2))", "parameters", "shape"),
    ("upstream.sum(axis=(0, 1))", "upstream.mean(axis=(0, 1))", "parameters", "times what it should be"),
    ('{"gamma": dgamma, "beta": dbeta}\n        # ---', '{"gamma": dbeta, "beta": dgamma}\n        # ---', "parameters", "swapped"),
)

CONV = answers(
    "conv",
    ('np.einsum("nchw,fchw->nf", window, W) + b', 'np.einsum("nchw,fchw->nf", window, W)', "forward", "the bias is not added"),
    ('np.einsum("nchw,fchw->nf", window, W) + b', 'np.einsum("nchw,fchw->nf", window, W[:, :, ::-1, ::-1]) + b', "forward", "the kernel is flipped"),
    ("z = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))", "z = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode='edge')", "forward", "with stride=2, padding=1"),
    ("rows, columns = (height + 2 * p - K) // s + 1, (width + 2 * p - K) // s + 1", "rows, columns = (width + 2 * p - K) // s + 1, (height + 2 * p - K) // s + 1", "forward/dx/parameters/contract", "shape"),
    ('np.einsum("nf,nchw->fchw", u, z[place])', 'np.einsum("nf,nchw->fchw", u, z[place])[:, :, ::-1, ::-1]', "parameters", "flipped"),
    ('np.einsum("nf,fchw->nchw", u, W)', 'np.einsum("nf,fchw->nchw", u, W[:, :, ::-1, ::-1])', "dx", "flip"),
    ('np.einsum("nf,fchw->nchw", u, W)', 'np.einsum("nf,fchw->nchw", u, W[:, ::-1])', "dx", "flipped"),
    ("dz[place] += ", "dz[place] = ", "dx", "overlap-not-added"),
    ("dx = dz[:, :, p : dz.shape[2] - p, p : dz.shape[3] - p]", "dx = dz", "dx", "crop"),
    ("dx = dz[:, :, p : dz.shape[2] - p, p : dz.shape[3] - p]", "dx = dz[:, :, : dz.shape[2] - 2 * p, : dz.shape[3] - 2 * p]", "dx", "shifted"),
    ('"b": upstream.sum(axis=(0, 2, 3))', '"b": upstream.sum(axis=(2, 3))', "parameters", "not-summed"),
    ('"b": upstream.sum(axis=(0, 2, 3))', '"b": upstream.mean(axis=(0, 2, 3))', "parameters", "times what it should be"),
    ('dW += np.einsum', 'dW = np.einsum', "parameters", "dW"),
    ("place = np.s_[:, :, i * s : i * s + K, j * s : j * s + K]", "place = np.s_[:, :, i : i + K, j : j + K]", "dx/parameters", "with stride=2"),
    ("for i in range(upstream.shape[2]):", "for i in range(1):", "dx/parameters", "only-some"),
    ("dz, dW = np.zeros_like(z), np.zeros_like(W)", "dz, dW = np.zeros(z.shape), np.zeros_like(W)", "contract", "dx is float64"),
)

MAXPOOL = answers(
    "maxpool",
    ("y[:, :, i, j] = window.max(axis=2)", "y[:, :, i, j] = window.mean(axis=2)", "forward", "the mean of each window"),

    ("upstream[n, c, i, j]\n        return dx, {}", "upstream[n, c, i, j]\n            return dx, {}", "dx/ties", "only"),
    ("dx[n, c, i * s + h, j * s + w] += upstream[n, c, i, j]", "dx[n, c, i * s + h, j * s + w] = upstream[n, c, i, j]", "dx", "overlap-not-added"),
    ("dx[n, c, i * s + h, j * s + w] += upstream[n, c, i, j]", "dx[n, c, i * s : i * s + K, j * s : j * s + K] += upstream[n, c, i, j] / K**2", "dx", "only the entry that was taken gets it"),
    ("dx[n, c, i * s + h, j * s + w] += upstream[n, c, i, j]", "dx[n, c, i * s + w, j * s + h] += upstream[n, c, i, j]", "dx", ""),
    (("self.cache = winner, x.shape", "j * s + w] += upstream[n, c, i, j]"), ("self.y, self.cache = y, (winner, x.shape)", "j * s + w] += upstream[n, c, i, j] * self.y[n, c, i, j]"), "dx/ties", "extra-factor"),
    ("dx[n, c, i * s + h, j * s + w] += upstream[n, c, i, j]", "dx[n, c, i * s + h, j * s + w] += 1", "dx/ties", "no-upstream"),

    (("self.cache = winner, x.shape", "h, w = divmod(winner[n, c, i, j], K)\n            dx[n, c, i * s + h, j * s + w] += upstream[n, c, i, j]"), ("self.cache = winner, x.shape\n        self.x = x", "part = self.x[n, c, i * s : i * s + K, j * s : j * s + K]\n            dx[n, c, i * s : i * s + K, j * s : j * s + K] += (part == part.max()) * upstream[n, c, i, j]"), "ties", "must sum to its upstream"),
)

LSTM = answers(
    "lstm",
    ("a_i, a_f, a_g, a_o = np", "a_i, a_f, a_o, a_g = np", "forward/dx/parameters", "the gates are taken in the order i, f, o, g"),
    ("+ h @ W_h.T + b, 4", "+ h @ W_h.T, 4", "forward", "the bias is not added"),
    ("h = o * np.tanh(c)", "h = o * c", "forward/dx/parameters", "the tanh is missing"),
    ("c_next = f * c + i * g", "c_next = c + i * g", "forward/dx/parameters", "mend that first"),
    ("y.append(h)", "y.append(c)", "forward", "y holds c_t"),
    ("dh = upstream[:, t] + dh_next", "dh = upstream[:, t]", "dx/parameters", "missing-path"),
    ("dh = upstream[:, t] + dh_next", "dh = upstream[:, t]\n            dh += dh_next", "contract", "writes to upstream"),
    ("dc = dc_next + dh * o * (1 - tanh_c**2)", "dc = dh * o * (1 - tanh_c**2)", "dx/parameters", "missing-path"),
    ("dc = dc_next + dh * o * (1 - tanh_c**2)", "dc = dc_next + dh * o", "dx/parameters", "dW_h WRONG"),
    ("da_f = dc * c * f * (1 - f)", "da_f = dc * c", "dx/parameters", "dW_h WRONG"),
    ("da_o = dh * tanh_c * o * (1 - o)", "da_o = dh * c * o * (1 - o)", "dx/parameters", "dW_h WRONG"),
    ("np.concatenate([da_i, da_f,", "np.concatenate([da_f, da_i,", "dx/parameters", "swapped"),
    ("dW_h += da.T @ h", "dW_h += da.T @ (o * tanh_c)", "parameters", "wrong-operand"),
    ("dW_x += da.T @ x[:, t]", "dW_x = da.T @ x[:, t]", "parameters", "1 count in dW_x"),
    ("db = db + da.sum(axis=0)", "db = da.sum(axis=0)", "parameters", "1 count in db"),
    ("dh_next = da @ W_h", "dh_next = da[:, : W_h.shape[1]] @ W_h[: W_h.shape[1]]", "dx/parameters", "dW_h"),
    ("dc_next = dc * f", "dc_next = dc * i", "dx/parameters", "dW_h"),
    ("dx[:, t] = da @ W_x", "dx[:, -1 - t] = da @ W_x", "dx", "flipped"),
    ("dx, dW_x, dW_h, db = np.zeros_like(x), ", "dx, dW_x, dW_h, db = np.zeros(x.shape), ", "contract", "float64"),
)

ATTENTION = answers(
    "attention",
    (" / math.sqrt(len(W_q))  # (N, T, H)", "  # (N, T, H)", "forward/dx/parameters", "not divided by sqrt(H)"),
    (" / math.sqrt(len(W_q))  # (N, T, H)", " / len(W_q)  # (N, T, H)", "forward/dx/parameters", "by H, not by its root"),
    ("A = np.exp(scores - scores.max(axis=2, keepdims=True))\n        A = A / A.sum(axis=2, keepdims=True)", "A = np.exp(scores - scores.max(axis=1, keepdims=True))\n        A = A / A.sum(axis=1, keepdims=True)", "forward/dx/parameters", "over the wrong axis"),
    ("scores = q @ k.swapaxes(1, 2)", "scores = k @ q.swapaxes(1, 2)", "forward/dx/parameters", "q and k are swapped"),
    (" / math.sqrt(len(W_q))\n        dq", "\n        dq", "dx/parameters", "sqrt"),
    (" / math.sqrt(len(W_q))\n        dq", " / len(W_q)\n        dq", "dx/parameters", "times what it should be"),
    ("dv = A.swapaxes(1, 2) @ upstream", "dv = A @ upstream", "dx/parameters", "dW_v"),
    ("A * (dA - (dA * A).sum(axis=2, keepdims=True))", "A * dA", "dx/parameters", "dW_q"),
    ("A * (dA - (dA * A).sum(axis=2, keepdims=True))", "A * (dA - (dA * A).sum(axis=1, keepdims=True))", "dx/parameters", "dW_q"),
    ("dq = dscores @ k", "dq = dscores.swapaxes(1, 2) @ k", "dx/parameters", "dW_q"),
    ("dx = dq @ W_q + dk @ W_k + dv @ W_v", "dx = dk @ W_k + dv @ W_v", "dx", "path"),
    ("dx = dq @ W_q + dk @ W_k + dv @ W_v", "dx = dv @ W_v", "dx", "path"),
    ('{"W_q": dW_q, "W_k": dW_k, "W_v": dW_v}\n        # ---', '{"W_q": dW_k, "W_k": dW_q, "W_v": dW_v}\n        # ---', "parameters", "swapped"),
    (" / math.sqrt(len(W_q))\n        dq", " / np.sqrt(len(W_q))\n        dq", "contract", "float64"),
)

ADAM = answers(
    "adam",
    ("m_hat = m / (1 - beta1**t)\n        v_hat = v / (1 - beta2**t)", "m_hat, v_hat = m, v", "update", "bias correction is missing"),
    ("m_hat = m / (1 - beta1**t)", "m_hat = m", "update", "m_hat = m / (1 - beta1^t) is missing"),
    ("v_hat = v / (1 - beta2**t)", "v_hat = v", "update", "v_hat = v / (1 - beta2^t) is missing"),
    ('slots["v"], self.steps', 'slots["v"], self.steps - 1', "update", "t starts at 0"),
    ('slots["v"], self.steps', 'slots["v"], self.steps + 1', "update", "one too many"),
    ("(1 - beta1**t)", "(1 - beta1)", "update", "not by 1 - beta1"),
    ("(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat + eps)", "update", "eps is inside the root"),
    ("(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat)", "update", "eps is left out"),
    ("(np.sqrt(v_hat) + eps)", "(v_hat + eps)", "update", "the root of v_hat is missing"),
    ("p -= lr", "p += lr", "update", "p climbs"),
    ("p -= lr * m_hat", "p -= m_hat", "update", "lr is missing"),
    ("p -= lr * m_hat /", "p = p - lr * m_hat /", "update/several parameters/contract", "p does not change; write into the array"),
    ("lr * m_hat / (", "lr * g / (", "update", "g stands where m_hat belongs"),
    ("m[...] = beta1", "m = beta1", "moments/update", "m[...] = ..."),
    ("g**2", "g", "moments", "v follows g², not g"),
    ("(1 - beta1) * g", "g", "moments", "(1 - beta1) is missing"),
    ("m[...] = beta1 * m + (1 - beta1) * g", "m[...] = (1 - beta1) * m + beta1 * g", "moments", "beta and 1 - beta are swapped"),
    ("m[...] = beta1 * m + (1 - beta1) * g", "m[...] = beta2 * m + (1 - beta2) * g", "moments", "beta1 belongs to m"),
    ("+ eps)\n", "+ eps)\n        g[...] = 0\n", "contract", "update writes to g"),
    ("t = slots[\"m\"], slots[\"v\"], self.steps", "t = slots[\"m\"], slots[\"v\"], getattr(self, 't', 0) + 1\n        self.t = t", "several parameters", "t is self.steps"),
)

ALL = AFFINE + RELU + SOFTMAX_LOSS + DROPOUT + BATCHNORM + LAYERNORM + CONV + MAXPOOL + LSTM + ATTENTION + ADAM
