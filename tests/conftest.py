"""What holds for all tests."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# How long an example takes says something about the machine, not about the law.
settings.register_profile("operando", deadline=None)
settings.load_profile("operando")

# Where matplotlib finds a Qt, bluesky's engine waits for a plan in Qt's loop; and that does not wait any more
# once the last window of a test before was closed. Nothing here draws through matplotlib's own windows.
os.environ["MPLBACKEND"] = "agg"

# What a script starts in the background ignores Ctrl-C, with all that it starts itself; here it is sent.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
