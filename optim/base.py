"""The contract that every update rule keeps, and the loop over parameters that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from .batch import Batch, batches
from .expect import expect_state, number, param_shapes, refuse_changed, refuse_grads
from .groups import grouped, plain

Array = np.ndarray[Any, np.dtype[Any]]
Rate = float | Callable[[int], float]  # a learning rate, or a schedule step -> learning rate
Groups = Mapping[str, Mapping[str, Any]]


class Optimizer:
    """Changes parameters in place, given their gradients.

        optimizer = Adam(model.params, lr=1e-3)
        optimizer.step(grads)                       # grads of model.backward: the names of params

    `params` is held by reference and looked up at each step, so the optimizer follows model.astype.
    `lr` is a number or a schedule, a callable step -> lr that starts at step 0; assign to it at any time.
    `groups` maps name patterns to hyperparameters that differ, lr included; the first match wins:

        Adam(model.params, lr=1e-3, weight_decay=1e-2, groups={"*.b": {"weight_decay": 0.0}})

    A group whose lr is the number 0 is frozen: its parameters and slots stay as they are, and take no time.
    `steps` counts the updates. `step` verifies names and shapes of all gradients before it changes anything,
    and never writes to them. It does not look for nan or inf, which would cost a pass over every gradient:
    that is for clip_by_norm and for the training loop.

    A rule of your own names its `slots` (arrays shaped like the parameter, zero at first, kept between steps)
    and writes `update` for one parameter, in place. All else is inherited: groups, schedules, checks, state.

        class SignMomentum(Optimizer):
            slots = ("m",)

            def __init__(self, params, lr, *, momentum=0.9, groups=None):
                super().__init__(params, lr, groups, momentum=momentum)

            def update(self, p, g, slots, lr, momentum):
                m = slots["m"]
                m *= momentum
                m += g
                p -= lr * np.sign(m)
    """

    slots: ClassVar[tuple[str, ...]] = ()
    elementwise: ClassVar[bool] = (
        False  # True where update treats each entry alone: parameters may be joined or cut
    )

    def __init__(
        self, params: dict[str, Array], lr: Rate, groups: Groups | None = None, **hyper: Any
    ) -> None:
        self.params = params
        self.steps = 0
        self.lr = lr
        self._shapes = param_shapes(self._who, params)
        self._hyper = {name: plain(self._who, name, value) for name, value in hyper.items()}
        self._groups = grouped(self._who, params, self._hyper, {} if groups is None else groups)
        self._patterns = dict(groups or {})
        self._batches = [(group, self._batch(names, group.hyper)) for group in self._groups
                         for names in batches(group.names, params, self.elementwise)]  # fmt: skip

    def init(self, p: Array, hyper: Mapping[str, Any]) -> dict[str, Array]:
        """The slots of one parameter, or of several joined, before their first update."""
        return {slot: np.zeros_like(p) for slot in self.slots}

    def update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, *args: Any, **hyper: Any
    ) -> None:
        """Change one parameter p and its slots in place, given its gradient g and its hyperparameters.

        `self.steps` is the number of this update, from 1.
        """
        raise NotImplementedError(
            f"{self._who}: expected an update(self, p, g, slots, lr) of its own; define one"
        )

    def step(self, grads: Mapping[str, Array]) -> None:
        """One update of every parameter.

        Raises: ValueError that lists the gradients that are missing, extra, mis-shaped or no real array;
        nothing is changed then.
        """
        if not self._fits(grads):
            refuse_changed(self._who, self.params, self._shapes, "make a new optimizer")
            refuse_grads(self._who, grads, self._shapes)
        rates = {id(group): self._rate(self.lr if group.lr is None else group.lr) for group in self._groups}
        self.steps += 1
        for group, batch in self._batches:
            if group.lr == 0:
                continue  # frozen
            for p, g, slots in batch.pieces(self.params, grads):
                self.update(p, g, slots, rates[id(group)], **group.hyper)

    @property
    def lr(self) -> Rate:
        """The learning rate: a number, or the schedule that gives it."""
        return self._lr

    @lr.setter
    def lr(self, lr: Rate) -> None:
        self._lr: Rate = plain(self._who, "lr", lr)

    def state(self) -> dict[str, Array]:
        """Copies of all that updates have changed beside the parameters: "steps", and the slots as "m.0.W".

        The hyperparameters, lr included, are the constructor's and not part of it.
        """
        slots = {key: slot.copy() for key, slot in self._flat_slots().items()}
        return {"steps": np.array(self.steps), **slots}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Go on from a state(): the updates to come are those that would have followed it, bit for bit.

        Raises: ValueError that lists missing, extra and mis-shaped names; nothing is changed then.
        """
        slots = self._flat_slots()
        mend = "make the optimizer as the one that was saved"
        self.steps, given = expect_state(self._who, state, slots, mend)
        for name, array in slots.items():
            array[...] = given[name]

    def __repr__(self) -> str:
        hyper = {"lr": self.lr, **self._hyper} | ({"groups": self._patterns} if self._patterns else {})
        return f"{self._who}({', '.join(f'{name}={value!r}' for name, value in hyper.items())})"

    @property
    def _who(self) -> str:
        return type(self).__name__

    def _rate(self, lr: Rate) -> float:
        if not callable(lr):
            return lr
        return number(self._who, f"lr at step {self.steps}, from {lr!r},", lr(self.steps))

    def _fits(self, grads: Mapping[str, Any]) -> bool:
        """Whether all is as it should be: the quick way to a yes, with no words for a no."""
        params, shapes = self.params, self._shapes
        try:
            if not len(grads) == len(shapes) == len(params):
                return False
            for name, shape in shapes.items():
                g = grads[name]
                if not (g.shape == shape == params[name].shape and g.dtype.kind in "fiu"):
                    return False
        except (AttributeError, KeyError, TypeError):
            return False
        return True

    def _batch(self, names: list[str], hyper: Mapping[str, Any]) -> Batch:
        p = self.params[names[0]]
        if len(names) > 1:
            p = np.concatenate([self.params[name] for name in names], axis=None)
        slots = {slot: array.reshape(-1) for slot, array in self.init(p, hyper).items()}
        return Batch(names, [self.params[name].size for name in names], slots, self.elementwise)

    def _flat_slots(self) -> dict[str, Array]:
        views = dict(view for _, batch in self._batches for view in batch.views(self.params))
        order = {name: i for i, name in enumerate(self.params)}
        return dict(sorted(views.items(), key=lambda view: order[view[0].partition(".")[2]]))
