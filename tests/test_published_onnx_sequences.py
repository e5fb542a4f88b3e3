"""Recurrent layers and attention give the numbers of ONNX's node tests and of ONNX Runtime's own.

A docstring names the case. Where a convention differs, the test adapts the inputs in sight.
"""

import numpy as np
import pytest
from published import filled, image, legacy, reordered, single

from layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    MultiHeadAttention,
    ScaledDotProductAttention,
)

# --- ONNX: recurrent layers, where x is (T, N, D), gates stand as i o f c and z r h, and B holds both biases

GATES = {RNN: ("h", "h"), LSTM: ("iofc", "ifco"), GRU: ("zrh", "rzh")}


def from_onnx(kind, W, R, B=None):
    """Our layer with ONNX's W (G H, D), R (G H, H) and B (2 G H,)."""
    B = np.zeros(2 * len(W)) if B is None else np.asarray(B)
    W_x, W_h, b_x, b_h = (reordered(part, *GATES[kind]) for part in (W, R, *np.split(B, 2)))
    return filled(kind(W.shape[1], R.shape[1]), W_x=W_x, W_h=W_h, b_x=b_x, b_h=b_h)


@pytest.mark.parametrize(
    ("kind", "H", "D", "weight", "bias", "published"),
    [
        (RNN, 4, 2, 0.1, 0, [0.29131263, 0.6043678, 0.800499]),
        (RNN, 5, 3, 0.1, 0.1, [0.6043678, 0.9216685, 0.9866143]),
        (RNN, 4, 2, 0.5, 0, [0.9051482, 0.9981779, 0.9999666]),
        (LSTM, 3, 2, 0.1, 0, [0.095241204, 0.25606447, 0.40323776]),
        (LSTM, 4, 3, 0.1, 0.1, [0.25606447, 0.5367278, 0.6672132]),
        (LSTM, 7, 2, 0.3, 0, [0.3336926, 0.6223932, 0.718579]),
        (GRU, 5, 2, 0.1, 0, [0.12397026, 0.20053662, 0.19991654]),
        (GRU, 3, 3, 0.1, 0.1, [0.20053662, 0.15482338, 0.07484276]),
        (GRU, 6, 2, 0.2, 0, [0.19030014, 0.1751368, 0.09733085]),
    ],
)
def test_one_step_of_a_recurrent_layer_as_in_onnx(kind, H, D, weight, bias, published):
    """ONNX node tests, rnn.py, lstm.py and gru.py: defaults, with_initial_bias, batchwise; units are alike"""
    G = len(GATES[kind][0])
    B = np.repeat([bias, 0], G * H)
    layer = from_onnx(kind, np.full((G * H, D), weight), np.full((G * H, H), weight), B)
    y = layer.forward(image(1, 3, 1, D))
    single(y, np.repeat(published, H).reshape(3, 1, H))


# The weights of ONNX Runtime's GRU tests, by gate
GRU_W = np.array(
    [
        [-0.494659, 0.0453352],
        [-0.487793, 0.417264],  # z
        [-0.0091708, -0.255364],
        [-0.106952, -0.266717],  # r
        [-0.0888852, -0.428709],
        [-0.283349, 0.208792],  # h
    ]
)
GRU_R = np.array(
    [
        [0.146626, -0.0620289],
        [-0.0815302, 0.100482],  # z
        [-0.228172, 0.405972],
        [0.31576, 0.281487],  # r
        [-0.394864, 0.42111],
        [-0.386624, -0.390225],  # h
    ]
)
GRU_B = [0.381619, 0.0323954, -0.258721, 0.45056, -0.250755, 0.0967895, 0, 0, 0, 0, 0, 0]


def test_a_gru_from_two_states_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_gru_op_test.cc, ForwardBatchLinearBeforeReset: our form of the reset gate"""
    layer = from_onnx(GRU, GRU_W, GRU_R, GRU_B)
    x = np.repeat([[[-0.455351, -0.276391], [-0.185934, -0.269585]]], 2, axis=0)
    published = [
        [[0.253942400, -0.174207777], [0.0874997079, -0.0485242009]],
        [[-0.0325528607, 0.0774837881], [-0.0577347837, 0.0796165839]],
    ]
    single(layer.forward((x, np.array([[0.5, -0.5], [0, 0]]))), published)


def test_a_gru_both_ways_over_two_lengths_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_gru_op_test.cc, SequenceLengthWithBidirectionalLinearBeforeReset"""
    layer = Bidirectional(*(from_onnx(GRU, GRU_W, GRU_R, GRU_B) for _ in range(2)))
    x = np.array(
        [[[-0.455351, -0.276391], [-0.185934, -0.269585]], [[0.855351, 0.676391], [0.585934, 0.669585]]]
    )
    lengths = np.array([2, 1])
    published = [
        [
            [-0.0325528607, 0.0774837881, -0.0559310019, 0.101836264],
            [-0.0577347837, 0.0796165839, -0.0456649922, 0.0462125242],
        ],
        [[-0.275918573, -0.00228558504, -0.275918573, -0.00228558504], [0, 0, 0, 0]],
    ]
    single(layer.forward((x, np.arange(2) < lengths[:, None])), published)
    published = [
        [-0.275918573, -0.0022855850, -0.385578573, 0.0370728001],
        [-0.382134795, 0.0607641526, -0.248751760, 0.0347689129],
    ]
    single(layer.forward(x)[1], published)


