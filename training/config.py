"""What a run writes down about itself: config.json, and what model.npz says beside the weights."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from .launcher import launched
from .options import Options
from .plan import Plan
from .prepare import Prepared
from .reading.builtin import BUILTIN, FILES
from .reading.files import STDIN

UNTOLD = ("origin", "debug")


def config(options: Options, prepared: Prepared, plan: Plan, argv: Sequence[str]) -> dict[str, Any]:
    """Everything that this run depends on, in plain JSON values; `--config` takes it to repeat the run.

    `options` holds what was used, also where the option said "auto" or nothing; `origin` who said so.
    """
    asked = told(options)
    used = {
        "target": prepared.data.target_name,
        "task": prepared.kind.task,
        "loss": plan.loss_name,
        "lr": plan.rate,
        "batch_size": plan.batch_size,
        "patience": plan.patience,
    }
    return {
        "argv": list(argv),
        "options": asked | used,
        "origin": {name: options.origin.get(name, "default") for name in asked},
        "rows": {name: len(part) for name, part in prepared.parts.items()},
        "input_shape": list(prepared.inputs.shape),
        **{f"{name}_sha256": digest for name, digest in digests(options, prepared).items()},
        **({"ranks": ranks} if (ranks := launched().size) > 1 else {}),
        "versions": versions(),
    }


def told(options: Options) -> dict[str, Any]:
    """The options as JSON values, by name."""
    return {field.name: getattr(options, field.name) for field in fields(options) if field.name not in UNTOLD}


def sources(options: Options) -> dict[str, str]:
    """The files that the rows come from: "data", and "val", "test" where those are files."""
    named = {"data": options.data, "val": options.val, "test": options.test}
    return {name: file for name, file in named.items() if isinstance(file, str)}


def digests(options: Options, prepared: Prepared) -> dict[str, str | None]:
    """The digest of every file that the rows come from, also of what came in by stdin."""
    found = {name: sha256(file) for name, file in sources(options).items()}
    return found if prepared.data.sha256 is None else found | {"data": prepared.data.sha256}


def changed_since(options: Options) -> list[str]:
    """Notes on data that are not those of the run whose config.json is to be repeated."""
    if options.config is None or not options.config.endswith(".json"):
        return []
    then = json.loads(Path(options.config).read_text("utf-8-sig"))
    return [
        f"{source}: is not the file that {options.config} speaks of (its sha256 differs)"
        for name, source in sources(options).items()
        if source != STDIN and then.get(f"{name}_sha256") not in (None, sha256(source))
    ]


def model_meta(options: Options, prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """What predict.py needs beside the weights."""
    return {
        "task": prepared.kind.task,
        "network": plan.network,
        "dtype": options.dtype,
        "inputs": prepared.inputs.to_dict(),
        "targets": prepared.kind.targets.to_dict(),
        "target_name": prepared.data.target_name,
        "reading": {
            "sep": options.sep,
            "header": not options.no_header,
            "encoding": options.encoding,
            "missing": list(options.missing_values),
        },
    }


def sha256(source: str) -> str | None:
    """The digest of a data file as sha256sum prints it; of a folder, of its IDX files one after the other.

    None for a generated dataset, which the version of this program settles.
    """
    digest, paths = hashlib.sha256(), data_paths(source)
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest() if paths else None


def data_paths(source: str) -> list[Path]:
    """The files that hold the data, in the order of their names."""
    name = source.partition(":")[0]
    if source == STDIN:
        return []
    if name in BUILTIN:
        return [Path(str(files("training") / "data" / FILES[name]))] if name in FILES else []
    path = Path(source)
    return sorted(path.glob("*-ubyte*")) if path.is_dir() else [path]


def versions() -> dict[str, str]:
    """Of all that numbers may depend on."""
    from importlib import metadata  # slow to import, and --help has no need of it

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    try:
        ours = metadata.version("pullback")
    except metadata.PackageNotFoundError:
        ours = "a checkout"
    return {
        "pullback": ours,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "platform": platform.platform(),
    }
