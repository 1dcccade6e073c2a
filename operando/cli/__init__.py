"""The command line. stdout carries data, stderr what people read; exit codes are documented here.

0 done · 1 failed · 2 usage · 3 configuration or references · 4 source unreachable ·
5 data incomplete · 6 file damaged · 130 interrupted
"""

import signal
from types import FrameType

from operando.cli import care as _care  # each registers its commands
from operando.cli import figures as _figures
from operando.cli import many as _many
from operando.cli import outputs as _outputs
from operando.cli import studies as _studies
from operando.cli import volumes as _volumes
from operando.cli.commands import app
from operando.cli.console import Exit

__all__ = ["Exit", "app", "main"]

del _care, _figures, _many, _outputs, _studies, _volumes


def main() -> None:
    """Run the command line; SIGTERM ends a command as Ctrl-C does, with its files closed."""
    signal.signal(signal.SIGTERM, _interrupt)
    app(prog_name="operando")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
