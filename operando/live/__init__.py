"""The only threads: the recorder beside the RunEngine and the monitor's worker."""

from operando.live.recorder import Recorder

__all__ = ["Recorder"]
