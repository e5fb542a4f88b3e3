"""Layers: functions with a backward. base.py states the contract; read affine.py next."""

from .affine import Affine
from .base import Layer
from .batchnorm import BatchNorm
from .combine import Branch, Parallel, Residual
from .container import Container
from .dropout import Dropout
from .elementwise import Elementwise, Identity
from .elu import ELU, SELU
from .flatten import Flatten
from .gates import Add, Concat, Copy, Max, Mul
from .gelu import GELU
from .relu import LeakyReLU, PReLU, ReLU
from .sequential import Sequential
from .sigmoid import Sigmoid, SiLU, Softplus, Tanh
from .softmax import LogSoftmax, Softmax

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Add",
    "Affine",
    "BatchNorm",
    "Branch",
    "Concat",
    "Container",
    "Copy",
    "Dropout",
    "Elementwise",
    "Flatten",
    "Identity",
    "Layer",
    "LeakyReLU",
    "LogSoftmax",
    "Max",
    "Mul",
    "PReLU",
    "Parallel",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
