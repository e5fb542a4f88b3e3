"""The order of a column from top to bottom, and how high everything in it stands."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from .grid import Band, Item

SWEEPS = 60
SPACE = 8.0  # between two in a column
FIRM = 1.0  # the weight from which on a link wants to be level

Pulls = dict[int, list[tuple[Item, float, float]]]  # who pulls an item, how much further down, how strongly


def arrange(band: Band) -> None:
    """Order every column so that few wires cross, and set the y of every item so that wires are level."""
    _order(band)
    ins = Counter(id(link.end) for link in band.links if link.weight >= FIRM)
    outs = Counter(id(link.start) for link in band.links if link.weight >= FIRM)
    pulls: Pulls = {}
    for (
        link
    ) in band.links:  # who has several neighbours at one side stands amidst them, and they where they like
        shift = link.start_offset - link.end_offset
        pulls.setdefault(id(link.end), []).append(
            (link.start, shift, link.weight / max(outs[id(link.start)], 1))
        )
        pulls.setdefault(id(link.start), []).append(
            (link.end, -shift, link.weight / max(ins[id(link.end)], 1))
        )
    for sweep in range(SWEEPS):
        for column in band.columns if sweep % 2 == 0 else reversed(band.columns):
            _settle(column, pulls)
    _straighten(band, ins, outs)


def _order(band: Band) -> None:
    """Sort by the middle of what is behind, then of what is before, in turn; the best of all orders stays."""
    best, fewest = [list(column) for column in band.columns], crossings(band)
    for sweep in range(8):
        forward = sweep % 2 == 1
        for column in band.columns if forward else reversed(band.columns):
            place, beside = _places(band), dict[int, list[float]]()
            for link in band.links:
                here, there = (link.end, link.start) if forward else (link.start, link.end)
                offset = link.start_offset if forward else link.end_offset
                beside.setdefault(id(here), []).append(place[id(there)] + 1e-3 * offset)
            middle = {id(item): place[id(item)] for item in column}
            middle |= {key: sum(found) / len(found) for key, found in beside.items()}
            column.sort(key=lambda item, middle=middle: middle[id(item)])  # type: ignore[misc]
        if (now := crossings(band)) < fewest:
            best, fewest = [list(column) for column in band.columns], now
    for column, items in zip(band.columns, best, strict=True):
        column[:] = items
    while fewest and _exchange(band):
        pass


def _exchange(band: Band) -> bool:
    """Exchange neighbours where fewer wires cross then; whether there were any."""
    found = False
    for number, column in enumerate(band.columns):
        for i in range(len(column) - 1):
            before = crossings(band, number)
            column[i : i + 2] = column[i + 1], column[i]
            if crossings(band, number) < before:
                found = True
            else:
                column[i : i + 2] = column[i + 1], column[i]
    return found


def crossings(band: Band, number: int | None = None) -> int:
    """How many pairs of links cross; of those at either side of a column, if one is named."""
    place, count = _places(band), 0
    for at in range(len(band.columns)) if number is None else (number - 1, number):
        ends = sorted(
            (place[id(link.start)] + 1e-3 * link.start_offset, place[id(link.end)] + 1e-3 * link.end_offset)
            for link in band.links
            if link.start.column == at
        )
        count += sum(a[0] < b[0] and a[1] > b[1] for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


def _places(band: Band) -> dict[int, float]:
    return {id(item): float(i) for column in band.columns for i, item in enumerate(column)}


def _settle(column: list[Item], pulls: Pulls) -> None:
    """The nearest heights to those the neighbours want that keep the order and the room between items.

    Least squares under y_{i+1} - y_i >= room_i: neighbours in conflict move as one (pool adjacent violators).
    """
    rooms = [0.0][: len(column)]
    for one, other in pairwise(column):
        rooms.append(rooms[-1] + one.down + SPACE + other.up)
    groups: list[tuple[float, float, int]] = []  # (height without rooms, weight, how many)
    for item, room in zip(column, rooms, strict=True):
        wanted = pulls.get(id(item), [(item, 0.0, 1e-6)])
        weight = sum(w for _, _, w in wanted)
        groups.append((sum(w * (other.y + shift) for other, shift, w in wanted) / weight - room, weight, 1))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (a, u, m), (b, v, n) = groups[-2:]
            groups[-2:] = [((u * a + v * b) / (u + v), u + v, m + n)]
    heights = [height for height, _, many in groups for _ in range(many)]
    for item, height, room in zip(column, heights, rooms, strict=True):
        item.y = height + room


def _straighten(band: Band, ins: Counter[int], outs: Counter[int]) -> None:
    """Make firm links level where an item has but one at that side; others give way downwards.

    Where that has no end, as lines cross in turn, all stay where they are.
    """
    chains = {id(item): [item] for column in band.columns for item in column}
    shifts = dict.fromkeys(chains, 0.0)  # from the height of a chain
    for link in band.links:
        if link.weight >= FIRM and ins[id(link.end)] == outs[id(link.start)] == 1:
            chain, rest = chains[id(link.start)], chains[id(link.end)]
            lower = shifts[id(link.start)] + link.start_offset - link.end_offset - shifts[id(link.end)]
            chain += rest
            for item in rest:
                chains[id(item)] = chain
                shifts[id(item)] += lower
    before = [(item, item.y) for column in band.columns for item in column]
    for chain in {id(chain): chain for chain in chains.values()}.values():
        middle = sum(item.y - shifts[id(item)] for item in chain) / len(chain)
        for item in chain:
            item.y = middle + shifts[id(item)]
    for _ in before:
        moved = False
        for column in band.columns:
            for upper, item in pairwise(column):
                missing = upper.y + upper.down + SPACE + item.up - item.y
                if missing > 1e-6:
                    moved = True
                    for other in chains[id(item)]:
                        other.y += missing
        if not moved:
            return
    for item, y in before:
        item.y = y
