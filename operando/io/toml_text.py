"""Text as TOML writes it between quotation marks."""

from __future__ import annotations

import json

__all__ = ["toml_text"]


def toml_text(text: str) -> str:
    """Return any text as a basic string of TOML (https://toml.io/en/v1.0.0#string).

    JSON writes it in the same way but for two things: letters beyond 16 bits as pairs of escapes, which TOML
    refuses, and DEL as it is, which it refuses, too.
    """
    whole = text.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
