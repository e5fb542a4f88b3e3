"""Is the gradient of a whole network right, and if not, which of its layers is wrong?"""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import parts_of
from .check import check_loss
from .given import quietly, read_x, streams_of
from .kept import Kept
from .ledger import QUICK, NetworkReport, dotted, row
from .loss import LossAsLayer
from .recording import Recording, in_float64, is_layer, layers_in
from .report import Finding, Report, Result
from .whole import Together, Whole

TOGETHER = "x, and all parameters along one direction"


def check_network(
    model: Any, loss: Any, x: Any, target: Any, *, seconds: float = 20.0, rng: Any = 0
) -> Report:
    """Compare the gradients of loss(model(x), target) with numeric ones, and name the layer that is wrong.

    The network runs once, and then every layer by itself at the very x and upstream it had there, from the
    loss down: a wrong dx spoils all gradients below it, a wrong dW its own alone. Containers follow from the
    inside out, once all in them is right, and the whole. findings[0] is the layer to mend first; its array
    is a dotted name: "2.W", "2.x" for that layer's dx, "2" for the layer as a whole.

    x and target are what model.forward and loss.forward take; x may be a shape, as in check_layer. Only
    copies run, in float64. Checks that would take longer than about `seconds` in all are made coarser, or
    left out, which the notes say.

    Raises: TypeError and ValueError for what can be no network, loss or x; what a forward itself raises.
    """
    for what, value in (("a network", model), ("a loss", loss)):
        if isinstance(value, type):
            raise TypeError(f"check_network: expected {what}, got the class {value.__name__}; call it")
        if not is_layer(value):
            raise TypeError(
                f"check_network: expected {what} with forward and backward, got {type(value).__name__}; "
                "write check_network(model, loss, x, target)"
            )
    if not seconds > 0:
        raise ValueError(f"check_network: expected seconds above 0, got {seconds}; leave it out for 20")
    seed = streams_of("check_network", rng)[-1].integers(2**31)
    inputs, several = read_x("check_network", x, streams_of("check_network", rng)[0])
    with quietly():
        search = Search(model, loss, inputs, several, target, int(seed), time.perf_counter() + seconds)
        return search.report()


def assert_network(
    model: Any, loss: Any, x: Any, target: Any, *, seconds: float = 20.0, rng: Any = 0
) -> None:
    """check_network for tests.   Raises: AssertionError with the report as its text."""
    __tracebackhide__ = True
    report = check_network(model, loss, x, target, seconds=seconds, rng=rng)
    if not report:
        raise AssertionError(str(report))


