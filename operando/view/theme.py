"""Colours of the screen: dark for a dim control room, light for daylight and paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from operando.types import Severity
from operando.view.status import State

__all__ = ["DARK", "LIGHT", "Theme", "ThemeName", "style_sheet", "theme_named"]

ThemeName: TypeAlias = Literal["dark", "light"]


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours, as #rrggbb.

    Phases and states use the palette of Okabe and Ito (jfly.uni-koeln.de/color), which
    is told apart with every kind of colour vision; none relies on red against green.

    Attributes
    ----------
    window, panel, border
        Ground, cards on it, and their edges.
    text, muted
        What is read, and what explains it.
    accent, warning, alarm
        Something current; something to know; something to act upon.
    unseen, undetermined
        Neutral tones of pixels without a value.
    phases
        One per phase, in turn.
    """

    window: str
    panel: str
    border: str
    text: str
    muted: str
    accent: str
    warning: str
    alarm: str
    unseen: str
    undetermined: str
    phases: tuple[str, ...]


DARK = Theme(
    window="#101318",
    panel="#181c23",
    border="#2a303a",
    text="#eceff4",
    muted="#98a2b3",
    accent="#56b4e9",
    warning="#e69f00",
    alarm="#ff7a45",
    unseen="#20252d",
    undetermined="#565d68",
    phases=("#e69f00", "#56b4e9", "#cc79a7", "#f0e442", "#009e73", "#d55e00"),
)
LIGHT = Theme(
    window="#eef0f3",
    panel="#ffffff",
    border="#d5dae1",
    text="#15191f",
    muted="#5b6472",
    accent="#0072b2",
    warning="#9a6700",
    alarm="#c2410c",
    unseen="#e9ecf0",
    undetermined="#b4bac3",
    phases=("#c77700", "#0072b2", "#b0568c", "#8a7f00", "#00795a", "#b34700"),
)


def theme_named(name: ThemeName) -> Theme:
    """Return the theme of that name."""
    return LIGHT if name == "light" else DARK


def state_colour(theme: Theme, state: State) -> str:
    """Return the colour that goes with the shape and the word of a state."""
    match state:
        case State.LIVE:
            return theme.accent
        case State.CATCHING_UP | State.INCOMPLETE:
            return theme.warning
        case State.STALE | State.ABORTED:
            return theme.alarm
        case State.WAITING | State.FINISHED:
            return theme.text


def severity_colour(theme: Theme, severity: Severity) -> str:
    """Return the colour that goes with the sign of a finding."""
    return {Severity.ALARM: theme.alarm, Severity.WARNING: theme.warning, Severity.INFO: theme.accent}[
        severity
    ]


def style_sheet(theme: Theme) -> str:
    """Return the Qt style sheet of the whole window."""
    return f"""
    QMainWindow, QWidget#ground {{ background: {theme.window}; }}
    QWidget {{ color: {theme.text}; font-size: 13px; }}
    QFrame#card {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 8px; }}
    QLabel {{ background: transparent; border: none; }}
    QLabel[role="title"] {{ font-size: 14px; font-weight: 600; }}
    QLabel[role="muted"] {{ color: {theme.muted}; font-size: 12px; }}
    QLabel[role="caption"] {{ color: {theme.muted}; font-size: 11px; }}
    QLabel[role="value"] {{ font-size: 16px; font-weight: 600; }}
    QLabel[role="value"][alarming="true"] {{ color: {theme.warning}; }}
    QLabel[role="state"] {{ font-size: 21px; font-weight: 700; }}
    QLabel[role="sample"] {{ font-size: 17px; font-weight: 600; }}
    QLabel[role="headline"] {{ font-size: 40px; font-weight: 600; }}
    QLabel[role="result"] {{ font-size: 22px; font-weight: 600; }}
    QLabel[role="sign"] {{ font-size: 14px; }}
    QLabel[role="badge"] {{ color: {theme.muted}; font-size: 12px; }}
    QLabel[role="badge"][provisional="true"] {{ color: {theme.warning}; font-weight: 600; }}
    QPushButton {{ background: transparent; border: 1px solid {theme.border}; border-radius: 5px;
                   padding: 3px 9px; color: {theme.muted}; font-size: 12px; }}
    QPushButton:hover {{ color: {theme.text}; border-color: {theme.muted}; }}
    QPushButton:checked {{ color: {theme.text}; background: {theme.border}; border-color: {theme.muted}; }}
    QPushButton:disabled {{ color: {theme.undetermined}; }}
    QPushButton:focus {{ border-color: {theme.accent}; }}
    QToolTip {{ background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border};
                padding: 4px; }}
    QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
    QScrollBar:vertical {{ background: transparent; width: 8px; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {theme.border}; border-radius: 4px; min-height: 24px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
    QSplitter::handle {{ background: {theme.window}; }}
    """
