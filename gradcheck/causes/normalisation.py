"""Layers that divide by statistics of x: the direct path, those through the mean and the variance."""

from __future__ import annotations

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence, axis_sets, words

DIRECT, MEAN, VARIANCE = range(3)


def normalisation(e: Evidence) -> Finding | None:
    """Along the axes that forward normalises, J = a I + b + c x̂ x̂ᵀ in both, with other a, b or c."""
    if not e.is_input or not e.square:
        return None
    for axes in axis_sets(len(e.shape)):
        blocks = _blocks(e, axes)
        if blocks is None:
            continue
        A, N, x = blocks
        sums = np.abs(N.sum(axis=2)).max(axis=1)
        centred = bool((sums <= 1e-7 * np.abs(N).max(axis=(1, 2))).all())  # a shift of x changes nothing
        hat = x - x.mean(axis=1, keepdims=True) if centred else x
        hat = hat / np.sqrt((hat * hat).mean(axis=1, keepdims=True))
        true, mine = _fit(N, hat, constant=centred), _fit(A, hat, constant=True)
        if true is None or mine is None or np.abs(true[:, MEAN:]).max() <= 1e-7 * np.abs(true).max():
            continue
        finding = _compare(e, axes, mine, true, x.shape[1])
        if finding:
            return finding
    return None


def statistics_for_constants(e: Evidence) -> Finding | None:
    """Forward's outputs depend on their own input alone; backward has paths through a mean and a variance."""
    if not e.is_input or not e.elementwise or e.one_output:
        return None
    for axes in axis_sets(len(e.shape)):
        blocks = _blocks(e, axes, of=e.A)
        if blocks is None:
            continue
        A, _, x = blocks
        hat = x - x.mean(axis=1, keepdims=True)
        mine = _fit(A, hat, constant=True)
        if mine is not None and np.abs(mine[:, MEAN:]).max() > 1e-6 * np.abs(mine).max():
            message = (
                f"{e.name} has paths through statistics over "
                f"{words(axes)}, which forward does not take from x here"
            )
            return Finding(
                "extra-term", e.name, f"{message}; constants, such as running averages, carry no gradient"
            )
    return None


def mean_left_out(e: Evidence) -> Finding | None:
    """Forward subtracts a mean, so that a shift of x changes nothing; yours is off by a constant."""
    if not e.is_input or e.elementwise:
        return None
    k = len(e.y_shape)
    for axes in axis_sets(len(e.shape)):
        over = tuple(k + i for i in axes)
        n = int(np.prod([e.shape[i] for i in axes]))
        if (
            n < 3
            or np.abs(e.N.sum(axis=over)).max() > e.slack * e.largest * n
            or np.abs(e.A.sum(axis=over)).max() <= 1e-6 * e.largest
        ):
            continue
        if e.same(e.A - e.A.mean(axis=over, keepdims=True), e.N):
            message = (
                f"the path through the mean over {words(axes)} is missing: numeric - yours is constant there"
            )
            return Finding("mean-path", e.name, f"{message}; subtract the mean, as forward does")
    return None


def _compare(e: Evidence, axes: tuple[int, ...], mine: Array, true: Array, n: int) -> Finding | None:
    floor = 1e-6 * np.abs(true).max()
    has = [np.abs(true[:, i]).max() > floor for i in range(3)]
    lost = [has[i] and np.abs(mine[:, i]).max() <= floor for i in range(3)]
    times = [_ratio(mine[:, i], true[:, i]) if has[i] else 1.0 for i in range(3)]
    over = words(axes)
    if not has[MEAN] and np.abs(true[:, DIRECT] * e.theta_length(axes) - 1).max() < 1e-6:
        return _of_length(e, over, times)
    if lost[MEAN] and lost[VARIANCE]:
        message = f"{e.name} treats mean and variance over {over} as constants: both depend on x"
        return Finding("missing-path", e.name, f"{message}; add - mean(g) and - x_hat * mean(g * x_hat)")
    if lost[VARIANCE]:
        message = (
            f"the path through the variance over {over} is missing: "
            "numeric - yours is a linear function of x there"
        )
        return Finding("variance-path", e.name, f"{message}; add - x_hat * mean(g * x_hat)")
    if lost[MEAN]:
        message = f"the path through the mean over {over} is missing: numeric - yours is constant there"
        return Finding("mean-path", e.name, f"{message}; add - mean(g)")
    if not has[MEAN] and np.abs(mine[:, MEAN]).max() > floor:
        message = f"{e.name} has a path through a mean over {over}, which forward does not subtract"
        return Finding("extra-term", e.name, f"{message}; leave - mean(g) out")
    direct, mean, variance = (_ratio(mine[:, i], true[:, i], 1e-3) if has[i] else 1.0 for i in range(3))
    alike = abs(mean - direct) < 1e-3 and min(abs(variance - direct**3), abs(variance - direct)) < 3e-3
    if alike and any(abs(direct**2 - ratio) < 1e-3 for ratio in ((n - 1) / n, n / (n - 1))):
        message = (
            f"{e.name} divides by a standard deviation that is {1 / direct:.4g} "
            f"times forward's: N - 1 for N = {n}, or the reverse"
        )
        return Finding("approximation", e.name, f"{message}; divide as forward does")
    direct, mean, variance = times
    if abs(direct - 1) > 1e-6:
        return None
    if has[MEAN] and mean and abs(mean - variance) < 1e-6 and abs(mean - 1) > 1e-6:
        message = f"the paths through mean and variance over {over} are {mean:.4g} times what they should be"
        return Finding(
            "variance-path",
            e.name,
            f"{message}; divide their sums by the number of entries that forward averages, {n}",
        )
    for i, what in ((MEAN, "mean"), (VARIANCE, "variance")):
        if not has[i] or abs(times[i] - 1) <= 1e-6 or abs(times[VARIANCE + MEAN - i] - 1) > 1e-6:
            continue
        if n > 1 and abs(times[i] - n / (n - 1)) < 1e-6:
            message = (
                f"the path through the {what} over {over} is {times[i]:.4g} "
                f"times as large as it should be: N - 1 for N = {n}"
            )
            return Finding("approximation", e.name, f"{message}; divide as forward does")
        size = f"{times[i]:.4g} times what it should be" if times[i] else "of another size in every row"
        if abs(times[i] - n) < 1e-6 * n:
            size += f" (a sum where forward has a mean over {n})"
        message = f"the path through the {what} over {over} is {size}"
        return Finding(
            "mean-path" if i == MEAN else "variance-path",
            e.name,
            f"{message}; check its factor, and its powers of the deviation",
        )
    if has[MEAN] and abs(mean - 1) > 1e-6 and abs(variance - 1) > 1e-6:
        message = (
            f"the path through the variance over {over} is wrong: "
            "numeric - yours is a linear function of x there"
        )
        return Finding(
            "variance-path", e.name, f"{message}; it is - x_hat * mean(g * x_hat), with x_hat and not x"
        )
    return None


