"""The server of the records: on this machine only, and able to be away for a while."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any, NoReturn

from caproto.asyncio.server import Context
from caproto.server import common

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operando_sim.ioc.record import Record

__all__ = ["LOOPBACK", "Server", "claim"]

LOOPBACK = "127.0.0.1"

_MAX_LATENCY_S = 0.02
_INTERFACES = "EPICS_CAS_INTF_ADDR_LIST"


def claim(port: int) -> int:
    """Take a port of this machine for Channel Access, and return it.

    Parameters
    ----------
    port
        The port; 0 takes any that is free.

    Raises
    ------
    ValueError
        The environment asks for other interfaces than this machine's own.
    OSError
        The port is in use.
    """
    asked = os.environ.get(_INTERFACES, LOOPBACK).split()
    if any(address != LOOPBACK for address in asked):
        raise ValueError(
            f"{_INTERFACES} is {' '.join(asked)}, but the simulated instrument obeys whoever reaches it; "
            f"unset it, or set it to {LOOPBACK}"
        )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise OSError(
                f"port {port} is in use, by another server of records perhaps; "
                "end that, or choose another with --port"
            ) from error
        taken: int = probe.getsockname()[1]
    os.environ[_INTERFACES] = LOOPBACK
    os.environ["EPICS_CA_SERVER_PORT"] = str(taken)
    # Without an address of its own, caproto would send beacons to the whole network.
    os.environ["EPICS_CAS_AUTO_BEACON_ADDR_LIST"] = "NO"
    os.environ["EPICS_CAS_BEACON_ADDR_LIST"] = LOOPBACK
    return taken


class Server(Context):
    """Serve records to clients on this machine, on the port that `claim` took.

    Parameters
    ----------
    records
        By full name; may grow until it runs.
    """

    def __init__(self, records: Mapping[str, Record]) -> None:
        super().__init__(records, [LOOPBACK])
        self._is_away = False
        # Many updates make caproto collect them, for up to 1 s: an axis would seem to arrive that much late.
        common.MAX_LATENCY = common.HIGH_LOAD_TIMEOUT = _MAX_LATENCY_S
        common.HIGH_LOAD_WARN_LATENCY_SEC = 0.0

    async def be_away(self, seconds: float) -> None:
        """Drop all clients, and neither answer nor let anyone in for so many seconds on the wall."""
        self._is_away = True
        for circuit in list(self.circuits):
            await circuit._on_disconnect()
        await asyncio.sleep(seconds)
        self._is_away = False

    async def tcp_handler(self, client: Any, addr: object) -> None:  # noqa: ANN401 - caproto has no types
        """Let a client in, or not."""
        if self._is_away:
            client.close()
            return
        # Else a small answer waits up to 40 ms for the client to acknowledge the one before.
        client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await super().tcp_handler(client, addr)

    async def broadcast_beacon_loop(self) -> NoReturn:
        """Send none: who looks for records on this machine asks."""
        while True:
            await asyncio.sleep(3600.0)

    async def _broadcaster_queue_iteration(self, addr: object, commands: object) -> None:
        """Answer a search, or not."""
        if not self._is_away:
            await super()._broadcaster_queue_iteration(addr, commands)
