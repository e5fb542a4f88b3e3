"""Layers: functions with a backward. base.py states the contract; read affine.py next."""

from .affine import Affine
from .attention import ScaledDotProductAttention
from .base import Layer
from .batchnorm import BatchNorm
from .bidirectional import Bidirectional, LastStep
from .combine import Branch, Parallel, Residual
from .container import Container
from .conv import Conv1D, Conv2D
from .conv_transpose import ConvTranspose1D, ConvTranspose2D
from .dropout import Dropout, Dropout2D
from .elementwise import Elementwise, Identity
from .elu import ELU, SELU
from .embedding import Embedding
from .flatten import Flatten
from .gates import Add, Concat, Copy, Max, Mul
from .gelu import GELU
from .graph import Graph
from .groupnorm import GroupNorm, InstanceNorm
from .gru import GRU, GRUCell
from .layernorm import LayerNorm
from .lstm import LSTM, LSTMCell
from .multihead import MultiHeadAttention
from .pool import AvgPool1D, AvgPool2D, GlobalAvgPool, MaxPool1D, MaxPool2D
from .positional import PositionalEncoding
from .relu import LeakyReLU, PReLU, ReLU
from .resize import Upsample2D, ZeroPad2D
from .rmsnorm import RMSNorm
from .rnn import RNN, RNNCell
from .sequential import Sequential
from .shape import Permute, Reshape
from .sigmoid import Sigmoid, SiLU, Softplus, Tanh
from .softmax import LogSoftmax, Softmax
from .transformer import TransformerBlock

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "Add",
    "Affine",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNorm",
    "Bidirectional",
    "Branch",
    "Concat",
    "Container",
    "Conv1D",
    "Conv2D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "Copy",
    "Dropout",
    "Dropout2D",
    "Elementwise",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GlobalAvgPool",
    "Graph",
    "GroupNorm",
    "Identity",
    "InstanceNorm",
    "LSTMCell",
    "LastStep",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "Max",
    "MaxPool1D",
    "MaxPool2D",
    "Mul",
    "MultiHeadAttention",
    "PReLU",
    "Parallel",
    "Permute",
    "PositionalEncoding",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Reshape",
    "Residual",
    "ScaledDotProductAttention",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "TransformerBlock",
    "Upsample2D",
    "ZeroPad2D",
]
