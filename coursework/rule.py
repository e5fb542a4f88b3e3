"""How adam.py is judged: its moments, its step given those, several parameters, and its manners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

import optim
from layers.base import Array

from .task import Part, Task
from .trial import class_of, first
from .values import same, unlike

LR, BETA1, BETA2, EPS = 0.1, 0.8, 0.95, 0.1  # an eps that shows
STEPS = 10
Step = Callable[[Array, Array, Array, int], Array]  # of m, v, g and t: what p loses


def _start(dtype: Any = np.float64) -> tuple[Array, list[Array]]:
    rng = np.random.default_rng(50)
    return rng.standard_normal((3, 2)).astype(dtype), list(rng.standard_normal((STEPS, 3, 2)).astype(dtype))


def _adam(module: ModuleType, params: dict[str, Array]) -> Any:
    return class_of(module, "Adam")(params, LR, beta1=BETA1, beta2=BETA2, eps=EPS)


def _run(module: ModuleType) -> Iterator[tuple[Array, Array, Array, Array, Array]]:
    """p before and after each step, the student's m and v after it, and g."""
    p, grads = _start()
    params = {"p": p}
    rule = _adam(module, params)
    for g in grads:
        before = params["p"].copy()
        rule.step({"p": g.copy()})
        state = rule.state()
        yield before, params["p"].copy(), state["m.p"], state["v.p"], g


def _moments(module: ModuleType) -> str:
    m = v = np.zeros((3, 2))
    for t, (_, _, yours_m, yours_v, g) in enumerate(_run(module), start=1):
        old_m, old_v = m, v
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
        for name, yours, old, right, beta in (
            ("m", yours_m, old_m, m, BETA1),
            ("v", yours_v, old_v, v, BETA2),
        ):
            if told := unlike(name, yours, right, _mistakes(name, old, right, g, beta)):
                return f"after step {t}: {told}"
    return ""


def _mistakes(name: str, old: Array, right: Array, g: Array, beta: float) -> dict[str, Callable[[], Array]]:
    power = g if name == "m" else g * g
    other = BETA2 if name == "m" else BETA1
    return {
        f"it has not changed; write into the array: {name}[...] = ...": lambda: old,
        "v follows g², not g": lambda: beta * old + (1 - beta) * g,
        f"(1 - {'beta1' if name == 'm' else 'beta2'}) is missing before g": lambda: beta * old + power,
        "beta and 1 - beta are swapped": lambda: (1 - beta) * old + beta * power,
        "beta1 belongs to m, beta2 to v": lambda: other * old + (1 - other) * power,
        f"{name} holds the corrected value; keep it as it is, and correct a copy": lambda: right / (1 - beta),
    }


def _m_hat(m: Array, t: int) -> Array:
    return np.asarray(m / (1 - BETA1**t))


def _v_hat(v: Array, t: int) -> Array:
    return np.asarray(v / (1 - BETA2**t))


def _ratio(m: Array, v: Array) -> Array:
    return np.asarray(LR * m / (np.sqrt(v) + EPS))


def _right(m: Array, v: Array, g: Array, t: int) -> Array:
    return _ratio(_m_hat(m, t), _v_hat(v, t))


