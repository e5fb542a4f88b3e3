"""Work in parts: the same answers on any number of threads, in any thread of the caller and after a fork."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from layers import GELU, Affine, BatchNorm, Conv2D, MaxPool2D, MultiHeadAttention, ReLU, Sequential, parallel

ROOT = Path(__file__).resolve().parent.parent
MUCH = float("inf")  # work


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads whatever the machine has; what BLAS is told is kept."""
    told = [2]
    monkeypatch.setattr(parallel, "_blas_threads", lambda: told[-1])
    monkeypatch.setattr(parallel, "_set_blas_threads", told.append)
    return told


def parts(f, n=10):
    return parallel.in_parts(f, n, MUCH)


def test_the_parts_together_are_the_whole_each_in_a_thread_of_its_own(two_threads):
    seen = parts(lambda part: (part, threading.get_ident()))
    assert [part for part, _ in seen] == [slice(0, 5), slice(5, 10)]
    assert len({thread for _, thread in seen}) == 2


def test_little_work_stays_in_one_piece(two_threads):
    assert parallel.in_parts(lambda part: part, 10, 1) == [slice(0, 10)]
    assert two_threads == [2]


def test_blas_has_one_thread_in_the_parts_and_its_own_after_them(two_threads):
    assert parts(lambda part: parallel._blas_threads()) == [1, 1]
    assert two_threads[-1] == 2


def test_parts_inside_a_part_go_one_after_the_other(two_threads):
    assert parts(lambda part: parts(lambda inner: inner)) == [[slice(0, 10)]] * 2


@pytest.mark.parametrize("bad", [0, 5])
def test_an_error_in_a_part_is_the_callers_and_the_next_call_works(two_threads, bad):
    def fails(part):
        if part.start == bad:
            raise ValueError(f"part {bad}")
        return part

    with pytest.raises(ValueError, match=f"part {bad}"):
        parts(fails)
    assert two_threads[-1] == 2
    assert len(parts(lambda part: part)) == 2


def test_helpers_are_used_again_also_after_an_error(two_threads):
    helpers = {parts(lambda part: threading.get_ident())[1] for _ in range(5)}
    with pytest.raises(ZeroDivisionError):
        parts(lambda part: 1 / 0)
    helpers |= {parts(lambda part: threading.get_ident())[1] for _ in range(5)}
    assert len(helpers) == 1


def test_what_numpy_does_about_errors_goes_into_the_parts(two_threads):
    zero = np.zeros(1)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        parts(lambda part: 1 / zero if part.start else None)
    with np.errstate(divide="ignore"):
        assert np.isinf(parts(lambda part: 1 / zero)[1])


def test_two_threads_of_the_caller_leave_blas_as_it_was(two_threads):
    inside, go = threading.Barrier(2), threading.Event()

    def first():
        with parallel._blas_alone:
            inside.wait(10)
            go.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait(10)
    with parallel._blas_alone:  # begins while the first is inside, ends after it
        go.set()
        thread.join(10)
        assert parallel._blas_threads() == 1
    assert parallel._blas_threads() == 2


@pytest.mark.parametrize("shape", [(7, 3, 50), (50, 3, 7)])
def test_a_product_in_parts_is_the_product(two_threads, monkeypatch, shape):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(parallel, "LARGE", 1)
    M, K, N = shape
    a, b = rng.standard_normal((K, M)).T, rng.standard_normal((K, N)) * 1j
    y = parallel.product(a, b)
    np.testing.assert_allclose(y, np.einsum("mk,kn->mn", a, b), rtol=1e-12)
    assert len(two_threads) == 3  # one thread, and two again


def network(rng):
    return Sequential(
        *(Conv2D(3, 4, 3, padding=1, rng=rng), BatchNorm(4), ReLU(), MaxPool2D(2), Conv2D(4, 6, 3, rng=rng)),
        GELU(),
    )


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        pytest.param(network, (5, 3, 12, 10), id="images"),
        pytest.param(lambda rng: MultiHeadAttention(8, 2, causal=True, rng=rng), (5, 6, 8), id="attention"),
        pytest.param(lambda rng: Affine(8, 7, rng=rng), (5, 6, 8), id="affine over time"),
    ],
)
def test_one_thread_and_several_give_the_same(two_threads, monkeypatch, build, shape):
    answers = []
    for large in (float("inf"), 1):  # all in one piece; all in parts
        monkeypatch.setattr(parallel, "LARGE", large)
        rng = np.random.default_rng(0)
        layer, x = build(rng).astype(np.float64), rng.standard_normal(shape)
        y = layer.forward(x)
        dx, grads = layer.backward(np.cos(y))
        answers.append([y, dx, *grads.values()])
    assert two_threads.count(1) >= 2
    for one, several in zip(*answers, strict=True):
        np.testing.assert_allclose(one, several, rtol=1e-11, atol=1e-13)


FORKS = """
import os, sys
import numpy as np
from layers import parallel

told = [2]
parallel._blas_threads = lambda: told[-1]
parallel._set_blas_threads = told.append
total = lambda: sum(parallel.in_parts(lambda part: part.stop - part.start, 10, float("inf")))
assert total() == 10

def inside(part):
    if part.start:
        return 0
    child = os.fork()
    if not child:
        os._exit(0 if total() == 10 and told[-1] == 2 else 1)  # a thread of the parent's never answers
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

child = os.fork()
if not child:
    os._exit(0 if total() == 10 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert parallel.in_parts(inside, 10, float("inf")) == [0, 0]
assert total() == 10
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_has_threads_of_its_own():
    subprocess.run([sys.executable, "-c", FORKS], cwd=ROOT, check=True, timeout=60)
