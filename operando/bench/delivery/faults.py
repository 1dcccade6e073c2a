"""The same run sent both ways at once, and the same fault upon both subscribers."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from operando.bench.delivery.family import Child
from operando.bench.delivery.figures import DeliveryRow
from operando_sim.network import CALM, FaultProxy

__all__ = ["Delivery", "fault_rows", "throughput_rows"]

_NAMES = {"operando": "operando", "bluesky": "bluesky_0mq"}
_WAYS = tuple(_NAMES)
_PATIENCE_S = 120.0
_SETTLED_S = 4.0
"""Of the run in which nothing happens to it, and for stragglers at its end."""
_BEFORE_S = 1.0
_LATE_S = 8.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent, and how long the faults last.

    Attributes
    ----------
    per_s
        Documents per second.
    stopped_s
        How long subscribers are stopped.
    cuts, cut_s
        How often the network is cut, and for how long.
    """

    per_s: float
    stopped_s: float
    cuts: int
    cut_s: float


class _Family:
    """Everybody who takes part, with a network of its own in front of each subscriber."""

    def __init__(
        self, count: int, per_s: float, folder: Path, stack: ExitStack, ways: tuple[str, ...] = _WAYS
    ) -> None:
        self._stack = stack
        self.passing_on: dict[str, Child] = {}
        self.networks: dict[str, FaultProxy] = {}
        self.subscribers: dict[str, Child] = {}
        log, published_at = str(folder / "log") if "operando" in ways else "", ""
        if "bluesky" in ways:
            proxy = self._with(Child.of("pass-on"))
            published_at, subscribed_at = proxy.first.split()
            self._passed_on_by("bluesky", proxy, subscribed_at)
        self.sender = self._with(Child.of("send", log, published_at, str(count), str(per_s)))
        if "operando" in ways:
            server = self._with(Child("-m", "operando", "serve", log, "--address", "tcp://127.0.0.1:0"))
            self._passed_on_by("operando", server, server.first)

    def _passed_on_by(self, way: str, child: Child, address: str) -> None:
        self.passing_on[way] = child
        self.networks[way] = self._stack.enter_context(FaultProxy(address))

    def subscribe(self) -> None:
        """Let the subscribers in."""
        for role, network in self.networks.items():
            self.subscribers[role] = self._with(Child.of(role, network.address.removeprefix("tcp://")))

    def _with(self, child: Child) -> Child:
        self._stack.callback(child.end)
        return child


def throughput_rows(count: int) -> list[DeliveryRow]:
    """Return how fast a run reaches a subscriber, sent as fast as it can be, one way after the other."""
    rows: list[DeliveryRow] = []
    for role in _WAYS:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            family = _Family(count, float("inf"), Path(folder), stack, ways=(role,))
            family.subscribe()
            family.sender.tell()
            sent = int(family.sender.figures(_PATIENCE_S)["sent"])
            with suppress(TimeoutError):
                family.subscribers[role].hear(_PATIENCE_S if role == "operando" else _SETTLED_S)
            found = family.subscribers[role].last_figures()
            per_s = found["received"] / found["took_s"]
            lost = sent - int(found["received"])
            rows.append(DeliveryRow(_NAMES[role], "as fast as it goes", sent, lost, round(per_s)))
    return rows


def fault_rows(delivery: Delivery) -> list[DeliveryRow]:
    """Return what was lost of a run when nothing happened, and with each fault."""
    cut_s = 2.0 * delivery.cuts * delivery.cut_s
    return [
        *_suffered("no fault", delivery, _SETTLED_S, _nothing),
        *_suffered(f"stopped {delivery.stopped_s:g} s", delivery, delivery.stopped_s + _SETTLED_S, _stopped),
        *_suffered(f"{delivery.cuts} cuts of {delivery.cut_s:g} s", delivery, cut_s + _SETTLED_S, _cut),
        *_suffered("late start", delivery, _LATE_S, _late),
    ]


def _suffered(
    what: str, delivery: Delivery, seconds: float, fault: Callable[[_Family, Delivery], None]
) -> list[DeliveryRow]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        family = _Family(int(seconds * delivery.per_s), delivery.per_s, Path(folder), stack)
        before_mb = {role: child.memory_mb() for role, child in family.passing_on.items()}
        fault(family, delivery)
        sent = family.sender.figures(seconds + _PATIENCE_S)
        grown_mb = {role: child.memory_mb() - before_mb[role] for role, child in family.passing_on.items()}
        count, rows = int(sent["sent"]), list[DeliveryRow]()
        for role in _WAYS:
            child = family.subscribers[role]
            # Its last document is the end, if that arrives.
            with suppress(TimeoutError):
                child.hear(_PATIENCE_S if role == "operando" else _SETTLED_S)
            received = int(child.last_figures()["received"])
            is_ours = role == "operando"
            rows.append(
                DeliveryRow(
                    _NAMES[role],
                    what,
                    count,
                    count - received,
                    delivery.per_s,
                    round(sent["p50_ms"], 4) if is_ours else None,
                    round(sent["p99_ms"], 4) if is_ours else None,
                    round(grown_mb[role], 1),
                )
            )
        return rows


def _nothing(family: _Family, delivery: Delivery) -> None:
    del delivery
    family.subscribe()
    family.sender.tell()


def _stopped(family: _Family, delivery: Delivery) -> None:
    family.subscribe()
    family.sender.tell()
    time.sleep(_BEFORE_S)
    for child in family.subscribers.values():
        child.signal(signal.SIGSTOP)
    time.sleep(delivery.stopped_s)
    for child in family.subscribers.values():
        child.signal(signal.SIGCONT)


def _cut(family: _Family, delivery: Delivery) -> None:
    family.subscribe()
    family.sender.tell()
    for _ in range(delivery.cuts):
        time.sleep(delivery.cut_s)
        for network in family.networks.values():
            network.cut()
        time.sleep(delivery.cut_s)
        for network in family.networks.values():
            network.turn(CALM)


def _late(family: _Family, delivery: Delivery) -> None:
    del delivery
    family.sender.tell()
    time.sleep(_LATE_S / 2.0)
    family.subscribe()
