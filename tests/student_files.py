"""Files as students hand them in, and what python -m gradcheck makes of one."""

from __future__ import annotations

import sys
from pathlib import Path

from gradcheck.cli import main

HEAD = "import numpy as np\nfrom layers import Layer\n"

SCALE = """
class Scale(Layer):
    def __init__(self, features=5):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        return upstream * self.params["gamma"], {"gamma": (upstream * self.cache).sum(axis=0)}
"""

AFFINE = """
class Affine(Layer):
    def __init__(self, n_in, n_out):
        rng = np.random.default_rng(0)
        self.params = {"W": rng.standard_normal((n_out, n_in)), "b": np.zeros(n_out)}

    def forward(self, x):
        self.cache = x
        return x @ self.params["W"].T + self.params["b"]

    def backward(self, upstream):
        return upstream @ self.params["W"], {"W": upstream.T @ self.cache, "b": upstream.sum(axis=0)}
"""

WRONG_TANH = """
class Tanh(Layer):
    def forward(self, x):
        self.cache = np.tanh(x)
        return self.cache

    def backward(self, upstream):
        return upstream * (1 - self.cache), {}
"""

DROP = """
class Drop(Layer):
    def __init__(self, rate, *, mask):
        self.rate, self.mask = rate, mask

    def forward(self, x):
        return x * self.mask / (1 - self.rate)

    def backward(self, upstream):
        return upstream * self.mask / (1 - self.rate), {}
"""

DUCK = """
class Double:
    def forward(self, x):
        return 2 * x

    def backward(self, upstream):
        return 2 * upstream, {}
"""

GATE = """
class Gate(Layer):
    def forward(self, x):
        a, b = x
        self.cache = a, b
        return a * b

    def backward(self, upstream):
        a, b = self.cache
        return (upstream * b, upstream * a), {}
"""

TABLE = """
class Table(Layer):
    def __init__(self):
        self.params = {"W": np.random.default_rng(0).standard_normal((7, 3))}

    def forward(self, ids):
        self.cache = ids
        return self.params["W"][ids]

    def backward(self, upstream):
        dW = np.zeros((7, 3))
        np.add.at(dW, self.cache, upstream)
        return None, {"W": dW}
"""

MSE = """
class MSE:
    def forward(self, prediction, target):
        self.d = prediction - target
        return (self.d ** 2).mean()

    def backward(self, upstream=1.0):
        return upstream * 2 * self.d / self.d.size
"""

CROSS_ENTROPY = """
class CrossEntropy:
    def forward(self, scores, target):
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p, self.rows, self.target = p / p.sum(axis=1, keepdims=True), np.arange(len(target)), target
        return -np.log(self.p[self.rows, target]).mean()

    def backward(self, upstream=1.0):
        d = self.p.copy()
        d[self.rows, self.target] -= 1
        return upstream * d / len(d)
"""


def keep_modules_and_path(monkeypatch):
    """What a test loads, and where from, is forgotten after it."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "modules", sys.modules.copy())


class Run:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = out.splitlines()
        self.last = self.lines[-1] if self.lines else ""


def runner(tmp_path, monkeypatch, capsys):
    """run(source, *arguments): the file my_layers.py, and what main makes of it."""
    monkeypatch.chdir(tmp_path)

    def run(source, *arguments, spec="my_layers.py"):
        Path("my_layers.py").write_text(HEAD + source)
        code = main([spec, *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Run(code, out, err)

    return run


def refused(done, text, code=2):
    """One line on stderr that says so."""
    assert done.code == code
    (line,) = done.err.splitlines()
    assert line.startswith("gradcheck: error: ")
    assert text in line
    return True
