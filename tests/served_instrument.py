"""A simulated instrument behind EPICS records, in its own process, and the microscope that reaches it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from operando_plans import STXM, FocusedEnergy, FocusLaw, Parts
from operando_plans.epics import (
    EpicsAxis,
    EpicsCounter,
    EpicsFrameFlyer,
    EpicsLineFlyer,
    EpicsPotentiostat,
    EpicsShutter,
    epics_ring_current,
)
from operando_sim import ZonePlateSettings

ROOT = Path(__file__).parent.parent
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Served:
    """Where the records are."""

    prefix: str
    port: int
    process: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find them, and nobody else's."""
        return client_environment(self.port)


def client_environment(port: int) -> dict[str, str]:
    return {
        "EPICS_CA_ADDR_LIST": LOOPBACK,
        "EPICS_CA_AUTO_ADDR_LIST": "NO",
        "EPICS_CA_SERVER_PORT": str(port),
    }


@contextmanager
def served(*options: str, prefix: str = "") -> Generator[Served]:
    """Serve an instrument on a free port, and let this process find it.

    Without a `prefix` the records have names of their own: the client library remembers names for ever.
    """
    names = prefix or f"T{os.urandom(4).hex()}:"
    process = subprocess.Popen(
        [sys.executable, "-m", "operando_sim.ioc", "--port", "0", "--prefix", names, *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said.startswith(f"{names} on {LOOPBACK}:"), said
        port = int(said.rsplit(":", 1)[1])
        with patch.dict(os.environ, client_environment(port)):
            yield Served(names, port, process)
    finally:
        process.terminate()
        process.wait(10.0)
        process.stdout.close()


def epics_microscope(prefix: str, *, margin_s: float = 10.0) -> STXM:
    """Return the microscope over the records of a served instrument."""
    zone_plate = ZonePlateSettings()
    law = FocusLaw(a0_um=zone_plate.a0_um, a1_um_per_ev=zone_plate.a1_um_per_ev)

    def axis(record: str, name: str) -> EpicsAxis:
        return EpicsAxis(prefix + record, name=name, margin_s=margin_s)

    energy = FocusedEnergy(axis("Energy", "energy"), axis("ZonePlateZ", "ZonePlateZ"), law, timeout_s=60.0)
    return STXM(
        Parts(
            energy=energy,
            focus=energy.focus,
            line_flyer=EpicsLineFlyer(f"{prefix}Line", name="STXMLineFlyer", margin_s=margin_s),
            frame_flyer=EpicsFrameFlyer(f"{prefix}Frame", name="STXMFrameFlyer", margin_s=margin_s),
            coarse_x=axis("CoarseX", "CoarseX"),
            coarse_y=axis("CoarseY", "CoarseY"),
            sample_x=axis("SampleX", "SampleX"),
            sample_y=axis("SampleY", "SampleY"),
            shutter=EpicsShutter(f"{prefix}Shutter", f"{prefix}Shutter:Readback", name="shutter"),
            counters=(EpicsCounter(f"{prefix}Counter", name="counter"),),
            ring_current=epics_ring_current(f"{prefix}Ring:Current", name="ring_current"),
            potentiostat=EpicsPotentiostat(f"{prefix}Cell", name="potentiostat"),
        )
    )
