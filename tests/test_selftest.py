"""python -m gradcheck --self-test: a line for every export, and what makes it fail."""

from __future__ import annotations

import layers
from gradcheck import selftest
from gradcheck.cli import main


def test_the_self_test_knows_every_export():
    known = dict(selftest.cases())
    assert {"Affine", "LSTM", "Sequential", "MSE", "CTC"} <= set(known)
    assert not known.keys() & {"Layer", "Container", "Loss", "beam_decode"}
    assert [name for name, row in known.items() if row is None] == []
    assert all(type(build()).__name__ == name for name, (build, _) in known.items())


def few(monkeypatch, *names):
    """Only these exports, and only their rows."""
    rows = {name: row for name, row in selftest.layer_table().items() if name in names}
    monkeypatch.setattr(layers, "__all__", list(names))
    monkeypatch.setattr(selftest, "layer_table", lambda: rows)
    monkeypatch.setattr("losses.__all__", [])
    monkeypatch.setattr(selftest, "loss_table", dict)
    return rows


def test_the_self_test_prints_a_line_each_with_its_time(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Mul", "Embedding")
    assert main(["--self-test"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [["ReLU", "ok"], ["Mul", "ok"], ["Embedding", "ok"]]
    assert all(line.endswith((" ms", " s")) for line in lines)
    assert last.startswith("3 of 3 layers right in ")


def test_an_export_without_a_row_fails_the_self_test(monkeypatch, capsys):
    rows = few(monkeypatch, "ReLU", "Mul")
    del rows["Mul"]
    assert main(["--self-test"]) == 1
    out = capsys.readouterr().out
    assert "Mul  FAIL  expected an export and a row of its name in gradcheck/selftest.py" in out
    assert "1 of 2 layers right" in out


def test_a_row_without_an_export_fails_the_self_test(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Mul")
    monkeypatch.setattr(layers, "__all__", ["ReLU"])
    assert main(["--self-test"]) == 1
    assert "Mul  FAIL" in capsys.readouterr().out


def test_a_wrong_layer_fails_the_self_test_with_its_report(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Tanh")
    monkeypatch.setattr(layers.Tanh, "backward", lambda self, upstream: (upstream, {}))
    assert main(["--self-test"]) == 1
    out = capsys.readouterr().out
    assert "Tanh().backward  FAIL" in out
    assert "dx WRONG" in out


def test_a_layer_that_raises_fails_the_self_test(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Tanh")
    monkeypatch.setattr(layers.Tanh, "backward", lambda self, upstream: 1 / 0)
    assert main(["--self-test"]) == 1
    assert "Tanh  FAIL  ZeroDivisionError: division by zero" in capsys.readouterr().out
