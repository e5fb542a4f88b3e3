"""From gradients that are wrong to the mistake that makes them so."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from layers.base import Array

from .causes.blocks import one_for_all, other_groups, shared_number
from .causes.chain import label, no_local_derivative, path, term
from .causes.elementwise import approximation, elementwise, sides
from .causes.evidence import Evidence
from .causes.factors import factor, factor_of_coupling, masked, unnamed
from .causes.gather import gather, yours_of
from .causes.gather import known_of as known_of
from .causes.layouts import reordered
from .causes.lookup import looked_up
from .causes.misplaced import misplaced
from .causes.normalisation import mean_left_out, normalisation, statistics_for_constants
from .causes.operands import wrong_operand
from .causes.paths import uses
from .causes.places import copied, cropped, flipped, kernel, permuted, shifted
from .causes.points import cut, off_the_ones, shrunk, still_wrong
from .causes.simple import scale, swapped, transposed, zero
from .causes.some import only_some, only_some_slices, overlap, overwritten, repeated, some_of_each
from .causes.sums import over_summed, wrong_axis
from .causes.terms import other_terms, terms
from .complex_step import ComplexStep
from .edges import altered
from .report import Finding
from .subject import Subject

# The plain before the intricate; each is accepted only where the numbers match exactly.
Hypothesis = Callable[[Evidence], Finding | None]
ELEMENTWISE: tuple[Hypothesis, ...] = (
    zero, scale, no_local_derivative, approximation, only_some, shifted, flipped, permuted, sides, label,
    masked, terms, one_for_all, factor, wrong_operand, swapped, other_terms, term, uses, repeated, misplaced,
    statistics_for_constants, elementwise,
)  # fmt: skip
COUPLED: tuple[Hypothesis, ...] = (
    zero, scale, approximation, wrong_axis, normalisation, repeated, overwritten, overlap, only_some_slices,
    uses, no_local_derivative, wrong_operand, swapped, transposed, over_summed, shared_number, only_some,
    shifted, flipped, permuted, copied, one_for_all, reordered, other_groups, factor, mean_left_out, path,
    factor_of_coupling, cropped, kernel, looked_up, some_of_each, misplaced, sides, term,
)  # fmt: skip
IN_A_PART: tuple[Hypothesis, ...] = (zero, scale, factor, shifted, flipped, permuted)
LAST: tuple[Hypothesis, ...] = (unnamed,)  # where nothing else is known
OF_ONE = ("zero", "scale", "no-local-derivative")  # what a mistake across examples looks like in one of them


def diagnose(
    subject: Subject, step: ComplexStep, names: list[str], rng: np.random.Generator
) -> list[Finding]:
    """The cause of every wrong gradient that has one, the root first; those without are left out."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return _diagnose(subject, step, names, rng)


def _diagnose(
    subject: Subject, step: ComplexStep, names: list[str], rng: np.random.Generator
) -> list[Finding]:
    beside = off_the_ones(subject, names, rng)
    here = shrunk(beside or subject, names, rng)
    step = step if here is subject else ComplexStep(here)
    cases = list(gather(here, step, names, rng))
    found = _explained(cases)
    if not found and beside is None:
        found = _ties(subject, names, rng)
    if len(found) != 1 or not _covers(found[0], cases) or (len(cases) > 1 and _of_a_slope(found[0])):
        edge = altered(here, names, rng)  # one mistake that explains all is the better explanation
        found = [edge] if edge else found
    for axis in (1, 0, 2):  # the same mistake in one step, or in one example, is plainer
        if found or axis >= max(x.ndim for x in here.inputs) - 1:
            continue
        smaller = cut(here, axis, 1)
        if smaller is not None and still_wrong(smaller, names, rng):
            here = smaller
            fewer = _explained(gather(here, ComplexStep(here), names, rng))
            found = [finding for finding in fewer if axis or finding.kind not in OF_ONE]
    return found or _merged([f for case in cases if (f := _first(LAST, case)) is not None])


