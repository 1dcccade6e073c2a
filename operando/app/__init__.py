"""Joins everything, and nothing else does."""
