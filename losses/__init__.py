"""Scalar functions of a prediction and its target: where the backward pass starts."""

from .base import Loss
from .ctc import CTC
from .ctc_decode import beam_decode, greedy_decode
from .huber import Huber
from .kl_divergence import KLDivergence
from .l1 import L1
from .mse import MSE
from .multiclass_hinge import MulticlassHinge
from .nll import NLL
from .poisson import Poisson
from .sigmoid_cross_entropy import SigmoidCrossEntropy
from .softmax_cross_entropy import SoftmaxCrossEntropy

__all__ = [
    "CTC",
    "L1",
    "MSE",
    "NLL",
    "Huber",
    "KLDivergence",
    "Loss",
    "MulticlassHinge",
    "Poisson",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "beam_decode",
    "greedy_decode",
]
