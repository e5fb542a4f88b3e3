"""What train.py is made of, each piece usable alone.

from training import evaluate, fit, load_dataset, load_model, save_model, split
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .encoding.split import split
    from .loop import History, evaluate, fit
    from .models import load_model, save_model
    from .reading.dataset import Dataset, load_dataset

__all__ = [
    "Dataset",
    "History",
    "evaluate",
    "fit",
    "load_dataset",
    "load_model",
    "save_model",
    "split",
]

_HOMES = {
    "Dataset": ".reading.dataset",
    "History": ".loop",
    "evaluate": ".loop",
    "fit": ".loop",
    "load_dataset": ".reading.dataset",
    "load_model": ".models",
    "save_model": ".models",
    "split": ".encoding.split",
}


def __getattr__(name: str) -> Any:
    """Import a piece where it is first used: the package itself takes no time."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)