WRONG_STEPS: dict[str, Step] = {
    "bias correction is missing: m_hat = m / (1 - beta1^t), v_hat = v / (1 - beta2^t)": (
        lambda m, v, g, t: _ratio(m, v)
    ),
    "m_hat = m / (1 - beta1^t) is missing": lambda m, v, g, t: _ratio(m, _v_hat(v, t)),
    "v_hat = v / (1 - beta2^t) is missing": lambda m, v, g, t: _ratio(_m_hat(m, t), v),
    "t starts at 0; the first update has t = 1": lambda m, v, g, t: _right(m, v, g, t - 1),
    "t is one too many; the first update has t = 1": lambda m, v, g, t: _right(m, v, g, t + 1),
    "t stays at 1, where it counts the updates: divide by 1 - beta^t": lambda m, v, g, t: _right(m, v, g, 1),
    "m_hat divides by 1 - beta1^t, not by 1 - beta1": lambda m, v, g, t: _ratio(_m_hat(m, 1), _v_hat(v, t)),
    "v_hat divides by 1 - beta2^t, not by 1 - beta2": lambda m, v, g, t: _ratio(_m_hat(m, t), _v_hat(v, 1)),
    "beta1 and beta2 are swapped in the correction": lambda m, v, g, t: _ratio(_v_hat(m, t), _m_hat(v, t)),
    "eps is inside the root; it is added to sqrt(v_hat)": (
        lambda m, v, g, t: LR * _m_hat(m, t) / np.sqrt(_v_hat(v, t) + EPS)
    ),
    "eps is left out": lambda m, v, g, t: LR * _m_hat(m, t) / np.sqrt(_v_hat(v, t)),
    "eps is added before v is corrected; it is added to sqrt(v_hat)": (
        lambda m, v, g, t: LR * _m_hat(m, t) / (np.sqrt(v) + EPS) * np.sqrt(1 - BETA2**t)
    ),
    "the root of v_hat is missing": lambda m, v, g, t: LR * _m_hat(m, t) / (_v_hat(v, t) + EPS),
    "the sign is wrong: p climbs": lambda m, v, g, t: -_right(m, v, g, t),
    "lr is missing": lambda m, v, g, t: _right(m, v, g, t) / LR,
    "g stands where m_hat belongs": lambda m, v, g, t: _ratio(g, _v_hat(v, t)),
}


def _update(module: ModuleType) -> str:
    """Every step is right, given the student's own m and v, or else right altogether."""
    p, grads = _start()
    params = {"p": p}
    ours, run = optim.Adam(params, LR, betas=(BETA1, BETA2), eps=EPS), list(_run(module))
    exact = []
    for g in grads:
        ours.step({"p": g})
        exact.append(params["p"].copy())
    if all(same(after, right) for (_, after, _, _, _), right in zip(run, exact, strict=True)):
        return ""
    with np.errstate(all="ignore"):
        for t, (before, after, m, v, g) in enumerate(run, start=1):
            if told := unlike("p", after, before - _right(m, v, g, t)):
                cause = _step_mistake(run) or "it does not follow from your m and v"
                return f"after step {t}: {told.splitlines()[0]}\n{cause}"
    return ""


def _step_mistake(run: list[tuple[Array, Array, Array, Array, Array]]) -> str:
    """The known mistake that explains every step."""
    for words, loss in WRONG_STEPS.items():
        if all(
            same(after, before - loss(m, v, g, t)) for t, (before, after, m, v, g) in enumerate(run, start=1)
        ):
            return words
    return ""


def _idle(module: ModuleType) -> str:
    *_, (before, after, _, _, _) = _run(module)
    return "p does not change; write into the array: p -= ..." if np.array_equal(before, after) else ""


def _several(module: ModuleType) -> str:
    """Two parameters are updated as each would be alone."""
    p, grads = _start()

    def after(*names: str) -> dict[str, Array]:
        params = {"W": p.copy(), "b": p[0].copy()}
        params = {name: params[name] for name in names}
        rule = _adam(module, params)
        for g in grads:
            rule.step({name: {"W": g.copy(), "b": -g[0]}[name] for name in names})
        return params

    both = after("W", "b")
    if all(same(both[name], after(name)[name]) for name in both):
        return ""
    return (
        "two parameters at once end up elsewhere than each by itself; update is called once for each, so "
        "that a count of one's own goes too fast: t is self.steps, and m and v are in slots"
    )


def _contract(module: ModuleType) -> str:
    p, grads = _start(np.float32)
    params = {"p": p}
    rule = _adam(module, params)
    for g in grads:
        given = g.copy()
        rule.step({"p": given})
        if not np.array_equal(given, g):
            return "update writes to g; compute in a new array"
    if params["p"] is not p:
        return "params holds another array than before; change p in place"
    return "" if p.dtype == np.float32 else f"p was float32 and is {p.dtype}"


TASKS = (
    Task(
        "adam",
        "Adam",
        "adam.py",
        (
            Part("moments", 3, _moments),
            Part("update", 4, first(_idle, _update)),
            Part("several parameters", 2, first(_idle, _several)),
            Part("contract", 1, first(_idle, _contract)),
        ),
    ),
)
