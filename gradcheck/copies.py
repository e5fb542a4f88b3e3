"""What a deep copy of a layer must keep together: views of one array, and modules."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from layers.base import Array

Memo = dict[int, Any]  # for copy.deepcopy: id(thing) -> what stands for it in the copy
GENERATORS = (np.random.Generator, np.random.BitGenerator, np.random.RandomState, random.Random)
CLOSED = (str, bytes, int, float, complex, np.generic, type, FunctionType, BuiltinFunctionType)


class Ties:
    """What a layer holds of which deepcopy knows nothing.

    Views: deepcopy makes separate arrays of an array and its view, which would part params that are slices of
    one long vector, or a weight from its transpose; those families are copied as one. Modules: a layer may
    keep np.random, which cannot be copied and need not be. Generators: deepcopy takes its time over them.
    """

    def __init__(self, layer: Any, arrays: Iterable[Array]) -> None:
        """`arrays`: those whose families count."""
        self.held = list(held_by(layer))
        self.modules: Memo = {id(one): one for one in self.held if isinstance(one, ModuleType)}
        self.generators = [one for one in self.held if isinstance(one, GENERATORS)]
        by_root: dict[int, dict[int, Array]] = {}
        for one in (*self.held, *arrays):
            if isinstance(one, np.ndarray):
                by_root.setdefault(id(root_of(one)), {})[id(one)] = one
        counted = {id(root_of(array)) for array in arrays}
        self.families = [
            list(family.values()) for root, family in by_root.items() if root in counted and len(family) > 1
        ]

    def memo(self, dtype: Any = None) -> Memo:
        """Modules as they are, and every view as the same view of a new array, in dtype if that is given."""
        memo = dict(self.modules)
        for one in self.generators:
            if type(one) is np.random.Generator:
                memo |= _twin(one)
        for family in self.families:
            memo |= _as_one(family, dtype)
        return memo

    def kept(self) -> Memo:
        """Modules and views as they are, for a copy that shares them."""
        return {**self.modules, **{id(view): view for family in self.families for view in family}}


def held_by(thing: Any) -> Iterator[Any]:
    """The arrays, modules and random generators in an object, its attributes, containers and objects."""
    seen: set[int] = set()
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen or isinstance(one, CLOSED):
            continue
        seen.add(id(one))
        if isinstance(one, (np.ndarray, ModuleType, *GENERATORS)):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        else:
            waiting += getattr(one, "__dict__", {}).values()
            waiting.append(getattr(one, "__self__", None))  # of a bound method
            slots = [vars(cls).get("__slots__", ()) for cls in type(one).__mro__]
            names = [(name,) if isinstance(name, str) else name for name in slots]
            waiting += [getattr(one, name, None) for group in names for name in group]


def generators_of(layer: Any) -> list[Any]:
    """The random generators that a layer holds."""
    return [one for one in held_by(layer) if isinstance(one, GENERATORS)]


def rewinder(generator: Any) -> Callable[[], None]:
    """What puts a random generator back to where it stands now."""
    if isinstance(generator, random.Random):
        return functools.partial(generator.setstate, generator.getstate())
    if isinstance(generator, np.random.RandomState):
        return functools.partial(generator.set_state, generator.get_state(legacy=False))
    bits = getattr(generator, "bit_generator", generator)
    return functools.partial(setattr, bits, "state", bits.state)


def _twin(generator: np.random.Generator) -> Memo:
    """A generator that will draw the same numbers, and its bit generator, which others may hold as well."""
    bits = generator.bit_generator
    seeds = bits.seed_seq
    known = type(bits).__module__.startswith("numpy.random")
    if not known or not isinstance(seeds, np.random.SeedSequence):
        return {}
    twin = type(bits)(
        np.random.SeedSequence(
            seeds.entropy,
            spawn_key=seeds.spawn_key,
            pool_size=seeds.pool_size,
            n_children_spawned=seeds.n_children_spawned,
        )
    )
    twin.state = bits.state
    return {id(bits): twin, id(generator): np.random.Generator(twin)}


def root_of(array: Array) -> Array:
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _as_one(family: list[Array], dtype: Any) -> Memo:
    root = root_of(family[0])
    if not root.flags.forc or any(view.dtype != root.dtype for view in family):
        return {}
    to = np.dtype(dtype if dtype and root.dtype.kind == "f" else root.dtype)
    memory = root.astype(to).ravel(order="K")  # in the order of root's memory

    def view_of(old: Array) -> Array:
        offset = old.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        strides = [stride // root.itemsize * to.itemsize for stride in old.strides]
        return np.ndarray(old.shape, to, memory, offset // root.itemsize * to.itemsize, strides)

    return {id(old): view_of(old) for old in family}
