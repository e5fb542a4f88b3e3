"""Weights go to safetensors files and come back, and PyTorch's find their places."""

import os
import sys

import numpy as np
import pytest
from cases import LAYERS

import layers as L
from training import cli
from training.errors import CheckpointError, DiskError, UsageError
from training.interchange import export, load_pytorch, load_safetensors, save_safetensors
from training.predict import load_trained


@pytest.fixture(autouse=True)
def no_power_cut(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def file(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed (extra: interchange)")
    return str(tmp_path / "net.safetensors")


def net():
    return L.Sequential(L.Affine(3, 4, rng=0), L.BatchNorm(4), L.Tanh(), L.Affine(4, 2, rng=1))


# Files


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_every_state_comes_back_to_the_bit(case, file):
    state = case.build().state()
    save_safetensors(file, case.build())
    loaded = load_safetensors(file)
    assert loaded.keys() == state.keys()
    for name, array in state.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_arrays_that_are_no_block_of_memory_are_written_right(file):
    model = L.Affine(3, 4)
    model.params["W"] = np.arange(12.0).reshape(3, 4).T
    save_safetensors(file, model)
    np.testing.assert_array_equal(load_safetensors(file)["W"], np.arange(12.0).reshape(3, 4).T)


def test_a_run_is_exported(file, tmp_path):
    run = tmp_path / "run"
    assert cli.main(["iris", "--epochs", "1", "--run", str(run), "--no-plots", "--progress", "none"]) == 0
    export(run, file)
    state = load_trained(run).model.state()
    loaded = load_safetensors(file)
    assert loaded.keys() == state.keys()
    assert all(np.array_equal(loaded[name], state[name]) for name in state)


def test_files_that_cannot_be_are_refused(file, tmp_path):
    with pytest.raises(CheckpointError, match=r"net.safetensors: expected weights, found no such file"):
        load_safetensors(file)
    save_safetensors(file, net())
    with open(file, "r+b") as damaged:
        damaged.truncate(100)
    with pytest.raises(CheckpointError, match=r"net.safetensors: cannot be read as safetensors \(.*\); save"):
        load_safetensors(file)
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        load_safetensors(tmp_path)
    with pytest.raises(DiskError, match="cannot be written"):
        save_safetensors(tmp_path / "none" / "net.safetensors", net())


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(UsageError, match=r"python -m pip install safetensors$"):
        save_safetensors(tmp_path / "net.safetensors", net())


# PyTorch's names, without PyTorch


def as_pytorch(model):
    """The state of net() under PyTorch's names."""
    s = model.state()
    return {
        "0.weight": s["0.W"], "0.bias": s["0.b"], "1.weight": s["1.gamma"], "1.bias": s["1.beta"],
        "1.running_mean": s["1.running_mean"], "1.running_var": s["1.running_var"],
        "1.num_batches_tracked": np.array(7), "3.weight": s["3.W"], "3.bias": s["3.b"],
    }  # fmt: skip


def shaken(model):
    for i, array in enumerate({**model.params, **model.buffers}.values()):
        array += np.random.default_rng(i).uniform(0, 1, array.shape)
    return model


def expect_equal(model, other):
    ours, theirs = model.state(), other.state()
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_equal_sequentials_need_no_names(tmp_path):
    trained, model = shaken(net()), net()
    load_pytorch(model, as_pytorch(trained))
    expect_equal(model, trained)
    np.savez(tmp_path / "net.npz", **as_pytorch(trained))
    again = net()
    load_pytorch(again, tmp_path / "net.npz")
    expect_equal(again, trained)


def test_modules_and_arrays_may_be_called_otherwise():
    trained, model = shaken(net()), net()
    theirs = as_pytorch(trained)
    for ours, name in (("0", "body.fc1"), ("1", "body.norm"), ("3", "head")):
        theirs = {
            f"{name}{key[1:]}" if key.startswith(f"{ours}.") else key: value for key, value in theirs.items()
        }
    theirs["offset"] = theirs.pop("head.bias")
    load_pytorch(model, theirs, names={"body.fc1": "0", "body.norm": "1", "head": "3", "offset": "3.b"})
    expect_equal(model, trained)


def test_everything_unmatched_is_listed_at_once_and_nothing_copied():
    theirs = as_pytorch(net())
    theirs["fc.weight"] = theirs.pop("3.weight")
    theirs["0.weight"] = theirs["0.weight"].T
    del theirs["1.running_var"]
    model = shaken(net())
    state = model.state()
    message = (
        r"^state_dict: expected the weights of this model: "
        r"no array for 3\.W \(3\.weight\), 1\.running_var \(1\.running_var\); "
        r"no place for fc\.weight; another shape 0\.W \(expected \(4, 3\), got \(3, 4\)\); say in `names`"
    )
    with pytest.raises(CheckpointError, match=message):
        load_pytorch(model, theirs)
    assert all(np.array_equal(array, state[name]) for name, array in model.state().items())


def test_names_that_name_nothing_or_twice_the_same_are_refused():
    theirs = as_pytorch(net())
    with pytest.raises(UsageError, match=r"^names: expected a module or an array of PyTorch's, got 'fc1'"):
        load_pytorch(net(), theirs, names={"fc1": "0"})
    with pytest.raises(
        UsageError, match=r"each array in one place, got '3.weight' and another at '0.weight'"
    ):
        load_pytorch(net(), theirs, names={"3": "0"})


def test_files_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(
        UsageError, match=r"net.pt: expected .safetensors or .npz; save the state_dict as one"
    ):
        load_pytorch(net(), tmp_path / "net.pt")
    (tmp_path / "net.npz").write_bytes(b"PK\3\4 and then nothing")
    with pytest.raises(CheckpointError, match=r"net.npz: is damaged, or no .npz of numbers"):
        load_pytorch(net(), tmp_path / "net.npz")


def test_a_tied_parameter_takes_one_array_under_any_of_its_names():
    graph = L.Graph(inputs="ids", output="scores")
    graph.add("embedding", L.Embedding(7, 3, rng=0), "ids")
    graph.add("scores", L.Affine(3, 7, bias=False), "embedding")
    graph.tie("scores.W", "embedding.W")
    W = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    for names in (["embedding.weight"], ["scores.weight"], ["embedding.weight", "scores.weight"]):
        graph.params["embedding.W"][...] = 0
        load_pytorch(graph, dict.fromkeys(names, W))
        np.testing.assert_array_equal(graph.children["scores"].params["W"], W)
    with pytest.raises(CheckpointError, match=r"two arrays for embedding.W \(once more as scores.weight\)"):
        load_pytorch(graph, {"embedding.weight": W, "scores.weight": W + 1})


def test_frozen_parameters_are_loaded_too():
    trained, model = shaken(net()), net()
    model.freeze("0.*")
    load_pytorch(model, as_pytorch(trained))
    np.testing.assert_array_equal(model.buffers["0.W"], trained.params["0.W"])


# Beside PyTorch itself


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")


def pairs(nn):
    """name: (ours, theirs, the shape of x)"""
    block = nn.TransformerEncoderLayer(6, 2, 8, 0.0, "gelu", batch_first=True, norm_first=True)
    both = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    return {
        "perceptron": (
            net(),
            nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)),
            (5, 3),
        ),
        "convolutions": (
            L.Sequential(L.Conv2D(2, 4, 3, stride=2, groups=2), L.PReLU(4), L.ConvTranspose2D(4, 3, 2)),
            nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, groups=2), nn.PReLU(4), nn.ConvTranspose2d(4, 3, 2)),
            (5, 2, 7, 8),
        ),
        "normalisations": (
            L.Sequential(L.LayerNorm(6), L.RMSNorm(6), L.GroupNorm(2, 6)),
            nn.Sequential(nn.LayerNorm(6), nn.RMSNorm(6, eps=1e-6), nn.GroupNorm(2, 6)),
            (5, 6),
        ),
        "rnn": (L.RNN(3, 4), nn.RNN(3, 4, batch_first=True), (2, 5, 3)),
        "lstm": (L.LSTM(3, 4), nn.LSTM(3, 4, batch_first=True), (2, 5, 3)),
        "gru": (L.GRU(3, 4), nn.GRU(3, 4, batch_first=True), (2, 5, 3)),
        "both ways": (L.Bidirectional(L.LSTM(3, 4), L.LSTM(3, 4)), both, (2, 5, 3)),
        "transformer": (
            L.Sequential(L.TransformerBlock(6, 2, 8), L.Affine(6, 3)),
            nn.Sequential(block, nn.Linear(6, 3)),
            (2, 5, 6),
        ),
    }


