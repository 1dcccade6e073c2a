"""Runs in a catalog, in memory: a column a key, a row an event."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["Node", "again", "catalogued", "with_rewinds"]

Document = tuple[str, dict[str, Any]]


class Node(dict[str, Any]):
    """What a catalog holds, in memory."""

    def __init__(self, metadata: Mapping[str, Any], items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.metadata = metadata

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()


def catalogued(documents: list[tuple[str, dict]], *, is_nested: bool = False) -> Node:
    """Return a run as bluesky-tiled-plugins lays it out: a column a key, a row an event."""
    (_, start), (_, descriptor), *events, (_, stop) = documents
    rows = [event for _, event in events]
    columns = {
        "seq_num": np.array([row["seq_num"] for row in rows]),
        "time": np.array([row["time"] for row in rows]),
    }
    for key in rows[0]["data"]:
        columns[key] = np.array([row["data"][key] for row in rows])
        columns[f"ts_{key}"] = np.array([row["timestamps"][key] for row in rows])
    about = {key: descriptor[key] for key in ("uid", "time", "data_keys", "hints", "configuration")}
    streams = {"primary": Node(about, columns)}
    metadata = {"start": start, "stop": stop}
    return Node(metadata, {"streams": Node({}, streams)} if is_nested else streams)


def again(event: dict, shift: float) -> dict:
    """Return an event sent again after a pause: measured anew, a little later."""
    return {
        **event,
        "uid": str(uuid.uuid4()),
        "time": event["time"] + shift,
        "timestamps": {key: stamp + shift for key, stamp in event["timestamps"].items()},
        "data": {**event["data"], "counter": event["data"]["counter"] + 200.0 * shift},
    }


def with_rewinds(events: list[Document], rewound: list[int]) -> Iterator[Document]:
    """Yield the events; behind each place the last four once more, each time later than before."""
    shift = 0.0
    for place, event in enumerate(events):
        yield event
        for _ in range([number % len(events) for number in rewound].count(place)):
            shift += 0.25
            yield from (("event", again(old, shift)) for _, old in events[max(place - 3, 0) : place + 1])
