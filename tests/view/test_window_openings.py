"""Windows that are opened and closed change no result and leave nothing behind."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from operando.errors import ConfigurationError
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.view.qt import require_qt
from scans import documents_of, library, plan_of, recipe, stack_of

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtWidgets import QApplication

from operando.view import Dashboard, DashboardOptions


def maps_of(records):
    return [snapshot.map.lithium.tobytes() + snapshot.curve.lithium.tobytes() for snapshot in records]


def watched(monitor, between):
    while monitor.pull():
        between()
    monitor.finish()
    between()


def test_opened_and_closed_fifty_times_it_changes_no_result_and_leaves_nothing(qapp):
    plan = plan_of(shape=(8, 9), cycles=3)
    documents = documents_of(plan, stack_of(plan, np.random.default_rng(2), cycles=3))
    work = Work(library(), recipe(), LayoutSettings())
    results = []
    opened = 0

    def windows():
        return sum(isinstance(widget, Dashboard) for widget in qapp.topLevelWidgets())

    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    before = windows()
    threads = threading.active_count()

    def open_and_close(monitor):
        nonlocal opened
        for _ in range(25):
            window = Dashboard(monitor.latest.take, DashboardOptions(send=monitor.send))
            window.refresh()
            window.show()
            window.close()
            assert not any(timer.isActive() for timer in window.findChildren(QTimer))
            window.deleteLater()
            opened += 1
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()

    for has_window in (False, True):
        records = []
        monitor = Monitor(DocumentSource(iter(documents), "memory"), work, records.append)
        watched(monitor, (lambda monitor=monitor: open_and_close(monitor)) if has_window else lambda: None)
        results.append(maps_of(records))
    assert opened >= 50
    assert results[0] == results[1]
    assert threading.active_count() == threads
    assert windows() == before
