"""What somebody chose on the screen: frozen, remembered as JSON, and never in the way of a start."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

from operando.errors import ConfigurationError
from operando.regions import Marks, Outline, Region
from operando.view.quantities import choice_of

__all__ = [
    "PALETTES",
    "PANES",
    "Choices",
    "folder_of_choices",
    "forget",
    "read_choices",
    "with_marks",
    "write_choices",
]

_log = logging.getLogger(__name__)

PALETTES = ("viridis", "cividis")
PANES = (1, 2, 4)
"""How many large maps can stand side by side."""
_THEMES = ("dark", "light")
_TABS = ("findings", "regions")
_RUNS_KEPT = 20
"""Runs whose marks are remembered."""
_VERSION = 1
_MAX_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Choices:
    """Layout and choices.

    Attributes
    ----------
    panes
        Keys of the maps that stand in the large panes, four of them.
    pane_count
        How many panes are shown: 1, 2 or 4.
    palette
        Of sequential maps.
    is_faded
        Whether pixels fade with σ(x).
    is_outlined
        Whether particles and unknown phases are outlined on the maps.
    theme
        "dark" or "light"; None as the program was started.
    is_fitted
        Whether the axis of the curves is fitted to them rather than that of the map.
    left_share
        Width of the maps' column, as a share of the window; None as it suits the number of maps.
    tab
        "findings" or "regions".
    marks_by_run
        Regions and masks, by the uid of the run; the newest last.
    """

    panes: tuple[str, ...] = ("lithium", "lithium_error", "thickness", "chi2")
    pane_count: int = 1
    palette: str = "viridis"
    is_faded: bool = False
    is_outlined: bool = True
    theme: str | None = None
    is_fitted: bool = False
    left_share: float | None = None
    tab: str = "findings"
    marks_by_run: tuple[tuple[str, Marks], ...] = field(default=())

    def marks_of(self, run: str) -> Marks | None:
        """Return what was marked in a run, if that is remembered."""
        return dict(self.marks_by_run).get(run)


def with_marks(choices: Choices, run: str, marks: Marks) -> Choices:
    """Return the choices remembering the marks of a run."""
    others = [(uid, old) for uid, old in choices.marks_by_run if uid != run]
    return replace(choices, marks_by_run=(*others, (run, marks))[-_RUNS_KEPT:])


def read_choices(path: Path | None) -> Choices:
    """Return what is remembered in a file; what cannot be read there is as if it had not been chosen."""
    if path is None:
        return Choices()
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES)
        stored = json.loads(raw)
        if not isinstance(stored, dict):
            msg = f"it holds a {type(stored).__name__}; expected a block of choices"
            raise ValueError(msg)
    except FileNotFoundError:
        return Choices()
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("%s cannot be read (%s): the window starts as if nothing had been chosen", path, error)
        return Choices()
    return _checked(cast("dict[str, Any]", stored))


def write_choices(path: Path | None, choices: Choices) -> bool:
    """Keep the choices; return False, having said so, where the disk refuses."""
    if path is None:
        return True
    stored = {
        "version": _VERSION,
        **{entry.name: getattr(choices, entry.name) for entry in fields(Choices)},
        "marks_by_run": {run: _stored(marks) for run, marks in choices.marks_by_run},
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside it first: a power cut leaves either the old one or the new one.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
            json.dump(stored, file, ensure_ascii=False, indent=1)
        Path(file.name).replace(path)
    except OSError as error:
        _log.warning("the choices are not remembered: %s cannot be written (%s)", path, error)
        return False
    return True


def forget(choices: Choices) -> Choices:
    """Return the layout and choices of a first start; what is marked stays."""
    return Choices(marks_by_run=choices.marks_by_run)


def folder_of_choices(environment: Mapping[str, str], platform: str) -> Path:
    """Return where this platform keeps what programs remember."""
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or ".")
    if platform.startswith("win"):
        return Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "Operando"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "Operando"
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "operando"


def _checked(stored: Mapping[str, Any]) -> Choices:
    """Take over each entry that makes sense."""
    choices = Choices()
    checks: dict[str, Callable[[Any], bool]] = {
        "pane_count": lambda value: type(value) is int and value in PANES,
        "palette": lambda value: value in PALETTES,
        "is_faded": lambda value: isinstance(value, bool),
        "is_outlined": lambda value: isinstance(value, bool),
        "theme": lambda value: value is None or value in _THEMES,
        "is_fitted": lambda value: isinstance(value, bool),
        "left_share": lambda value: value is None or (isinstance(value, float) and 0.2 <= value <= 0.8),
        "tab": lambda value: value in _TABS,
        "panes": _are_panes,
    }
    for name, is_good in checks.items():
        if name not in stored:
            continue
        try:
            holds = is_good(stored[name])
        except (TypeError, ValueError):
            holds = False
        if holds:
            value = tuple(stored[name]) if name == "panes" else stored[name]
            choices = replace(choices, **{name: value})
        else:
            _log.warning("a remembered choice makes no sense and is left out: %s", name)
    return replace(choices, marks_by_run=_marks_by_run(stored.get("marks_by_run", {})))


def _are_panes(value: object) -> bool:
    if not isinstance(value, list) or len(cast("list[object]", value)) != max(PANES):
        return False
    keys = [choice_of(str(key)).key for key in cast("list[object]", value)]
    return len(set(keys)) == len(keys)


def _stored(marks: Marks) -> dict[str, list[dict[str, Any]]]:
    return {
        layer: [
            {
                "name": region.name,
                "outline": region.outline.value,
                "corners_um": region.corners_um,
                "is_locked": region.is_locked,
            }
            for region in regions
        ]
        for layer, regions in (("regions", marks.regions), ("masks", marks.masks))
    }


def _marks_by_run(stored: object) -> tuple[tuple[str, Marks], ...]:
    found: list[tuple[str, Marks]] = []
    if isinstance(stored, dict):
        for run, marks in list(cast("dict[str, Any]", stored).items())[-_RUNS_KEPT:]:
            try:
                regions, masks = (
                    tuple(_region_from(region) for region in marks[layer]) for layer in ("regions", "masks")
                )
                found.append((run, Marks(regions, masks)))
            except (ConfigurationError, LookupError, TypeError, ValueError) as error:
                _log.warning("the regions remembered of run %s make no sense: %s", run[:8], error)
    return tuple(found)


def _region_from(stored: Mapping[str, Any]) -> Region:
    corners = tuple((float(x), float(y)) for x, y in stored["corners_um"])
    return Region(str(stored["name"]), Outline(stored["outline"]), corners, bool(stored["is_locked"]))