def _covers(finding: Finding, cases: list[Evidence]) -> bool:
    """Whether a finding tells of every gradient that is wrong."""
    return all(case.name == finding.array or case.name in finding.message for case in cases)


def _of_a_slope(finding: Finding) -> bool:
    """Whether the factor is the derivative of some function in between, which the tape can name."""
    return "factor" in finding.kind and any(part in finding.message for part in ("(1 - ", "²", "> 0)"))


def _explained(cases: Iterable[Evidence]) -> list[Finding]:
    return _merged([finding for case in cases if (finding := _cause(case)) is not None])


def _cause(case: Evidence) -> Finding | None:
    if len(case.yours) == 1:  # a loss: as if every entry had its own output
        by_uses = _tried(uses, case)
        case = case.spread()
        return _first(ELEMENTWISE, case) or by_uses
    hypotheses = ELEMENTWISE if case.elementwise else COUPLED
    return _first(hypotheses, case) or _in_a_part(case)


def _first(hypotheses: tuple[Hypothesis, ...], case: Evidence) -> Finding | None:
    findings = (_tried(hypothesis, case) for hypothesis in hypotheses)
    return next((finding for finding in findings if finding is not None), None)


def _tried(hypothesis: Hypothesis, case: Evidence) -> Finding | None:
    """What the hypothesis says; nothing where it cannot be tried on such arrays."""
    try:
        return hypothesis(case)
    except (ValueError, IndexError, np.linalg.LinAlgError):
        return None


def _in_a_part(e: Evidence) -> Finding | None:
    """The cause within the slices that are wrong, where others along that axis are right."""
    k = len(e.y_shape)
    for axis in range(len(e.shape)):
        A, N = np.moveaxis(e.A, k + axis, 0), np.moveaxis(e.N, k + axis, 0)
        wrong = [i for i in range(len(A)) if not e.same(A[i], N[i])]
        if not wrong or len(wrong) == len(A):
            continue
        finding = _first(IN_A_PART, e.part(wrong, axis))
        if finding:
            together = wrong == list(range(wrong[0], wrong[-1] + 1))
            where = f"{wrong[0]} to {wrong[-1]}" if together else f"{wrong}"
            message = f"at {where} of its axis {axis}, {finding.message}; the rest of {e.name} is right"
            kind = "only-some" if finding.kind == "zero" else finding.kind
            return replace(finding, kind=kind, message=message)
    return None


def _ties(subject: Subject, names: list[str], rng: np.random.Generator) -> list[Finding]:
    """Right beside, wrong where entries tie: an output that takes one of them sends its gradient to all."""
    here, there = (yours_of(s, s.output()) for s in (subject, subject.moved(lambda a: _untied(a, rng))))
    findings = []
    for name in names:
        if name not in here or name not in there or here[name].shape != there[name].shape:
            continue
        counts, once = np.count_nonzero(here[name], axis=1), np.count_nonzero(there[name], axis=1)
        one_more = (once == 1).all() and (counts >= 1).all() and (counts > 1).any()
        if one_more and np.allclose(here[name][here[name] != 0], there[name][there[name] != 0][0]):
            message = (
                f"where {counts.max()} entries tie, {name} gives the whole of upstream to each of them; "
                "give it to one, or share it out: together they get what one winner would"
            )
            findings.append(Finding("wrong-region", name, message))
    return findings


def _untied(array: Array, rng: np.random.Generator) -> Array:
    return array + 1e-3 * rng.standard_normal(array.shape)


def _merged(found: list[Finding]) -> list[Finding]:
    """One finding a kind: the gradients that it explains together are named in one."""
    merged: dict[str, Finding] = {}
    also: dict[str, list[str]] = {}
    for finding in found:
        if finding.kind in merged:
            also.setdefault(finding.kind, []).append(finding.array)
        else:
            merged[finding.kind] = finding
    return [
        replace(finding, message=f"{finding.message} (so it is with {', '.join(also[kind])})")
        if kind in also
        else finding
        for kind, finding in merged.items()
    ]
