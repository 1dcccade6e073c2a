"""Bluesky plans for STXM; any devices that speak the bluesky protocols."""
