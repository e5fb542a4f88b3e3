"""What a person sees before training: what was read, what was guessed, what will be trained."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from .encoding.inputs import TableInputs
from .encoding.targets import ClassTargets
from .options import Options
from .plan import Plan, hidden
from .prepare import Prepared
from .reading.dataset import Dataset
from .reading.table import Table
from .screen import parameters, say, size_of, warn
from .text import counted, listing

FEW_CLASSES = 6  # shown with their rows


def summarise(options: Options, prepared: Prepared, plan: Plan) -> None:
    """The lines of the summary on stdout, for a dry run every layer's too, then the warnings on stderr."""
    data, kind = prepared.data, prepared.kind
    say("data", f"{data.source}   {rows_and_columns(data)}")
    say("target", f"{data.target_name} ({data.target_from})   {kind.task}: {prepared.why}")
    if isinstance(kind.targets, ClassTargets) and len(kind.targets.classes) <= FEW_CLASSES:
        say("classes", listing(f"{name}: {count} rows" for name, count in kind.targets.counts.items()))
    for label, text in feature_lines(prepared):
        say(label, text)
    say("split", f"{sizes(prepared)}   seed {options.seed}")
    say("model", f"{architecture(options, prepared)}   {parameters(plan.model.params)}")
    say("training", settings(options, plan))
    if options.dry_run:
        print()
        plan.model.summary(prepared.parts["train"].x[: plan.batch_size])
        print()
    for note in [*prepared.notes, *plan.notes]:
        warn("train.py", note)


def rows_and_columns(data: Dataset) -> str:
    """How much there is, and in which form."""
    if not isinstance(data.features, Table):
        return f"{len(data)} rows of {size_of(data.features.shape[1:])} numbers, {data.features.dtype}"
    form = f"   {data.features.form}" if data.features.form else ""
    return f"{len(data)} rows, {len(data.features.names) + 1} columns{form}"


def feature_lines(prepared: Prepared) -> Iterator[tuple[str, str]]:
    """Which columns are used and how; what stands for their missing cells."""
    inputs, features = prepared.inputs, prepared.data.features
    if not isinstance(inputs, TableInputs):
        scaled = "bytes, scaled by 1/255" if inputs.mean is None else "scaled to mean 0, deviation 1"
        yield "features", f"{prod(inputs.shape)} inputs, {scaled}"
        return
    assert isinstance(features, Table)
    levels = listing((f"{name}: {len(levels)}" for name, levels in inputs.categories.items()), 5)
    kinds = [counted(inputs.numbers, "number")] if inputs.numbers else []
    kinds += [f"{counted(len(inputs.categories), 'category', 'categories')} ({levels})"] if levels else []
    used = f"{len(inputs.columns)} of {len(features.names)} columns: {', '.join(kinds)}"
    yield "features", used + (f"   not used: {listing(inputs.dropped)}" if inputs.dropped else "")
    for name, (count, fill) in inputs.missing.items():
        words = sorted({cell for cell in features.column(name) if cell in inputs.tokens and cell})
        shown = f" ({', '.join(words)})" if words else ""
        stands = f"as {fill}" if isinstance(fill, str) else f"as the median {fill:.4g}"
        yield "missing", f"{name}: {counted(count, 'cell')}{shown}, taken {stands}"


def sizes(prepared: Prepared) -> str:
    """How many rows each part has, and whence where they are not DATA's."""
    own = prepared.data.source
    return ", ".join(
        f"{len(part)} {name}" + ("" if part.data.source == own else f" from {part.data.source}")
        for name, part in prepared.parts.items()
    )


def architecture(options: Options, prepared: Prepared) -> str:
    """ "64 -> 32 relu -> 10", for a LeNet with its convolutions, or the file of the user's network."""
    if options.model:
        return options.model
    extra = " batchnorm" * options.batchnorm + f" {options.activation}"
    extra += f" dropout {options.dropout:g}" if options.dropout else ""
    middle = [f"{units}{extra}" for units in hidden(options)]
    convolutions = ["conv 6", "conv 16"] if options.arch == "lenet" else []
    return " -> ".join(
        [size_of(prepared.inputs.shape), *convolutions, *middle, str(prepared.kind.targets.output_size)]
    )


def settings(options: Options, plan: Plan) -> str:
    """How the network learns, in one line."""
    words = [f"{options.optimizer}, lr {plan.rate:g}"]
    words[0] += f" {options.schedule}" * (options.schedule != "constant")
    words += [f"warm-up {options.warmup}"] * (options.warmup > 0)
    words += [f"weight decay {options.weight_decay:g}"] * (options.weight_decay > 0)
    words += [f"clip norm {options.clip_norm:g}"] if options.clip_norm else []
    words += [f"loss {plan.loss_name}", f"batch {plan.batch_size}", f"at most {options.epochs} epochs"]
    words += [f"patience {plan.patience}"] * (plan.patience > 0)
    return ", ".join(words)
