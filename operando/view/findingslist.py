"""What the user should know, worst first; it never takes the focus."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from operando.types import Finding, Severity
from operando.view.label import plain_label
from operando.view.theme import Look, Theme, severity_colour
from operando.view.words import plain

__all__ = ["SIGNS", "FindingsList"]

SIGNS = {Severity.ALARM: "◆", Severity.WARNING: "▲", Severity.INFO: "●"}
"""A shape for each severity, so that no colour is needed to tell."""


class _Entry(QWidget):
    """One finding: sign, message, advice. Reused for others, so that nothing is made while running."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._sign = plain_label("sign")
        self._sign.setFixedWidth(look.px(15))
        self.message = plain_label("message")
        self.advice = plain_label("muted")
        for label in (self.message, self.advice):
            label.setWordWrap(True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 3, 0, 3)
        layout.setHorizontalSpacing(9)
        layout.setVerticalSpacing(1)
        layout.addWidget(self._sign, 0, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.message, 0, 1)
        layout.addWidget(self.advice, 1, 1)
        layout.setColumnStretch(1, 1)

    def show_finding(self, finding: Finding, theme: Theme) -> None:
        """Write a finding into this entry."""
        self._sign.setText(SIGNS[finding.severity])
        self._sign.setStyleSheet(f"color: {severity_colour(theme, finding.severity)}")
        self.message.setText(plain(finding.message, 400))
        self.advice.setText(plain(finding.advice, 400))
        self.advice.setVisible(bool(finding.advice))
        self.setToolTip(finding.severity.value)
        self.setVisible(True)


class FindingsList(QScrollArea):
    """Lists the findings of a snapshot."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._shown: tuple[Finding, ...] | None = None
        self.entries: list[_Entry] = []
        self._nothing = plain_label("muted", "Nothing to report")
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(look.px(4))
        self._column.addWidget(self._nothing)
        self._column.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def draw(self, findings: tuple[Finding, ...]) -> None:
        """Show findings, if they are others."""
        if findings == self._shown:
            return
        self._shown = findings
        self._nothing.setVisible(not findings)
        while len(self.entries) < len(findings):
            entry = _Entry(self._look)
            self._column.insertWidget(self._column.count() - 1, entry)
            self.entries.append(entry)
        for entry, finding in zip(self.entries, findings, strict=False):
            entry.show_finding(finding, self._look.theme)
        for entry in self.entries[len(findings) :]:
            entry.setVisible(False)
