"""The blocks of a how-to that are marked with a comment: what a reader copies, a test runs."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def blocks_of(name: str) -> dict[str, str]:
    """Return the marked blocks of `docs/how-to/<name>`, by their marks."""
    text = (ROOT / "docs" / "how-to" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- (\S+) -->\n```\w*\n(.*?)```", text, re.DOTALL))
