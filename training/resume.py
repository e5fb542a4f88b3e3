"""--resume RUN: a training that was cut off goes on, to the weights it would have had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .checkpoint import Checkpoint, read_latest
from .config import digests, sha256, sources, told, versions
from .config_file import options_of_run
from .errors import CheckpointError, UsageError
from .keeper import history_of
from .options import Options, build_parser
from .prepare import Prepared
from .reading.builtin import BUILTIN
from .reading.files import STDIN
from .run import Run
from .screen import warn
from .stored import of_type

STORED: dict[str, Any] = {  # beside the model's meta
    "options": Mapping[str, Any],
    "origin": Mapping[str, str],
    "planned": int,
    "argv": list[str],
    "resumed": list[Mapping[str, Any]],
    "paths": Mapping[str, str],
    "digests": Mapping[str, str | None],
    "network_sha256": str | None,
    "versions": Mapping[str, str],
    "history": Mapping[str, Any],
}


@dataclass(frozen=True)
class Stand:
    """Where a run stands, as its last checkpoint says."""

    options: Options  # those it began with, but for what --resume may change
    stored: Checkpoint
    planned: int  # epochs that its schedule was made for
    argv: Sequence[str]  # those it began with
    resumed: list[dict[str, Any]]  # how it was taken up before
    finished: str  # why there is nothing left to learn, or ""
    asked_for_more: bool  # whether a run that had stopped is to go on


def going_on(options: Options, prepared: Prepared, argv: Sequence[str], planned: int) -> dict[str, Any]:
    """What a checkpoint says beside the model and the history, so that it can be taken up anywhere."""
    return {
        "options": told(options),
        "origin": dict(options.origin),
        "planned": planned,
        "argv": list(argv),
        "resumed": [],
        "paths": {name: str(Path(path).resolve()) for name, path in _all_files(options).items()},
        "digests": digests(options, prepared),
        "network_sha256": _network_digest(options),
        "versions": versions(),
    }


def stand_of(run: Run, asked: Options) -> Stand:
    """Where a run stands; `asked` may change how far it is to go.

    Raises: CheckpointError for a checkpoint that cannot be read, or whose data has changed; UsageError.
    """
    stored, note = read_latest(run.path / "last.npz")
    if note:
        warn("train.py", note)
    meta = stored.meta
    try:
        for name, kind in STORED.items():
            of_type(kind, meta[name], name)
        began = _began(meta)
        history = history_of(meta["history"])
    except (KeyError, TypeError, UsageError) as error:
        said = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"{run.path}: last.npz is no checkpoint of ours: {said}; train again"
        ) from error
    planned, argv, resumed, paths = (meta[name] for name in ("planned", "argv", "resumed", "paths"))
    done, waited, stopped = len(history.epochs), history.waited, history.stopped
    changed: dict[str, Any] = {
        name: getattr(asked, name) for name in ("epochs", "patience") if name in asked.given
    }
    if "epochs" in asked.given and asked.epochs < done:
        raise UsageError(f"--epochs {asked.epochs}: expected at least the {done} epochs that are done")
    changed |= {name: getattr(asked, name) for name in ("progress", "debug", "resume")}
    options = replace(began, **_found(began, paths), **changed)
    _refuse_changed(options, meta)
    more = "epochs" in changed and asked.epochs > done
    more |= (
        "patience" in changed and done < options.epochs and (not asked.patience or waited < asked.patience)
    )
    finished = ""
    if (stopped and not more) or done >= options.epochs:
        target = began.epochs if began.epochs > done else 2 * done
        finished = f"finished at epoch {done}{f', {stopped}' if stopped else ''}; --epochs {target} to go on"
    return Stand(options, stored, planned, argv, resumed, finished, bool(stopped) and more)


def _began(meta: Mapping[str, Any]) -> Options:
    """The options that a run began with.   Raises: TypeError, UsageError."""
    stored = {name: value for name, value in meta["options"].items() if name not in ("config", "resume")}
    values = options_of_run("options", stored, build_parser())
    config = of_type(str | None, meta["options"].get("config"), "config")
    return Options(**values, config=config, origin=meta["origin"])


def refuse_other_input(stand: Stand, prepared: Prepared) -> None:
    """Raises: CheckpointError where other data came in by stdin than those the run began with."""
    if prepared.data.sha256 is not None and prepared.data.sha256 != stand.stored.meta["digests"]["data"]:
        raise CheckpointError("stdin: is not the data that the run began with; feed them again")


def _files(options: Options) -> dict[str, str]:
    """The options that name files."""
    return {
        name: path
        for name, path in sources(options).items()
        if path != STDIN and path.partition(":")[0] not in BUILTIN
    }


def _all_files(options: Options) -> dict[str, str]:
    """Those, and the file of the user's network."""
    network = {"model": options.model.rpartition(":")[0]} if options.model else {}
    return _files(options) | network


def _found(began: Options, paths: dict[str, str]) -> dict[str, Any]:
    """Files by the names that they have from here: the folder may be another one now."""
    found: dict[str, Any] = {}
    for name, typed in _all_files(began).items():
        whole = Path(paths.get(name, typed))
        if whole.exists() and not (Path(typed).exists() and Path(typed).samefile(whole)):
            found[name] = str(getattr(began, name)).replace(typed, str(whole), 1)
    return found


def _refuse_changed(options: Options, meta: dict[str, Any]) -> None:
    """Raises: CheckpointError for data that are not those of the run; warns of what may matter."""
    for name, path in _files(options).items():
        if Path(path).exists() and sha256(path) != meta["digests"].get(name):
            raise CheckpointError(
                f"{path}: has changed since the run began, and its split with it; "
                "put the old file back, or start a new run"
            )
    if _network_digest(options) not in (None, meta["network_sha256"]):
        warn("train.py", f"{options.model}: has changed since the run began")
    then, now = meta["versions"], versions()
    other = [name for name in ("numpy", "blas") if then.get(name) != now[name]]
    if other:
        named = ", ".join(f"{name} {then.get(name)}, now {now[name]}" for name in other)
        warn("train.py", f"the run began with {named}: the last digits may differ")


def _network_digest(options: Options) -> str | None:
    file = Path(options.model.rpartition(":")[0]) if options.model else None
    return sha256(str(file)) if file is not None and file.is_file() else None
