"""The arithmetic: pure functions over numpy arrays. No clock, file, thread, log, Qt or bluesky."""