class Search(Kept):
    """The search for the wrong layer: from the loss down, then from the inside out."""

    def __init__(
        self,
        model: Any,
        loss: Any,
        inputs: list[Array],
        several: bool,
        target: Any,
        seed: int,
        deadline: float,
    ) -> None:
        super().__init__(model, loss, seed, deadline)
        self.loss, self.target, self.several = loss, target, several
        self.model = in_float64(model)  # never run itself
        self.inputs = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in inputs]
        self.layers = layers_in(self.model)
        self.run = self.record(self.model)
        self.top_name = "loss" if "loss" not in self.layers else "the loss"
        # the whole has its turn last, and one direction of it at least should have
        self.reserve = min(2 * QUICK * self.run.seconds, (self.deadline - time.perf_counter()) / 2)

    def record(
        self, model: Any, *, lock: str = "", inputs: list[Array] | None = None, dtype: Any = None
    ) -> Recording:
        model, loss, target = copy.deepcopy(model), *self.top()
        if dtype:
            target = LossAsLayer(loss, target).in_dtype(dtype).target
        parts = tuple(part.copy() for part in inputs or self.inputs)
        return Recording(model, loss, parts if self.several else parts[0], target, self.seed, lock)

    def top(self) -> tuple[Any, Any]:
        """Copies of the loss and the target."""
        return copy.deepcopy(self.loss), copy.deepcopy(self.target)

    def report(self) -> Report:
        self.check_loss()
        down = [call.name for call in self.run.calls if call.method == "backward"]
        up = [call.name for call in self.run.calls if call.method == "forward"]
        order = list(dict.fromkeys([*down, *reversed(up)]))
        leaves = [name for name in order if not self.run.inside[name]]
        for name in leaves:
            self.check_alone(name)
        if not any(finding.kind.startswith("mutates") for finding in self.findings):
            for name in leaves:
                if name not in self.wrong:
                    self.check_in_place(name)
        containers = [name for name in order if self.run.inside[name]]
        for name in sorted(containers, key=self.depth, reverse=True):
            if name:
                self.check_container(name)
        if self.run.error and not self.findings:
            raise self.run.error
        if not self.findings:
            self.check_params_stay()
        if not self.findings:
            self.check_whole()
        self.check_listed()
        if not self.findings:
            self.check_dtype()
        if self.left_out:
            self.notes.append(
                f"left out, as time was up: {', '.join(self.left_out)}; give check_network more `seconds`"
            )
        if self.wrong and any(result.verdict == "unchecked" for result in self.rows.values()):
            self.notes.append("what holds a wrong layer is unchecked until that is mended")
        findings = sorted(self.findings, key=lambda finding: finding.kind == "dtype")
        return NetworkReport(self.title, findings, self.lines(), "", self.notes, self.forwards)

    # ---- the layers one by one -------------------------------------------------------------------------

    def check_loss(self) -> None:
        loss, target = self.top()
        if self.affords(self.run.loss_seconds, 1, QUICK):
            self.tell(self.top_name, [check_loss(loss, self.run.prediction, target, rng=self.seed)])
        else:
            self.left_out.append(self.place(self.top_name))

    def check_alone(self, name: str) -> None:
        """The layer at the x of its first and of its last forward, with a random upstream and its own."""
        calls = [call for call in self.run.forwards(name) if call.error is None]
        reports = []
        for call in dict.fromkeys((0, len(calls) - 1)) if calls else ():
            report = self.check(name, calls[call].layer, calls[call].given, calls[call].seconds)
            if report is None:
                break
            reports.append(report)
            own = self.upstream_of(name, call, calls)
            if report and own is not None:
                more = self.check(name, calls[call].layer, calls[call].given, calls[call].seconds, own)
                reports += [more] if more is not None else []
        self.tell(name, reports)

    # ---- containers and the whole ----------------------------------------------------------------------

    def check_container(self, name: str) -> None:
        """The wiring of a container whose layers are right."""
        if self.within(name) & self.wrong:
            return
        calls = [call for call in self.run.forwards(name) if call.error is None]
        if not calls:
            return
        report = self.wiring(name, self.layers[name], calls[0].given, calls[0].seconds)
        if report is not None and not report:
            self.tell_wiring(name, report)
        elif report is not None:
            self.tell(name, [report], checked=TOGETHER)

    def wiring(self, name: str, layer: Any, x: Any, seconds: float) -> Report | None:
        """A check of all params together, and where that fails one by one; None if there is no time."""
        several = isinstance(x, tuple)
        if not self.affords(seconds, 1 + len(parts_of(x)), QUICK):
            self.left_out.append(self.place(name) if name else "the whole")
            return None
        try:
            together = Together(layer, several, self.seed)
            report = self.look(name, together, (*parts_of(x), np.ones(())), None, "quick")
        except Exception:  # what it answers is no answer: the longer check says so
            report = None
        return report or self.look(name, layer, x, None, "quick")

    def tell_wiring(self, name: str, report: Report) -> None:
        """A container is wrong: it uses one layer twice, or its own lines are wrong."""
        for inner in self.run.inside[name]:
            times = len(self.run.forwards(inner))
            leaves = [leaf for leaf in (inner, *self.within(inner)) if not self.run.inside[leaf]]
            if times > len(self.run.forwards(name)) and any(map(self.only_the_last, leaves)):
                message = (
                    f"{self.place(inner)}: right by itself, wrong in this network: {self.place(name)}, runs "
                    f"it forward {times} times, and its one cache speaks of the last run only; "
                    "build a layer for each place"
                )
                self.findings.append(Finding("stale-cache", dotted(inner, ""), message))
                self.wrong.add(inner)
                self.rows[inner] = Result(self.title_of(inner), "WRONG", "right alone, wrong in place")
                self.rows[name] = row(self.title_of(name), [report], report.findings, "")
        if name not in self.rows:
            self.tell(name, [report], "its layers are right one by one, its own lines are wrong: ")

    def check_whole(self) -> None:
        """Network and loss as one layer."""
        self.reserve = 0.0
        x: Any = tuple(self.inputs) if self.several else self.inputs[0]
        report = self.wiring("", Whole(self.model, *self.top()), x, self.run.seconds)
        if report is None or report:
            self.tell("", [report] if report else [], checked=TOGETHER)
            return
        if self.run.inside[""]:
            alone = self.look("", self.model, x, None, "quick")
            if not alone:
                self.tell_wiring("", alone)
                return
        self.tell("", [report], "every layer and the loss are right by themselves, together they are not: ")
