"""Panels on paper: maps, spectra and curves as PNG or SVG by matplotlib, and the curves as a table."""

from operando.app.paper.desk import Subject, picture_from, put_on_paper, settings_beside, table_from
from operando.app.paper.drawing import draw

__all__ = ["Subject", "draw", "picture_from", "put_on_paper", "settings_beside", "table_from"]
