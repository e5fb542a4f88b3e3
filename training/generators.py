"""The random generators inside a model: where each of them stands, and back to there."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from layers import Layer

from .errors import CheckpointError
from .inside import held

Source = np.random.Generator | np.random.RandomState | random.Random


def rng_states(model: Layer) -> dict[str, Any]:
    """The state of every random generator inside a model by its dotted name, as JSON values.

    Also of the two global ones, which a user's layer may draw from.
    """
    return {
        **{name: _state(rng) for name, rng in generators(model)},
        "numpy.random": _plain(np.random.get_state(legacy=False)),  # noqa: NPY002  # to be put back
        "random": random.getstate(),
    }


def load_rng_states(model: Layer, states: Mapping[str, Any]) -> None:
    """Put generators where rng_states() found them.   Raises: CheckpointError for other generators."""
    states = dict(states)
    np.random.set_state(states.pop("numpy.random"))  # noqa: NPY002
    random.setstate(_python_state(states.pop("random")))
    found = dict(generators(model))
    if found.keys() != states.keys():
        raise CheckpointError(
            f"expected random generators {sorted(states)}, got a model with {sorted(found)}; "
            "build the network as it was"
        )
    for name, rng in found.items():
        if isinstance(rng, np.random.Generator):
            rng.bit_generator.state = states[name]
        elif isinstance(rng, np.random.RandomState):
            rng.set_state(states[name])
        else:
            rng.setstate(_python_state(states[name]))


def generators(model: Layer) -> Iterator[tuple[str, Source]]:
    """The random generators inside a model by dotted name, each once: attributes of its layers, also in
    lists and dicts, also of layers that a user's layer holds.
    """
    return held(model, Source)


def _state(rng: Source) -> Any:
    if isinstance(rng, np.random.Generator):
        return _plain(rng.bit_generator.state)
    return rng.getstate() if isinstance(rng, random.Random) else _plain(rng.get_state(legacy=False))


def _python_state(stored: Any) -> tuple[Any, ...]:
    """What random.setstate takes, from JSON."""
    version, internal, gauss = stored
    return version, tuple(internal), gauss


def _plain(state: Any) -> Any:
    if isinstance(state, Mapping):
        return {name: _plain(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state
