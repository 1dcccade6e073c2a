"""Whether all that was written can be read: of a run log, of documents, of images, of a results file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import h5py

from operando.app.file_kinds import FileKind, kind_of
from operando.app.open_source import open_recording
from operando.errors import DamagedFileError
from operando.io.documents import read_json_documents
from operando.io.hdf5_documents import holds_images
from operando.io.past_damage import PastDamage
from operando.io.results_check import check_results
from operando.io.runlog import LogReader
from operando.io.sources import Source

__all__ = ["Verdict", "verify"]

_IMAGES = (FileKind.SDF, FileKind.HDF5, FileKind.PTYCHOGRAPHY)
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a full reading found.

    Attributes
    ----------
    source
        What was read.
    kind
        "run log", "documents" or "results"; what its records are: documents or cycles.
    records
        How many there are, or should be.
    good
        How many stand before the first bad one; all if there is none.
    bad
        How many are bad or missing. Where nothing behind the first bad one can be read, at least 1.
    first_bad
        The number of the first bad record, from 1; or None.
    reason
        What is wrong with it; empty if nothing is.
    """

    source: str
    kind: str
    records: int
    good: int
    bad: int
    first_bad: int | None
    reason: str

    @property
    def records_are(self) -> str:
        """What is counted."""
        return "cycles" if self.kind == "results" else "documents"

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.reason


def verify(text: str, keys: Path | None = None) -> Verdict:
    """Read everything in a source and say how far it is good.

    Parameters
    ----------
    text
        Path of a run log, of documents as JSON or JSON lines, of an SDF header, of a NXstxm file or of a
        results file; or the address of a served run log.
    keys
        Folder of the keys for an address.

    Raises
    ------
    SourceUnreachable, ConfigurationError
        There is nothing there, or it is not read.
    """
    path = Path(text)
    kind = kind_of(path)
    # Other people's images have the same endings.
    if kind is FileKind.HDF5 and path.is_file() and h5py.is_hdf5(path) and not holds_images(path):
        cycles, bad = check_results(path)
        numbers = sorted(bad)
        first = numbers[0] if numbers else None
        good = cycles if first is None else first - 1
        return Verdict(text, "results", cycles, good, len(bad), first, bad[first] if first else "")
    if kind is FileKind.JSON and path.is_file():
        return _of_documents(text, path)
    try:
        source = open_recording(text, keys=keys)
    except DamagedFileError as error:
        return Verdict(text, "run log", 0, 0, 1, 1, str(error))
    is_log = isinstance(source, PastDamage)
    try:
        verdict = _of_source(text, source.strict if is_log else source, "run log" if is_log else "documents")
    finally:
        source.close()
    if kind in _IMAGES and verdict.is_good:
        return _with_images(verdict)
    return _with_structure(verdict, path) if is_log and path.is_file() and verdict.is_good else verdict


def _of_documents(text: str, path: Path) -> Verdict:
    good = 0
    try:
        for _ in read_json_documents(path):
            good += 1
    except DamagedFileError as error:
        return Verdict(text, "documents", good + 1, good, 1, good + 1, str(error))
    return Verdict(text, "documents", good, good, 0, None, "")


def _of_source(text: str, source: Source, kind: str) -> Verdict:
    """Read a source to its end, past whatever is bad."""
    after, bad = 0, 0
    first_bad, reason = None, ""
    while True:
        try:
            batch = source.read(after, _AT_ONCE)
        except DamagedFileError as error:
            bad += 1
            if first_bad is None:
                first_bad, reason = after + 1, str(error)
            # What lies behind a damaged place of a file that is read from its beginning cannot be found.
            if after + 1 > source.head():
                break
            after += 1
            continue
        if batch:
            after = batch[-1].seq
        # A server may be silent for a while, which is not the end.
        elif source.has_ended(after):
            break
    records = max(after, source.head(), first_bad or 0)
    cut = [finding.message for finding in source.findings() if finding.code == "damage"]
    if first_bad is None and cut:
        bad, first_bad, reason = 1, records + 1, cut[0]
    good = records if first_bad is None else first_bad - 1
    records = max(records, first_bad or 0)
    return Verdict(text, kind, records, good, bad, first_bad, reason)


def _with_images(verdict: Verdict) -> Verdict:
    """Return the verdict on files of images with the first run that images were left out of."""
    source = open_recording(verdict.source)
    after, first = 0, None
    last: dict[str, int] = {}
    try:
        while batch := source.read(after, 1):
            (item,) = batch
            after = item.seq
            if item.name == "event":
                stream, number = str(item.document["descriptor"]), int(item.document["seq_num"])
                if number != last.get(stream, 0) + 1 and first is None:
                    first = item.seq
                last[stream] = number
            elif item.name == "stop" and item.document.get("reason"):
                first = item.seq if first is None else first
                return replace(
                    verdict, good=first - 1, bad=1, first_bad=first, reason=str(item.document["reason"])
                )
    finally:
        source.close()
    return verdict


def _with_structure(verdict: Verdict, path: Path) -> Verdict:
    """Look also at what no document lies in."""
    with LogReader(path) as log:
        reason = log.structure_trouble()
    return replace(verdict, reason=reason) if reason else verdict
