"""Serve a simulated instrument as EPICS records on this machine: `python -m operando_sim.ioc`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from operando_sim.ioc import claim, serve
from operando_sim.settings import ZonePlateSettings, demo_settings, static_settings
from operando_sim.spectra import MATERIALS
from operando_sim.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_PORT = 5064


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a simulated instrument as EPICS records on this machine, until Ctrl-C."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s")
    try:
        world = _world_of(options)
        port = claim(options.port)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_told(world, options.prefix, options.pace, port))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operando_sim.ioc", description=main.__doc__)
    parser.add_argument("--prefix", default="SIM:", help="before the name of every record")
    parser.add_argument("--port", type=int, default=_PORT, help="of this machine; 0 takes any that is free")
    parser.add_argument("--material", choices=[material.name for material in MATERIALS], default="lixv2o5")
    parser.add_argument("--seed", type=int, default=7, help="of sample and noise")
    parser.add_argument("--field-um", type=float, default=6.0, help="width of the field that holds particles")
    parser.add_argument("--static", action="store_true", help="a cell stopped half-way")
    parser.add_argument(
        "--started", type=float, help="the world's clock at first, seconds since the epoch; now"
    )
    parser.add_argument(
        "--pace", type=float, default=1.0, help="wall seconds for one of the world's; 0: no waiting"
    )
    return parser


def _world_of(options: argparse.Namespace) -> World:
    if not options.pace >= 0.0:
        raise ValueError(f"the pace is {options.pace}; give 0 or more wall seconds for one of the world's")
    settings = static_settings() if options.static else demo_settings()
    sample = replace(settings.sample, material=options.material, field_um=options.field_um)
    started_s = time.time() if options.started is None else options.started
    optics = replace(settings.optics, zone_plate=ZonePlateSettings())
    return World(replace(settings, start_time_s=started_s, sample=sample, optics=optics), options.seed)


async def _until_told(world: World, prefix: str, pace: float, port: int) -> None:
    def tell() -> None:
        sys.stdout.write(f"{prefix} on 127.0.0.1:{port}\n")
        sys.stdout.flush()

    loop, serving = asyncio.get_running_loop(), asyncio.create_task(serve(world, prefix, pace, tell))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    await serving


if __name__ == "__main__":
    sys.exit(main())
