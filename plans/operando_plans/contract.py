"""The ALS STXM run-layout contract v1, as a list of what documents do against it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard, cast

__all__ = ["violations"]

Document: TypeAlias = Mapping[str, Any]

_TEXTS = ("x_motor", "y_motor", "energy_motor", "data_field")
_ROW_TOLERANCE = 0.5
"""In rows: a line farther off than half a row is in the place of its neighbour."""


def violations(documents: Iterable[tuple[str, Document]]) -> list[str]:
    """Return what the documents of one run do against the contract; nothing if they meet it.

    The rules: the start document comes first and names plan, motors, detector and the `stxm` block; there
    is one descriptor, of the stream `primary`, with the keys of two positions and of the counts and without
    hints; each line is one event page of length one, whole, in the place that
    `seq_num = energy · ny + row + 1` says; a repeated line has a new uid. Lines may be missing, and so may
    the stop document. Beyond the contract, a channel that the block calls `i0_field` is tolerated.

    Parameters
    ----------
    documents
        Names and documents, in the order in which they came.

    Returns
    -------
    list of str
        A sentence for each rule that is broken, with what was found.
    """
    listed = list(documents)
    if not listed or listed[0][0] != "start":
        return [
            f"the first document is a {listed[0][0] if listed else 'nothing'}; expected the start document"
        ]
    found = list(_start_violations(listed[0][1]))
    block = listed[0][1].get("stxm")
    found += _order_violations(listed)
    if found or not isinstance(block, Mapping):
        # What the lines should be follows from the start document.
        return found
    descriptors = [document for name, document in listed if name == "descriptor"]
    for descriptor in descriptors[:1]:
        found += _descriptor_violations(listed[0][1], block, descriptor)
    pages = [document for name, document in listed if name == "event_page"]
    for page in pages:
        found += _page_violations(block, descriptors, page)
    if not found:
        uids = [page["uid"][0] for page in pages]
        found += (
            [f"{len(uids) - len(set(uids))} lines have the uid of another line"]
            if len(set(uids)) < len(uids)
            else []
        )
    return found


def _start_violations(start: Document) -> Iterator[str]:
    if start.get("plan_name") != "stxm_energy_stack":
        yield f"plan_name is {start.get('plan_name')!r}; expected 'stxm_energy_stack'"
    block = start.get("stxm")
    if not isinstance(block, Mapping):
        yield f"the start document has the stxm block {block!r}; expected a mapping"
        return
    if block.get("contract_version") != 1:
        yield f"contract_version is {block.get('contract_version')!r}; expected 1"
    for key in _TEXTS:
        if not isinstance(block.get(key), str) or not block[key]:
            yield f"{key} is {block.get(key)!r}; expected a name"
    motors, expected = start.get("motors"), [block.get("energy_motor"), block.get("y_motor")]
    if motors not in (expected, tuple(expected)):
        yield f"motors is {motors!r}; expected those of energy and y"
    detectors = start.get("detectors")
    if not isinstance(detectors, Sequence) or isinstance(detectors, str) or len(detectors) != 1:
        yield f"detectors is {detectors!r}; expected the flyer alone"
    shape = block.get("shape")
    if not _is_numbers(shape, 3) or not all(isinstance(side, int) and side >= 1 for side in shape):
        yield f"shape is {shape!r}; expected whole numbers of energies, rows and columns"
        return
    if not _is_numbers(block.get("energies"), int(shape[0])) or min(block["energies"]) <= 0:
        yield f"energies is {block.get('energies')!r}; expected {shape[0]} energies in eV"
    if not _is_number(block.get("dwell_ms")) or block["dwell_ms"] <= 0:
        yield f"dwell_ms is {block.get('dwell_ms')!r}; expected one number above 0"
    for key in ("x_extent", "y_extent"):
        if not _is_numbers(block.get(key), 2):
            yield f"{key} is {block.get(key)!r}; expected the first and the last position in µm"


def _order_violations(listed: Sequence[tuple[str, Document]]) -> Iterator[str]:
    names = [name for name, _ in listed]
    for name in sorted(set(names) - {"start", "descriptor", "event_page", "stop"}):
        yield f"there is a document called {name}; a line is one event_page"
    if names.count("start") > 1:
        yield f"there are {names.count('start')} start documents; a run has one"
    lines, descriptors = names.count("event_page"), names.count("descriptor")
    if descriptors > 1 or (lines and not descriptors):
        yield f"there are {descriptors} descriptors; expected one"
    elif lines and names.index("descriptor") > names.index("event_page"):
        yield "a line came before its descriptor"
    if "stop" in names and (names.count("stop") > 1 or names[-1] != "stop"):
        yield "the stop document is not the last one"
    uid = listed[0][1].get("uid")
    if any(document.get("run_start") != uid for name, document in listed if name in ("descriptor", "stop")):
        yield "a document belongs to another run"


def _descriptor_violations(start: Document, block: Document, descriptor: Document) -> Iterator[str]:
    if descriptor.get("name") != "primary":
        yield f"the stream is called {descriptor.get('name')!r}; expected 'primary'"
    if descriptor.get("hints"):
        yield f"the descriptor hints at {descriptor['hints']!r}; expected no hints"
    keys, columns = descriptor.get("data_keys"), block["shape"][2]
    expected = {
        block["x_motor"]: ("array", [columns]),
        block["y_motor"]: ("number", []),
        block["data_field"]: ("array", [columns]),
    }
    if not isinstance(keys, Mapping) or set(keys) - {block.get("i0_field")} != set(expected):
        yield f"the data keys are {sorted(keys or ())}; expected {sorted(expected)}"
        return
    for key, (dtype, shape) in expected.items():
        if (keys[key].get("dtype"), list(keys[key].get("shape", ()))) != (dtype, shape):
            yield f"{key} is described as {keys[key]!r}; expected dtype {dtype} and shape {shape}"
    if keys[block["data_field"]].get("object_name", start["detectors"][0]) != start["detectors"][0]:
        yield f"{block['data_field']} is of {keys[block['data_field']]['object_name']!r}, not of the detector"


def _page_violations(block: Document, descriptors: Sequence[Document], page: Document) -> Iterator[str]:
    numbers, data = page.get("seq_num"), page.get("data")
    if not _is_numbers(numbers, 1) or not isinstance(data, Mapping):
        yield f"an event page has the seq_num {numbers!r}; expected one line a page"
        return
    energies, rows, columns = block["shape"]
    number = numbers[0]
    if not isinstance(number, int) or not 1 <= number <= energies * rows:
        yield f"seq_num is {number!r}; expected 1 to {energies * rows}"
        return
    if page.get("descriptor") not in [descriptor.get("uid") for descriptor in descriptors]:
        yield f"line {number} has a descriptor that nobody knows"
    if not (_has_one(page.get("time")) and _has_one(page.get("uid"))):
        yield f"line {number} has not one time and one uid"
    for key in (block["x_motor"], block["data_field"]):
        if not _has_one(data.get(key)) or not _is_numbers(data[key][0], columns):
            yield f"{key} of line {number} is no row of {columns} numbers; a line is whole or not there"
    y = data.get(block["y_motor"])
    if not _is_numbers(y, 1):
        yield f"{block['y_motor']} of line {number} is {y!r}; expected one number"
        return
    row = (number - 1) % rows
    first, last = block["y_extent"]
    pitch = (last - first) / max(rows - 1, 1)
    if not abs(y[0] - (first + row * pitch)) <= _ROW_TOLERANCE * abs(pitch) + 1e-9:
        yield f"line {number} is at y = {y[0]:g} µm; row {row} is at {first + row * pitch:g} µm"


def _has_one(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(cast(Sequence[Any], value)) == 1


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_numbers(value: object, length: int) -> TypeGuard[Sequence[float]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    entries = cast(Sequence[object], value)
    return len(entries) == length and all(_is_number(entry) for entry in entries)
