"""Two lists in one card: what the user should know, and what is marked; neither takes the focus."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout

from operando.types import Severity
from operando.view.findingslist import SIGNS, FindingsList
from operando.view.label import emphasise
from operando.view.present import present_findings
from operando.view.regionlist import RegionList
from operando.view.session import Session
from operando.view.theme import Look

__all__ = ["Notes"]


class Notes(QFrame):
    """Findings and regions, one of them shown; the buttons say what is in the other."""

    asked = Signal(str)
    """The tab that was clicked."""

    def __init__(self, look: Look, session: Session) -> None:
        super().__init__()
        self.setObjectName("card")
        self._session = session
        self.findings = FindingsList(look)
        self.regions = RegionList(look, session)
        self.tabs = {"findings": QPushButton("Findings"), "regions": QPushButton("Regions")}
        self._stack = QStackedWidget()
        head = QHBoxLayout()
        head.setSpacing(look.px(4))
        for (name, button), page in zip(self.tabs.items(), (self.findings, self.regions), strict=True):
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setToolTip(f"Show the {name} (T)")
            button.clicked.connect(lambda _checked=False, name=name: self.asked.emit(name))
            head.addWidget(button)
            self._stack.addWidget(page)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(look.px(12), look.px(6), look.px(6), look.px(6))
        layout.setSpacing(look.px(4))
        layout.addLayout(head)
        layout.addWidget(self._stack, 1)

    def draw(self) -> None:
        """Show what the session has."""
        session = self._session
        tab = session.choices.tab
        self._stack.setCurrentIndex(0 if tab == "findings" else 1)
        for name, button in self.tabs.items():
            button.setChecked(name == tab)
        findings = () if session.live is None else present_findings(session.live)
        self.findings.draw(findings)
        self.regions.draw()
        number = len(session.album.picks())
        self.tabs["regions"].setText(f"Regions  {number}" if number else "Regions")
        if findings:
            self.tabs["findings"].setText(f"{SIGNS[findings[0].severity]} Findings  {len(findings)}")
        else:
            self.tabs["findings"].setText("Findings")
        is_alarming = any(finding.severity is Severity.ALARM for finding in findings)
        emphasise(self.tabs["findings"], "alarming", is_alarming)
