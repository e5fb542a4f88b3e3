"""What to do with a gradient: update rules, schedules, clipping."""

from . import schedules
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .base import Optimizer
from .clip import clip_by_norm
from .rmsprop import RMSProp
from .sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSProp", "clip_by_norm", "schedules"]
