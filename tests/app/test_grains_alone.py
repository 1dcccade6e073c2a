"""A full-field series is simulated with what every installation has: without the extra that reconstructs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.modules["skimage"] = None
from operando.cli import app
app(["grains", sys.argv[1], "--angles", "1", "--pixels", "17"], prog_name="operando")
"""


def test_grains_are_simulated_without_scikit_image(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "stack"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "stack" / "grains.h5").is_file()
