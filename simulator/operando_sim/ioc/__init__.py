"""The simulated world as EPICS records: one process, this machine only. `python -m operando_sim.ioc`."""

from operando_sim.ioc.instrument import serve
from operando_sim.ioc.server import claim

__all__ = ["claim", "serve"]
