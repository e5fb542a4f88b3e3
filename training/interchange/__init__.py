"""Trained networks in the formats of others: ONNX, safetensors, PyTorch's names for weights."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from .onnx import export_onnx
from .weights import load_pytorch, load_safetensors, save_safetensors

__all__ = ["export", "export_onnx", "load_pytorch", "load_safetensors", "save_safetensors"]

SUFFIXES = (".onnx", ".safetensors")


def export(run: str | Path, file: str | Path) -> None:
    """Write the best model of a run directory as FILE.onnx, data preparation included, or FILE.safetensors.

    Raises: UsageError for another suffix, a package that is not installed, or a layer that ONNX has no form
    of; CheckpointError for a run without a model; DiskError.
    """
    from ..predict import load_trained  # here, as predict.py may ask for an export

    suffix = Path(file).suffix
    if suffix not in SUFFIXES:
        raise UsageError(f"{file}: expected a name that ends in {' or '.join(SUFFIXES)}; name it so")
    trained = load_trained(Path(run))
    if suffix == ".safetensors":
        save_safetensors(file, trained.model)
    else:
        inputs = trained.inputs
        export_onnx(file, trained.model, inputs.shape, inputs=inputs, targets=trained.kind.targets)