def _of_length(e: Evidence, over: str, times: list[float]) -> Finding | None:
    """x / |x|: the path through the length alone."""
    direct, _, through = times
    if abs(direct - 1) > 1e-6 or abs(through - 1) < 1e-6:
        return None
    mend = "add - y * sum(u * y) / |x|"
    if through == 0 and e.same(e.yours * ~np.eye(e.theta.size, dtype=bool), np.zeros_like(e.yours)):
        return Finding(
            "missing-path",
            e.name,
            f"{e.name} treats the length of x over {over} as a constant: it depends on x; {mend}",
        )
    if abs(through + 1) < 1e-6:
        return Finding(
            "sign", e.name, f"the path through the length of x over {over} has the wrong sign; {mend}"
        )
    size = (
        f"{through:.4g} times what it should be"
        if through
        else "of another size in every row: another power of the length"
    )
    return Finding("wrong-formula", e.name, f"the path through the length of x over {over} is {size}; {mend}")


def _ratio(mine: Array, true: Array, closeness: float = 1e-6) -> float:
    """The one number that takes the right coefficients to yours; 0 where there is none."""
    ratio = float((mine @ true) / (true @ true))
    return (
        ratio
        if np.abs(mine - ratio * true).max() <= closeness * np.abs(true).max() * max(1.0, abs(ratio))
        else 0.0
    )


def _blocks(e: Evidence, axes: tuple[int, ...], of: Array | None = None) -> tuple[Array, Array, Array] | None:
    """(A, N, x) for each place of the other axes: (places, n, n) along the axes, x (places, n)."""
    k = len(e.shape)
    rest = [i for i in range(k) if i not in axes]
    n = int(np.prod([e.shape[i] for i in axes]))
    if n < 4:
        return None
    others = int(np.prod([e.shape[i] for i in rest]))
    order = [*rest, *axes, *(k + i for i in rest), *(k + i for i in axes)]

    def blocks(J: Array) -> Array:
        return J.transpose(order).reshape(others, n, others, n)

    apart = ~np.eye(others, dtype=bool)
    whole = blocks(np.maximum(np.abs(e.N), np.abs(e.A)) if of is None else of)
    if others > 1 and np.abs(whole.transpose(0, 2, 1, 3)[apart]).max() > 1e-8 * e.largest:
        return None  # coupled along another axis too
    at = np.arange(others)
    x = e.theta.transpose([*rest, *axes]).reshape(others, n)
    return blocks(e.A)[at, :, at, :], blocks(e.N)[at, :, at, :], x


def _fit(J: Array, hat: Array, constant: bool) -> Array | None:
    """(a, b, c) of each row J[i] = a e_i + b + c x̂, of all blocks (rows, 3); None where it has none."""
    places, n = hat.shape
    basis = np.stack([np.full_like(hat, float(constant)), hat], axis=2)  # (places, n, 2)
    own = basis[:, :, :, None] * basis[:, :, None, :]
    normal = own.sum(axis=1, keepdims=True) - own  # without the entry on the diagonal
    i = np.arange(n)
    diagonal = J[:, i, i]
    right = J @ basis - diagonal[:, :, None] * basis
    c = (np.linalg.pinv(normal, rcond=1e-12, hermitian=True) @ right[..., None])[..., 0]
    fitted = c @ basis.transpose(0, 2, 1)
    direct = diagonal - fitted[:, i, i]
    misfit = fitted - J
    misfit[:, i, i] = 0
    if np.abs(misfit).max() > 1e-6 * np.abs(J).max():
        return None
    return np.concatenate([direct[..., None], c], axis=2).reshape(places * n, 3)
