"""The only threads: the recorder beside the RunEngine and the monitor's worker."""

from operando.io.messages import message_of
from operando.live.recorder import Recorder

__all__ = ["Recorder", "message_of"]
