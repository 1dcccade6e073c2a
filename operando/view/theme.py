"""Colours of the screen: dark for a dim control room, light for daylight and paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from operando.types import Severity
from operando.view.status import State

__all__ = ["DARK", "LIGHT", "Look", "Theme", "ThemeName", "scale_for", "severity_colour", "state_colour"]
__all__ += ["style_sheet", "theme_named"]

ThemeName: TypeAlias = Literal["dark", "light"]


@dataclass(frozen=True, slots=True)
class Theme:
    """One set of colours, as #rrggbb.

    Phases and states of the dark one use the palette of Okabe and Ito (jfly.uni-koeln.de/color); the
    others were chosen to be far apart with every kind of colour vision. None relies on red against green.

    Attributes
    ----------
    window, panel, border
        Ground, cards on it, and their edges.
    text, muted
        What is read, and what explains it.
    accent, warning, alarm
        Something current; something to know; something to act upon.
    unseen, undetermined, masked
        Neutral tones of pixels without a value.
    phases
        One per phase, in turn.
    regions
        One per region, in turn; numbers and names say the same.
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
    masked: str
    phases: tuple[str, ...]
    regions: tuple[str, ...]

    @property
    def contrast(self) -> str:
        """What outlines in the colours of regions stand on, so that they are seen on any colour of a map."""
        return "#000000" if self.text > "#8" else "#ffffff"


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
    masked="#3a3f47",
    phases=("#e69f00", "#56b4e9", "#cc79a7", "#f0e442", "#009e73", "#d55e00"),
    regions=("#f0e442", "#7d63ff", "#8cffd9", "#2a8c4b", "#ff8f70", "#b58fff"),
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
    masked="#d2d6dc",
    phases=("#c77700", "#0072b2", "#5a0f1e", "#2e9987", "#3d2bff", "#1b1464"),
    regions=("#b34700", "#15191f", "#2e9987", "#3d2bff", "#6b0f24", "#5f74f0"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """How panels are made: with which colours, and how large.

    Attributes
    ----------
    theme
        The colours.
    scale
        Size of everything written, 1 on a window of 1280 × 800.
    """

    theme: Theme
    scale: float = 1.0

    def px(self, size: float) -> int:
        """Return a length on the screen, given that at scale 1."""
        return round(size * self.scale)


def scale_for(width: int, height: int) -> float:
    """Return the scale for a window of so many pixels: in steps, so that dragging its edge is no flicker."""
    fits = min(width / 1280, height / 800)
    return min(max(int(4 * fits) / 4, 1.0), 3.0)


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
        case State.STALE | State.LOST | State.ABORTED:
            return theme.alarm
        case State.WAITING | State.FINISHED:
            return theme.text


def severity_colour(theme: Theme, severity: Severity) -> str:
    """Return the colour that goes with the sign of a finding."""
    return {Severity.ALARM: theme.alarm, Severity.WARNING: theme.warning, Severity.INFO: theme.accent}[
        severity
    ]


def style_sheet(look: Look) -> str:
    """Return the Qt style sheet of the whole window."""
    theme, px = look.theme, look.px
    return f"""
    QMainWindow, QWidget#ground {{ background: {theme.window}; }}
    QWidget {{ color: {theme.text}; font-size: {px(13)}px; }}
    QFrame#card {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 8px; }}
    QFrame#card[frozen="true"] {{ border: 2px solid {theme.warning}; }}
    QFrame#overlay {{ background: {theme.panel}; border: 2px solid {theme.accent}; border-radius: 8px; }}
    QFrame#entry[chosen="true"] {{ background: {theme.border}; border-radius: 4px; }}
    QLabel {{ background: transparent; border: none; }}
    QLabel[role="title"] {{ font-size: {px(14)}px; font-weight: 600; }}
    QLabel[role="muted"] {{ color: {theme.muted}; font-size: {px(12)}px; }}
    QLabel[role="caption"] {{ color: {theme.muted}; font-size: {px(11)}px; }}
    QLabel[role="value"] {{ font-size: {px(15)}px; font-weight: 600; }}
    QLabel[role="value"][alarming="true"] {{ color: {theme.warning}; }}
    QLabel[role="state"] {{ font-size: {px(21)}px; font-weight: 700; }}
    QLabel[role="sample"] {{ font-size: {px(17)}px; font-weight: 600; }}
    QLabel[role="headline"] {{ font-size: {px(32)}px; font-weight: 600; }}
    QLabel[role="result"] {{ font-size: {px(22)}px; font-weight: 600; }}
    QLabel[role="sign"] {{ font-size: {px(14)}px; }}
    QLabel[role="key"] {{ font-weight: 600; color: {theme.accent}; }}
    QLabel[role="error"] {{ color: {theme.alarm}; }}
    QLabel[role="frozen"] {{ color: {theme.warning}; font-weight: 600; }}
    QLabel[role="badge"] {{ color: {theme.muted}; font-size: {px(12)}px; }}
    QLabel[role="badge"][provisional="true"] {{ color: {theme.warning}; font-weight: 600; }}
    QPushButton, QComboBox {{ background: transparent; border: 1px solid {theme.border}; border-radius: 5px;
                   padding: {px(2)}px {px(8)}px; color: {theme.muted}; font-size: {px(12)}px; }}
    QPushButton:hover, QComboBox:hover {{ color: {theme.text}; border-color: {theme.muted}; }}
    QPushButton:checked {{ color: {theme.text}; background: {theme.border}; border-color: {theme.muted}; }}
    QPushButton:disabled {{ color: {theme.undetermined}; }}
    QPushButton:focus {{ border-color: {theme.accent}; }}
    QPushButton[alarming="true"] {{ color: {theme.alarm}; border-color: {theme.alarm}; }}
    QComboBox {{ color: {theme.text}; font-weight: 600; }}
    QComboBox[active="true"] {{ border-color: {theme.accent}; }}
    QComboBox::drop-down {{ border: none; width: {px(14)}px; }}
    QComboBox QAbstractItemView {{ background: {theme.panel}; color: {theme.text};
                   selection-background-color: {theme.border}; selection-color: {theme.text}; }}
    QLineEdit, QTableWidget {{ background: {theme.window}; border: 1px solid {theme.border};
                   border-radius: 4px; padding: {px(2)}px; selection-background-color: {theme.border};
                   selection-color: {theme.text}; gridline-color: {theme.border}; }}
    QHeaderView::section {{ background: {theme.panel}; color: {theme.muted}; border: none;
                   padding: {px(2)}px; }}
    QTableCornerButton::section, QHeaderView {{ background: {theme.panel}; border: none; }}
    QCheckBox {{ background: transparent; }}
    QCheckBox::indicator {{ width: {px(12)}px; height: {px(12)}px; border: 1px solid {theme.muted};
                   border-radius: 3px; }}
    QCheckBox::indicator:checked {{ background: {theme.accent}; }}
    QSlider::groove:horizontal {{ background: {theme.border}; height: {px(4)}px; border-radius: {px(2)}px; }}
    QSlider::handle:horizontal {{ background: {theme.accent}; width: {px(12)}px; margin: -{px(5)}px 0;
                   border-radius: {px(5)}px; }}
    QSlider::handle:horizontal:disabled {{ background: {theme.undetermined}; }}
    QToolTip {{ background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border};
                padding: 4px; }}
    QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
    QScrollBar:vertical {{ background: transparent; width: {px(8)}px; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {theme.border}; border-radius: 4px; min-height: 24px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
    QSplitter::handle {{ background: {theme.window}; }}
    """