def test_a_gru_with_two_biases_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_gru_op_test.cc, SimpleWeightsWithBias...LinearBeforeReset, both directions"""
    W = np.array([0.1, 0.2, 0.3, 0.2, 0.3, 0.1, 0.3, 0.1, 0.2])[:, None]
    B = [-0.01, 0.1, 0.01, -0.2, -0.02, 0.02, 0.3, -0.3, -0.3]
    B += [-0.03, 0.5, -0.7, 0.05, -0.7, 0.3, 0.07, -0.03, 0.5]  # of R; the last three are inside r's product
    layer = Bidirectional(*(from_onnx(GRU, W, np.full((9, 3), 0.1), B) for _ in range(2)))
    y = layer.forward(np.array([[[-0.1], [-0.3]], [[0.2], [0.4]]]))
    published = [
        [[0.15024948, -0.11097029, -0.02121867], [0.19538902, -0.19016478, -0.05644283]],
        [[0.18887489, -0.09747667, 0.02093463], [0.30856851, -0.15190377, 0.05999807]],
    ]
    single(y[..., :3], published)
    published = [
        [[0.20910699, -0.18880953, -0.04005555], [0.12252139, -0.12032216, -0.05064924]],
        [[0.29700265, -0.15308119, 0.04537245], [0.21249877, -0.08884402, 0.04751285]],
    ]
    single(y[..., 3:], published)


def lstm_of_onnx_runtime():
    return from_onnx(
        LSTM, np.array([0.1, 0.2, 0.3, 0.4, 1, 2, 3, 4, 10, 11, 12, 13])[:, None], np.full((12, 3), 0.1)
    )


def test_an_lstm_both_ways_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_lstm_op_test.cc, BidirectionalSimpleWeightsNoBiasTwoRows"""
    y = Bidirectional(lstm_of_onnx_runtime(), lstm_of_onnx_runtime()).forward(
        np.array([[[1.0], [10]], [[2], [11]]])
    )
    published = [
        [[0.28828835, 0.36581863, 0.45679406], [0.84196719, 0.89402526, 0.91073048]],
        [[0.34526032, 0.47220859, 0.55850911], [0.85882828, 0.90703777, 0.92382453]],
    ]
    single(y[..., :3], published)
    published = [
        [[0.55391603, 0.69201493, 0.82696019], [0.61249432, 0.70678632, 0.74094619]],
        [[0.64046413, 0.82303363, 0.91610711], [0.62759886, 0.71640738, 0.74624585]],
    ]
    single(y[..., 3:], published)


def test_an_lstm_over_two_lengths_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_lstm_op_test.cc, MixedSequenceLengths and MixedSequenceLengthsReverse"""
    layer = Bidirectional(lstm_of_onnx_runtime(), lstm_of_onnx_runtime())
    lengths = np.array([1, 2])
    y = layer.forward((np.array([[[1.0], [10]], [[2], [11]]]), np.arange(2) < lengths[:, None]))
    published = [
        [[0.28828835, 0.36581863, 0.45679406], [0, 0, 0]],
        [[0.34526032, 0.47220859, 0.55850911], [0.85882828, 0.90703777, 0.92382453]],
    ]
    single(y[..., :3], published)
    published = [
        [[0.28828844, 0.36581877, 0.45679423], [0, 0, 0]],
        [[0.64046413, 0.82303363, 0.91610711], [0.62759886, 0.71640738, 0.74624585]],
    ]
    single(y[..., 3:], published)


# --- ONNX: attention


def heads(rng, width=8):
    """(q, k, v) with N = 2, 3 heads, 4 queries and 6 keys."""
    return rng.rand(2, 3, 4, 8), rng.rand(2, 3, 6, 8), rng.rand(2, 3, 6, width)


def test_attention_as_in_onnx():
    """ONNX node tests, attention.py, 4d and 4d_diff_heads_sizes"""
    y = ScaledDotProductAttention().forward(heads(legacy(0)))
    published = [0.6895389, 0.47463807, 0.37436265, 0.519131, 0.5194414, 0.64489096, 0.48098356, 0.49064544]
    single(y[1, 2, 3], published)
    y = ScaledDotProductAttention().forward(heads(legacy(0), width=10))
    published = [0.37184662, 0.34168762, 0.55619365, 0.4950007, 0.5475967]
    published += [0.56495285, 0.55151474, 0.30161953, 0.55767584, 0.5010781]
    single(y[1, 2, 3], published)


def test_causal_attention_as_in_onnx():
    """ONNX node tests, attention.py, 4d_causal: fewer queries than keys"""
    y = ScaledDotProductAttention(causal=True).forward(heads(legacy(0)))
    published = [
        [0.7510216, 0.9272118, 0.02895255, 0.8956913, 0.3925688, 0.8783725, 0.69078475, 0.98734874],
        [0.7554828, 0.62335217, 0.28390855, 0.61525023, 0.37763306, 0.5449185, 0.58557826, 0.82230943],
        [0.5989654, 0.5844647, 0.23479177, 0.46011433, 0.268955, 0.67729086, 0.39280042, 0.6079462],
        [0.57794577, 0.47081015, 0.37143654, 0.51022726, 0.41990438, 0.6712135, 0.34536517, 0.5678493],
    ]
    single(y[1, 2], published)


def test_attention_on_joined_heads_as_in_onnx():
    """ONNX node tests, attention.py, 3d: as between the projections of our MultiHeadAttention"""
    rng = legacy(0)
    q, k, v = rng.rand(2, 4, 24), rng.rand(2, 6, 24), rng.rand(2, 6, 24)
    unit = {f"W_{name}": np.eye(24) for name in "qkvo"}
    y = filled(MultiHeadAttention(24, 3, bias=False), **unit).forward((q, k, v))
    published = [0.5503072, 0.32377264, 0.40627342, 0.6710636, 0.25859725, 0.44152275, 0.3864031, 0.5377419]
    single(y[1, 3, 8:16], published)
