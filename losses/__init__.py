"""Scalar functions of a prediction and its target: where the backward pass starts."""

from .base import Loss
from .huber import Huber
from .l1 import L1
from .mse import MSE
from .multiclass_hinge import MulticlassHinge
from .nll import NLL
from .sigmoid_cross_entropy import SigmoidCrossEntropy
from .softmax_cross_entropy import SoftmaxCrossEntropy

__all__ = [
    "L1",
    "MSE",
    "NLL",
    "Huber",
    "Loss",
    "MulticlassHinge",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
]
