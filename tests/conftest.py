"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# How long an example takes says something about the machine, not about the law.
settings.register_profile("operando", deadline=None)
settings.load_profile("operando")

# Where matplotlib finds a Qt, bluesky's engine waits for a plan in Qt's loop; and that does not wait any more
# once the last window of a test before was closed. Nothing here draws through matplotlib's own windows.
os.environ["MPLBACKEND"] = "agg"