NAMES = ("perceptron", "convolutions", "normalisations", "rnn", "lstm", "gru", "both ways", "transformer")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["state_dict", ".safetensors", ".npz"])
def test_the_outputs_are_pytorchs(name, way, torch, file, tmp_path):
    torch.manual_seed(0)
    ours, theirs, shape = pairs(torch.nn)[name]
    with torch.no_grad():
        for array in theirs.state_dict().values():
            if array.dtype == torch.float32:
                array += torch.rand_like(array) / 2
    weights = theirs.state_dict()
    if way == ".npz":
        np.savez(tmp_path / "net.npz", **{key: value.numpy() for key, value in weights.items()})
        weights = tmp_path / "net.npz"
    elif way == ".safetensors":
        from safetensors.torch import save_file

        save_file(weights, file)
        weights = file
    load_pytorch(ours, weights)
    x = np.random.default_rng(0).standard_normal(shape)
    with torch.no_grad():
        y = theirs.double().eval()(torch.from_numpy(x))
    y = (y[0] if isinstance(y, tuple) else y).numpy()
    np.testing.assert_allclose(ours.astype(np.float64).eval().forward(x), y, atol=1e-6)


def test_attention_and_cells_find_their_places(torch):
    attention, cell = torch.nn.MultiheadAttention(6, 3, batch_first=True), torch.nn.LSTMCell(3, 2)
    ours = L.Parallel(L.MultiHeadAttention(6, 3), L.LSTMCell(3, 2))
    load_pytorch(ours, torch.nn.ModuleList([attention, cell]).state_dict())
    x, (a, h, c) = np.random.default_rng(0).standard_normal((2, 5, 6)), np.ones((3, 4, 3))
    h, c = h[:, :2], c[:, :2]
    y, (h1, c1) = ours.astype(np.float64).forward((x, (a[:, :3], h, c)))
    with torch.no_grad():
        t = torch.from_numpy(x)
        np.testing.assert_allclose(y, attention.double()(t, t, t)[0].numpy(), atol=1e-6)
        expected = cell.double()(torch.from_numpy(a[:, :3]), (torch.from_numpy(h), torch.from_numpy(c)))
    for one, other in zip((h1, c1), expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-6)


def test_the_second_layer_of_a_stacked_module_is_named(torch):
    theirs = torch.nn.GRU(3, 4, num_layers=2, batch_first=True)
    ours = L.Sequential(L.GRU(3, 4), L.GRU(4, 4))
    kinds = {"weight_ih": "W_x", "weight_hh": "W_h", "bias_ih": "b_x", "bias_hh": "b_h"}
    names = {f"{name}_l{i}": f"{i}.{our}" for name, our in kinds.items() for i in range(2)}
    load_pytorch(ours, theirs.state_dict(), names)
    x = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(ours.forward(x), theirs(torch.from_numpy(x))[0].numpy(), atol=1e-6)
