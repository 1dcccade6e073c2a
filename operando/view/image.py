"""One image in true µm with its colour bar, scale bar, crosshair and the row now arriving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QTransform
from PySide6.QtWidgets import QVBoxLayout, QWidget

from operando.types import MaskArray, ScanGrid
from operando.view.geometry import Placement, pixel_at, placement, scale_bar_um
from operando.view.present import Picture
from operando.view.scales import FIRST_COLOUR, Levels, ticks
from operando.view.theme import Theme
from operando.view.words import general

__all__ = ["ImageView", "colour_table", "tick_font"]

_GUTTER = 0.018
"""Width of the column of tick marks beside the rows, as a share of the field."""


def tick_font(pixels: int = 12) -> QFont:
    """Return the font of axis numbers: sized in pixels, so that it does not depend on the screen's dpi."""
    font = QFont()
    font.setPixelSize(pixels)
    return font


def colour_table(theme: Theme, colours: str) -> np.ndarray:
    """Return the 256 colours behind `colour_index`, shape (256, 4): two neutral tones, then the map."""
    number = 256 - FIRST_COLOUR
    if colours == "grey":
        ramp = np.linspace(0, 255, number).astype(np.uint8)
        table = np.stack([ramp, ramp, ramp, np.full(number, 255, np.uint8)], axis=1)
    else:
        ramps: Any = pg.colormap.get(colours)
        table = ramps.getLookupTable(nPts=number, alpha=True)
    neutral = [QColor(tone).getRgb() for tone in (theme.unseen, theme.undetermined)]
    return np.concatenate([np.array(neutral, np.uint8), np.asarray(table, np.uint8)])


