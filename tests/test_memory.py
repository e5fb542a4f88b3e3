"""How much memory is free, and what is said of what does not fit."""

from __future__ import annotations

import pytest

from training import memory

MEMINFO = "MemTotal:       32000000 kB\nMemFree:          100000 kB\nMemAvailable:    2000000 kB\n"


@pytest.mark.parametrize(
    ("texts", "free"),
    [
        ({"/proc/meminfo": MEMINFO}, 2_048_000_000),
        ({"/proc/meminfo": MEMINFO, "/sys/fs/cgroup/memory.max": "1000000\n"}, 1_000_000),
        ({"/proc/meminfo": MEMINFO, "/sys/fs/cgroup/memory.max": "max\n"}, 2_048_000_000),
    ],
)
def test_it_is_what_is_free_and_allowed(
    texts: dict[str, str], free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_text", lambda path: texts.get(path, ""))
    assert memory.memory() == free


def test_elsewhere_it_is_all_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_text", lambda path: "")
    monkeypatch.setattr(
        "os.sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__, raising=False
    )
    assert memory.memory() == 4_096_000


def test_a_system_that_does_not_say_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_text", lambda path: "")
    monkeypatch.delattr("os.sysconf", raising=False)
    assert memory.memory() is None
    assert memory.too_much(10**15) is None


def test_both_sizes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory", lambda: 16_000_000_000)
    assert memory.too_much(16_000_000_000) is None
    assert memory.too_much(1_240_000_000_000) == "needs 1,240.0 GB, 16.0 GB are free"
    monkeypatch.setattr(memory, "memory", lambda: 20_000_000)
    assert memory.too_much(1_500_000_000) == "needs 1.5 GB, 20 MB are free"


def test_this_machine_has_some() -> None:
    free = memory.memory()
    assert free is None or free > 10_000_000
