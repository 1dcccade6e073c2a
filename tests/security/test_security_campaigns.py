"""The short version of the campaigns in tests/bench: hostile messages, and bits that turn over."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hostility import TARGETS, Mutator, Target, bear

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from bit_flips import PLACES
from bit_flips import campaign as flip
from hostile_messages import campaign as send


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("seed", [11, 12])
def test_hostile_messages_are_refused_and_nothing_runs(target: Target, seed: int, tmp_path: Path) -> None:
    mutator = Mutator(seed, tmp_path / "it-ran")
    understood, refused = bear(target, mutator, 1500)
    assert understood + refused == 1500
    assert refused > 500
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_what_is_good_is_understood(target: Target, tmp_path: Path) -> None:
    for message in target.good:
        target.read(message)


def test_hostile_messages_over_sockets_hold_up_nobody() -> None:
    rows, _, has_run = send(messages=100, socket_messages=1000, seed=13)
    assert not has_run
    assert sum(row.messages for row in rows) >= 1100
    assert rows[-2].refused > 20


def test_bits_that_turn_over_are_found_or_change_nothing() -> None:
    counts, missed = flip(flips=40, fit_every=20, seed=14)
    assert missed == []
    assert sum(count["flips"] for count in counts.values()) == 40
    assert sum(count["found"] for count in counts.values()) > 10
    assert all(counts[place]["flips"] for place in PLACES)