class ImageView(QWidget):
    """Draws a `Picture` where its pixels are; y increases upwards as on the stage.

    Parameters
    ----------
    theme
        Colours.
    is_large
        The large map has axes with titles and answers to the mouse; the small one is only looked at.
    """

    picked = Signal(int, int)
    """Row and column of the pixel that was clicked."""
    hovered = Signal(int, int)
    """Row and column under the mouse; (-1, -1) outside of the field."""

    def __init__(self, theme: Theme, *, is_large: bool) -> None:
        super().__init__()
        self._theme = theme
        self._is_large = is_large
        self._grid: ScanGrid | None = None
        self._place: Placement | None = None
        self._canvas = pg.GraphicsLayoutWidget()
        self._canvas.setBackground(theme.panel)
        self._canvas.ci.setContentsMargins(0, 6, 0, 0 if is_large else 8)
        self._canvas.ci.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)
        self._plot = self._make_plot()
        self._image = pg.ImageItem(axisOrder="row-major")
        self._gutter = pg.ImageItem(axisOrder="row-major")
        self._gutter.setLookupTable(
            np.array([(0, 0, 0, 0), QColor(theme.accent).getRgb()], np.uint8),
        )
        self._arriving = pg.PlotCurveItem(pen=pg.mkPen(theme.accent, width=1.5))
        self._cross = pg.PlotCurveItem(pen=pg.mkPen("#ffffff", width=1.6), connect="pairs")
        self._cross_edge = pg.PlotCurveItem(pen=pg.mkPen("#000000", width=3.6), connect="pairs")
        self._ruler = pg.PlotCurveItem(pen=pg.mkPen(theme.text, width=3))
        self._ruler_text = pg.TextItem(color=theme.text, anchor=(0.5, 1.0))
        self._ruler_text.setFont(tick_font(12))
        crosshair, ruler = (self._cross_edge, self._cross), (self._ruler, self._ruler_text)
        for item in (self._image, self._gutter, self._arriving, *crosshair, *ruler):
            self._plot.addItem(item, ignoreBounds=True)
        self._bar, self._bar_image = self._make_bar()
        self._ruler.setVisible(is_large)
        self._ruler_text.setVisible(is_large)
        if is_large:
            self._plot.scene().sigMouseClicked.connect(self._on_click)
            self._plot.scene().sigMouseMoved.connect(self._on_move)

    def _style_axis(self, axis: pg.AxisItem) -> None:
        axis.setPen(pg.mkPen(self._theme.border))
        axis.setTextPen(pg.mkPen(self._theme.muted))
        axis.setTickFont(tick_font(12 if self._is_large else 11))
        axis.setStyle(tickLength=-4, tickTextOffset=4)
        # pyqtgraph would otherwise rename 0.15 to 150 (×0.001).
        axis.enableAutoSIPrefix(False)

    def _make_plot(self) -> pg.PlotItem:
        plot = self._canvas.addPlot(row=0, col=0)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.getViewBox().setAspectLocked(True)
        plot.getViewBox().setMouseEnabled(self._is_large, self._is_large)
        for side in ("left", "bottom"):
            self._style_axis(plot.getAxis(side))
        if self._is_large:
            plot.setLabel("bottom", "X (µm)", color=self._theme.muted)
            plot.setLabel("left", "Y (µm)", color=self._theme.muted)
            plot.getAxis("left").setWidth(48)
            plot.getAxis("bottom").setHeight(38)
        else:
            plot.hideAxis("left")
            plot.hideAxis("bottom")
        return plot

    def _make_bar(self) -> tuple[pg.PlotItem, pg.ImageItem]:
        bar = self._canvas.addPlot(row=0, col=1)
        bar.setMenuEnabled(False)
        bar.hideButtons()
        bar.setMouseEnabled(x=False, y=False)
        bar.hideAxis("left")
        bar.showAxis("right")
        right = bar.getAxis("right")
        self._style_axis(right)
        right.setStyle(tickLength=4)
        # An invisible axis of the same height keeps the bar level with the image.
        bottom = bar.getAxis("bottom")
        bottom.setTicks([])
        bottom.setPen(pg.mkPen(None))
        bottom.setHeight(38)
        bottom.setVisible(self._is_large)
        bar.setFixedWidth(78 if self._is_large else 70)
        right.setWidth(62 if self._is_large else 58)
        image = pg.ImageItem(axisOrder="row-major")
        ramp = np.arange(FIRST_COLOUR, 256, dtype=np.uint8)[:, np.newaxis]
        image.setImage(ramp, autoLevels=False, levels=(0, 255))
        bar.addItem(image, ignoreBounds=True)
        bar.setXRange(0, 1, padding=0)
        return bar, image

    def set_grid(self, grid: ScanGrid) -> None:
        """Lay the image into the axes of a run."""
        self._grid = grid
        self._place = place = placement(grid)
        self._image.setTransform(
            QTransform.fromTranslate(place.left_um, place.first_um).scale(place.pitch_x_um, place.pitch_y_um)
        )
        left, lower = place.lower_left_um
        gutter = _GUTTER * place.width_um
        self._gutter.setTransform(
            QTransform.fromTranslate(left - 1.6 * gutter, place.first_um).scale(gutter, place.pitch_y_um)
        )
        length = scale_bar_um(place.width_um)
        # Below the image, where it hides no particle.
        y = lower - 0.028 * place.height_um
        self._ruler.setData([left + place.width_um - length, left + place.width_um], [y, y])
        self._ruler_text.setAnchor((1.0, 0.5))
        self._ruler_text.setPos(left + place.width_um - 1.08 * length, y)
        self._ruler_text.setText(f"{general(length)} µm" if length >= 1 else f"{general(1000 * length)} nm")
        self.reset_zoom()

    def reset_zoom(self) -> None:
        """Show the whole field with its scale bar."""
        if self._place is None:
            return
        left, lower = self._place.lower_left_um
        margin_x = (2.2 if self._is_large else 0.6) * _GUTTER * self._place.width_um
        margin_y = (0.055 if self._is_large else 0.01) * self._place.height_um
        self._plot.getViewBox().setRange(
            QRectF(
                left - margin_x,
                lower - margin_y,
                self._place.width_um + 1.3 * margin_x,
                self._place.height_um + 1.2 * margin_y,
            ),
            padding=0,
        )

    def set_colours(self, colours: str, label: str) -> None:
        """Choose the colour map and the words beside its bar."""
        table = colour_table(self._theme, colours)
        self._image.setLookupTable(table)
        self._bar_image.setLookupTable(table)
        self._bar.setLabel("right", label, color=self._theme.muted)

    def draw(self, picture: Picture) -> None:
        """Draw an image; everything else stays as it is."""
        self._image.setImage(picture.index, autoLevels=False, levels=(0, 255))
        self._set_levels(picture.levels)

    def _set_levels(self, levels: Levels) -> None:
        self._bar_image.setRect(QRectF(0.0, levels.low, 1.0, levels.high - levels.low))
        # A hair more than the scale: rounding would otherwise cost the tick at its upper end.
        self._bar.setYRange(levels.low, levels.high, padding=0.001)
        self._bar.getAxis("right").setTicks([[(value, general(value)) for value in ticks(levels)]])

    def mark_renewed(self, renewed: MaskArray) -> None:
        """Tick the rows that have been renewed, shape (ny,)."""
        self._gutter.setVisible(bool(np.any(renewed)))
        self._gutter.setImage(renewed.astype(np.uint8)[:, np.newaxis], autoLevels=False, levels=(0, 1))

    def mark_arriving(self, arriving: int | None) -> None:
        """Draw a line at the row now arriving, or take it away."""
        self._arriving.setVisible(arriving is not None)
        if arriving is None or self._place is None:
            return
        # At the far edge of the row: between what is new and what is still old.
        edge = self._place.first_um + (arriving + 1) * self._place.pitch_y_um
        left, _ = self._place.lower_left_um
        margin = 1.6 * _GUTTER * self._place.width_um if self._is_large else 0.0
        self._arriving.setData([left - margin, left + self._place.width_um], [edge, edge])

    def mark_pixel(self, pixel: tuple[int, int] | None) -> None:
        """Put the crosshair on a pixel (row, column), or take it away."""
        for item in (self._cross, self._cross_edge):
            item.setVisible(pixel is not None)
        if pixel is None or self._grid is None or self._place is None:
            return
        x, y = float(self._grid.x_um[pixel[1]]), float(self._grid.y_um[pixel[0]])
        near = max(0.012 * self._place.width_um, 0.7 * abs(self._place.pitch_x_um))
        far = near + 0.028 * self._place.width_um
        xs = np.array([x - far, x - near, x + near, x + far, x, x, x, x])
        ys = np.array([y, y, y, y, y - far, y - near, y + near, y + far])
        for item in (self._cross, self._cross_edge):
            item.setData(xs, ys)

    def _on_click(self, event: object) -> None:
        if event.double():
            self.reset_zoom()
        elif event.button() == Qt.MouseButton.LeftButton:
            pixel = self.pixel_below(event.scenePos())
            if pixel is not None:
                self.picked.emit(*pixel)

    def _on_move(self, position: QPointF) -> None:
        self.hovered.emit(*(self.pixel_below(position) or (-1, -1)))

    def pixel_below(self, scene_position: QPointF) -> tuple[int, int] | None:
        """Return the (row, column) drawn at a position of the scene."""
        box = self._plot.getViewBox()
        if self._grid is None or not box.sceneBoundingRect().contains(scene_position):
            return None
        position = box.mapSceneToView(scene_position)
        return pixel_at(self._grid, position.x(), position.y())

    def position_of(self, row: int, column: int) -> QPointF:
        """Return where in this widget the centre of a pixel is drawn."""
        if self._grid is None:
            return QPointF()
        centre = QPointF(float(self._grid.x_um[column]), float(self._grid.y_um[row]))
        scene = self._plot.getViewBox().mapViewToScene(centre)
        return QPointF(self._canvas.mapTo(self, self._canvas.mapFromScene(scene)))
