"""The parts of a microscope over EPICS records, by ophyd's classes; each is told the names of its records."""

from operando_plans.epics.at_exit import be_silent_at_exit
from operando_plans.epics.axis import EpicsAxis
from operando_plans.epics.counter import EpicsCounter
from operando_plans.epics.flyers import EpicsFrameFlyer, EpicsLineFlyer
from operando_plans.epics.potentiostat import EpicsPotentiostat
from operando_plans.epics.ring import epics_ring_current
from operando_plans.epics.scan_records import ScanRecords
from operando_plans.epics.shutter import EpicsShutter

__all__ = [
    "EpicsAxis",
    "EpicsCounter",
    "EpicsFrameFlyer",
    "EpicsLineFlyer",
    "EpicsPotentiostat",
    "EpicsShutter",
    "ScanRecords",
    "epics_ring_current",
]

be_silent_at_exit()
