"""What PyTorch calls the parameters of our layers, and how it lays them out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import layers as L
from layers import Container, Layer
from layers.container import walk

NORM = {"weight": "gamma", "bias": "beta"}
RECURRENT = {"weight_ih": "W_x", "weight_hh": "W_h", "bias_ih": "b_x", "bias_hh": "b_h"}
OF_BLOCK = {  # torch.nn.TransformerEncoderLayer(norm_first=True, activation="gelu")
    "norm1": "norm1",
    "attention": "self_attn",
    "norm2": "norm2",
    "mlp.0": "linear1",
    "mlp.2": "linear2",
}
LOCAL: tuple[tuple[type[Layer], dict[str, str]], ...] = (  # layer: PyTorch's name -> ours
    (L.BatchNorm, NORM | {"running_mean": "running_mean", "running_var": "running_var"}),
    (L.PReLU, {"weight": "a"}),
    (L.RNNCell, RECURRENT),
    (L.LSTMCell, RECURRENT),
    (L.GRUCell, RECURRENT),
    (L.RNN, {f"{theirs}_l0": ours for theirs, ours in RECURRENT.items()}),
    (L.LSTM, {f"{theirs}_l0": ours for theirs, ours in RECURRENT.items()}),
    (L.GRU, {f"{theirs}_l0": ours for theirs, ours in RECURRENT.items()}),
)
ATTENTION = ("W_q", "W_k", "W_v"), ("b_q", "b_k", "b_v")


class Piece(NamedTuple):
    """One array of ours: the `part`-th of `parts` equal ones of PyTorch's, along its first axis."""

    ours: str
    part: int = 0
    parts: int = 1


def expected(model: Layer) -> dict[str, list[Piece]]:
    """PyTorch's names for a model whose modules are called and nested as the layers are here.

    Of arrays that are tied each name leads to the one that the model knows them by.
    """
    known = {id(array): name for name, array in {**model.params, **model.buffers}.items()}
    members = [("", model), *(walk(model.children) if isinstance(model, Container) else ())]
    arrays = {
        f"{place}.{name}".lstrip("."): array
        for place, layer in members
        for name, array in {**layer.params, **layer.buffers}.items()
    }
    table: dict[str, list[Piece]] = {}
    for theirs, piece in _pieces(model, "", ""):
        table.setdefault(theirs, []).append(piece._replace(ours=known[id(arrays[piece.ours])]))
    return table


def _pieces(layer: Layer, ours: str, theirs: str) -> Iterator[tuple[str, Piece]]:
    """(PyTorch's name, the array of ours that it fills), for a layer at these two places."""
    if isinstance(layer, L.TransformerBlock):
        for here, there in OF_BLOCK.items():
            child: Layer = layer
            for name in here.split("."):
                assert isinstance(child, Container)
                child = child.children[name]
            yield from _pieces(child, f"{ours}{here}.", f"{theirs}{there}.")
    elif isinstance(layer, L.Bidirectional):
        for name, end in (("ahead", ""), ("back", "_reverse")):
            for there, piece in _pieces(layer.children[name], f"{ours}{name}.", theirs):
                yield f"{there}{end}", piece
    elif isinstance(layer, Container):
        for name, child in layer.children.items():
            yield from _pieces(child, f"{ours}{name}.", f"{theirs}{name}.")
    elif isinstance(layer, L.MultiHeadAttention):
        yield from _of_attention(layer, ours, theirs)
    else:
        local = _local(layer)
        for name in (*layer.params, *layer.buffers):
            yield theirs + local.get(name, name), Piece(ours + name)


def _local(layer: Layer) -> dict[str, str]:
    """Our names -> PyTorch's, inside one layer."""
    usual = NORM if "gamma" in layer.params else {"weight": "W", "bias": "b"}
    names = next((names for kind, names in LOCAL if isinstance(layer, kind)), usual)
    return {ours: theirs for theirs, ours in names.items()}


def _of_attention(layer: L.MultiHeadAttention, ours: str, theirs: str) -> Iterator[tuple[str, Piece]]:
    """W_q, W_k and W_v are one array there, stacked."""
    for name, stacked in zip(("in_proj_weight", "in_proj_bias"), ATTENTION, strict=True):
        for i, key in enumerate(stacked):
            if key in layer.params:
                yield theirs + name, Piece(ours + key, i, len(stacked))
    for name, key in (("out_proj.weight", "W_o"), ("out_proj.bias", "b_o")):
        if key in layer.params:
            yield theirs + name, Piece(ours + key)
