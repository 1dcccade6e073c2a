"""A region in numbers: its name, its corners in µm, and whether it is locked."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from operando.errors import ConfigurationError
from operando.regions import Outline, Region
from operando.view.label import plain_label
from operando.view.theme import Look

__all__ = ["RegionEditor"]


class RegionEditor(QFrame):
    """Edits one region over the pictures; nothing is changed before it is applied."""

    applied = Signal(object)
    """The `Region` as it was edited."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.setObjectName("overlay")
        self._look = look
        self._region: Region | None = None
        self.name = QLineEdit()
        self.name.setMaxLength(40)
        self.corners = QTableWidget(0, 2)
        self.corners.setHorizontalHeaderLabels(["X (µm)", "Y (µm)"])
        self.corners.horizontalHeader().setStretchLastSection(True)
        self.lock = QCheckBox("locked")
        self.error = plain_label("error")
        self.error.setWordWrap(True)
        self.more, self.fewer = QPushButton("Add corner"), QPushButton("Remove corner")
        self.apply, self.close_button = QPushButton("Apply"), QPushButton("Close")
        self.more.clicked.connect(self._add)
        self.fewer.clicked.connect(self._remove)
        self.apply.clicked.connect(self.take)
        self.close_button.clicked.connect(self.hide)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(look.px(14), look.px(10), look.px(14), look.px(10))
        layout.addWidget(plain_label("title", "Edit a region"))
        layout.addWidget(self.name)
        layout.addWidget(self.corners, 1)
        for row in ((self.more, self.fewer, self.lock), (self.error,), (self.apply, self.close_button)):
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget)
            layout.addLayout(line)
        self.setVisible(False)

    def edit(self, region: Region, room: QRect) -> None:
        """Show a region, in the upper right of a rectangle of the parent."""
        self._region = region
        self.error.setText("")
        self.name.setText(region.name)
        self.lock.setChecked(region.is_locked)
        self.corners.setRowCount(0)
        for corner in region.corners_um:
            self._append(*corner)
        is_rectangle = region.outline is Outline.RECTANGLE
        self.more.setDisabled(is_rectangle)
        self.fewer.setDisabled(is_rectangle)
        self.follow(room)
        self.setVisible(True)
        self.raise_()
        self.name.setFocus()

    def follow(self, room: QRect) -> None:
        """Stay in the upper right of a rectangle of the parent."""
        width, height = self._look.px(320), min(self._look.px(380), room.height())
        self.setGeometry(
            room.right() - width - self._look.px(10), room.top() + self._look.px(10), width, height
        )

    def take(self) -> None:
        """Hand on what was edited, or say what is wrong with it."""
        if self._region is None:
            return
        try:
            corners = tuple(
                (self._number(row, 0), self._number(row, 1)) for row in range(self.corners.rowCount())
            )
            name = self.name.text().strip()
            region = replace(self._region, name=name, corners_um=corners, is_locked=self.lock.isChecked())
        except (ConfigurationError, ValueError) as error:
            self.error.setText(str(error))
            return
        self.error.setText("")
        self._region = region
        self.applied.emit(region)

    def _number(self, row: int, column: int) -> float:
        item = self.corners.item(row, column)
        text = "" if item is None else item.text().replace(",", ".")
        try:
            return float(text)
        except ValueError:
            msg = f"'{text}' in row {row + 1} is no number of µm"
            raise ValueError(msg) from None

    def _append(self, x_um: float, y_um: float) -> None:
        row = self.corners.rowCount()
        self.corners.insertRow(row)
        for column, value in enumerate((x_um, y_um)):
            item = QTableWidgetItem(f"{value:.4f}")
            item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.corners.setItem(row, column, item)

    def _add(self) -> None:
        try:
            last = self.corners.rowCount() - 1
            first, end = ((self._number(row, 0), self._number(row, 1)) for row in (0, last))
        except ValueError as error:
            self.error.setText(str(error))
            return
        # Half-way back to the first: it can be seen, and changes nothing.
        self._append((first[0] + end[0]) / 2, (first[1] + end[1]) / 2)

    def _remove(self) -> None:
        row = self.corners.currentRow()
        self.corners.removeRow(row if row >= 0 else self.corners.rowCount() - 1)
