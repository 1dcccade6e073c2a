"""No name out of metadata has power over the window: every text in it is plain, or was escaped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Generator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.errors import ConfigurationError
from operando.types import Delivery, Finding, Severity, Snapshot
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from operando.view import Dashboard, DashboardOptions
from operando.view.orders import tag_of

HOSTILE = {
    "markup": '<b>cell</b><img src="http://example.org/x.png"><a href="file:///etc/passwd">x</a>',
    "entities": "&lt;b&gt; &amp; &#x202e;",
    "letters that turn round": "cell \u202e7 egral\u2066\u200b",
    "escapes and NULs": "cell\x1b[2J\0\x9b31m\r\n",
    "half of a pair": "cell \ud800",
    "a great name": "cell " * 200_000,
    "a mnemonic": "&File &&&",
}
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co"})


@pytest.fixture
def window() -> Generator[tuple[list[Snapshot], Dashboard]]:
    waiting: list[Snapshot] = []
    made = Dashboard(lambda: waiting.pop() if waiting else None, DashboardOptions(clock=lambda: 0.0))
    made.timer.stop()
    yield waiting, made
    made.close()
    made.deleteLater()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_name_is_shown_and_nothing_more(
    name: str,
    qtbot: object,
    window: tuple[list[Snapshot], Dashboard],
    snapshot_at: Callable[..., Snapshot],
    stages: dict[str, object],
) -> None:
    waiting, dashboard = window
    snapshot = snapshot_at(stages["filling"])
    waiting.append(
        replace(
            snapshot,
            plan=replace(snapshot.plan, sample=name, plan_name=name, run=name),
            phases=replace(snapshot.phases, names=(name,) * len(snapshot.phases.names), unit=name),
            progress=replace(snapshot.progress, exit_status=name, is_closed=True),
            findings=(Finding(name, Severity.ALARM, name, name),),
            delivery=Delivery(source=name),
        )
    )
    dashboard.show()
    dashboard.refresh()
    assert not dashboard.grab().isNull()
    for label in dashboard.findChildren(QLabel):
        text = label.text()
        assert len(text) < 2000
        assert not [letter for letter in text if unicodedata.category(letter) in UNSAFE - {"Cc"}]
        if label.textFormat() != Qt.TextFormat.PlainText:
            assert label.textFormat() == Qt.TextFormat.RichText
            assert not any(mark in text for mark in ("<b>", "<img", "<a ", "href"))
    for widget in dashboard.findChildren(QWidget):
        assert "<" not in widget.toolTip()


@given(st.text())
def test_of_a_uid_only_plain_letters_and_digits_go_into_a_name(run):
    assert re.fullmatch(r"[A-Za-z0-9]{0,8}", tag_of(run))
