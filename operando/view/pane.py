"""One large map: which quantity, its picture, and the value under the cursor."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from operando.types import Snapshot
from operando.view.colours import colour_table
from operando.view.image import ImageView
from operando.view.label import ElidedLabel, emphasise
from operando.view.maps import Picture
from operando.view.quantities import Colouring, MapChoice, choices_of, quantity
from operando.view.readout import value_words
from operando.view.theme import Look

__all__ = ["Pane"]


class _List(QComboBox):
    """A list with an arrow of its own: a style sheet takes that of the platform away."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the arrow over what the style draws."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(QColor(self._look.theme.muted))
        place = self.rect().adjusted(0, 0, -self._look.px(5), 0)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "▾")
        painter.end()


class Pane(QWidget):
    """Shows one map."""

    asked = Signal(object)
    """The `MapChoice` that was chosen in the list."""
    touched = Signal()
    """Somebody did something here: the keys are to be about this map."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._dressed: tuple[object, ...] = ()
        self._listed: tuple[str, ...] = ()
        self._unit = ""
        self._is_compact = False
        self.choice: MapChoice | None = None
        self.picture: Picture | None = None
        self._snapshot: Snapshot | None = None
        self.list = _List(look)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.list.activated.connect(self._ask)
        self.readout = ElidedLabel("muted")
        self.readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.image = ImageView(look, is_large=True)
        self.image.box.clicked.connect(lambda *_: self.touched.emit())
        head = QHBoxLayout()
        head.setSpacing(look.px(6))
        head.addWidget(self.list)
        head.addWidget(self.readout, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.image, 1)

    def _ask(self, place: int) -> None:
        self.touched.emit()
        self.asked.emit(self.list.itemData(place))

    def be_compact(self, is_compact: bool) -> None:
        """Leave titles out where several maps share the room."""
        self._is_compact = is_compact
        self.image.be_compact(is_compact)
        self.read(float("nan"), float("nan"))

    def dress(self, snapshot: Snapshot | None, choice: MapChoice, palette: str, *, is_active: bool) -> None:
        """Take the colours and words of a quantity, if they are others."""
        emphasise(self.list, "active", is_active)
        choices = choices_of(snapshot)
        names = tuple(quantity(each, snapshot).name for each in choices)
        if names != self._listed:
            self._listed = names
            self.list.clear()
            for each, name in zip(choices, names, strict=True):
                self.list.addItem(name, each)
        self.list.setCurrentIndex(choices.index(choice))
        named = quantity(choice, snapshot)
        if (named, palette) == self._dressed:
            return
        self._dressed = (named, palette)
        self.list.setToolTip(named.meaning)
        self._unit = named.unit
        self.read(float("nan"), float("nan"))
        self.image.set_colours(colour_table(self._look.theme, named.colouring, palette), named.label)

    def draw(self, snapshot: Snapshot, choice: MapChoice, picture: Picture) -> None:
        """Show a picture."""
        self.choice, self.picture, self._snapshot = choice, picture, snapshot
        is_named = quantity(choice, snapshot).colouring is Colouring.CATEGORIES
        self.image.draw(picture, snapshot.phases.names if is_named else ())

    def read(self, x_um: float, y_um: float) -> None:
        """Say what the map says of a position; NaN for none."""
        pixel = self.image.pixel_at(x_um, y_um)
        if pixel is None or self._snapshot is None or self.choice is None or self.picture is None:
            # Without the title of its bar the map says here what it counts.
            self.readout.setText(self._unit if self._is_compact else "")
            return
        words = value_words(self._snapshot, self.choice, self.picture, pixel)
        self.readout.setText(f"{words}   at {x_um:.2f}, {y_um:.2f} µm")
