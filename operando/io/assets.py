"""Where the data of an event lie that are not in it: what `resource`, `datum` and their streams say.

Only HDF5 files and TIFF below folders that the profile names are looked into.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from operando.errors import FrameRejected
from operando.io.readings import is_time, text, whole
from operando.io.tiff_frames import FileNames, file_names

__all__ = ["ASSETS", "AssetBook", "Place"]

ASSETS = frozenset({"resource", "datum", "datum_page", "stream_resource", "stream_datum"})
_HDF5 = frozenset({"AD_HDF5", "AD_HDF5_SWMR", "AD_HDF5_SWMR_STREAM", "AD_HDF5_SWMR_SLICE", "HDF5"})
_HDF5_KIND = "application/x-hdf5"
_TIFF = frozenset({"AD_TIFF", "multipart/related;type=image/tiff"})
_AD_DATASET = "/entry/data/data"
"""Where the HDF5 plugin of EPICS areaDetector puts its images."""
_MAX_KEPT = 65_536
_MOST_EVENTS = 16_384
_STREAM = "primary"


@dataclass(frozen=True, slots=True)
class Place:
    """Frames of one event.

    Attributes
    ----------
    path
        Of the file, below a folder that the profile names.
    dataset
        In the file.
    first, stop
        Of its first axis; if `declared`, of the events that it is made of.
    declared
        Shape of one event as its descriptor has it, or () where frames are counted.
    names
        Of the files, if `path` is a folder with one for each frame; else None.
    """

    path: Path
    dataset: str
    first: int
    stop: int
    declared: tuple[int, ...] = ()
    names: FileNames | None = None


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    dataset: str
    frames_per_event: int
    names: FileNames | None = None


@dataclass(frozen=True, slots=True)
class _Stream:
    """What a descriptor says of the data of its stream.

    Attributes
    ----------
    outside
        Keys whose data lie in files, with the shape that each is declared to have.
    time_s
        When it was written; NaN if it does not say.
    has_all_outside
        Whether nothing else is in the stream `primary`, so that no event need come for it.
    """

    outside: Mapping[str, tuple[int, ...]]
    time_s: float
    has_all_outside: bool


@dataclass(slots=True)
class AssetBook:
    """What the documents said of files so far.

    Parameters
    ----------
    roots
        Folders below which files are read.
    """

    roots: tuple[Path, ...]
    _files: dict[str, _File | str] = field(default_factory=dict[str, "_File | str"])
    _keys: dict[str, str] = field(default_factory=dict[str, str])
    _datums: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    _spans: dict[tuple[str, str], list[tuple[int, int, int, int, str]]] = field(
        default_factory=dict[tuple[str, str], list[tuple[int, int, int, int, str]]]
    )
    _ends: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _streams: dict[str, _Stream] = field(default_factory=dict[str, "_Stream"])

    def note(self, name: str, document: Mapping[str, Any]) -> None:
        """Take note of a document about files, or of a descriptor.

        Raises
        ------
        FrameRejected
            It is not what it should be.
        """
        if name in {"resource", "stream_resource"}:
            uid = text(document.get("uid"))
            self._keys[uid] = text(document.get("data_key", ""))
            _keep_newest(self._keys)
            try:
                self._files[uid] = self._file(document)
            except FrameRejected as error:
                # Said where its first event is looked for.
                self._files[uid] = str(error)
            _keep_newest(self._files)
        elif name == "datum":
            self._note_datum(document, document.get("datum_id"), document.get("datum_kwargs"))
        elif name == "datum_page":
            names, columns = document.get("datum_id"), document.get("datum_kwargs")
            if isinstance(names, Sequence) and isinstance(columns, Mapping):
                for number, each in enumerate(names):
                    self._note_datum(document, each, {key: column[number] for key, column in columns.items()})
        elif name == "stream_datum":
            self._note_span(document)
        elif name == "descriptor":
            self._note_keys(document)

    def places(self, event: Mapping[str, Any]) -> Iterator[tuple[str, Place | None]]:
        """Yield each key of an event whose data lie in a file, and where; None while no document has said it.

        Raises
        ------
        FrameRejected
            They lie where nothing is read, or in another way than is known.
        """
        data: Mapping[str, Any] = event["data"]
        descriptor = str(event["descriptor"])
        number = whole(event["seq_num"], "seq_num")
        stream = self._streams.get(descriptor)
        for key in () if stream is None else stream.outside:
            value = data.get(key)
            if isinstance(value, str):
                datum = self._datums.get(value)
                yield key, None if datum is None else self._place_of_datum(*datum)
            elif value is None:
                yield key, self._place_of_span(descriptor, key, number)

    def completed(self, document: Mapping[str, Any]) -> range:
        """Return the numbers of events whose data a `stream_datum`, noted before, has made complete.

        None are while another key of the stream lacks them, or where events have to say what is complete.

        Raises
        ------
        FrameRejected
            They are more than any scan has.
        """
        descriptor = text(document.get("descriptor"))
        stream = self._streams.get(descriptor)
        numbers = document.get("seq_nums")
        if stream is None or not stream.has_all_outside or not isinstance(numbers, Mapping):
            return range(0)
        first, stop = (whole(numbers.get(end), f"seq_nums.{end}") for end in ("start", "stop"))
        if stop - first > _MOST_EVENTS:
            msg = f"a stream_datum stands for {stop - first} events; at most {_MOST_EVENTS} are read"
            raise FrameRejected(msg)
        reach = min(self._ends[self._named(descriptor, key)] for key in stream.outside)
        return range(first, min(stop, reach))

    def columns(self, descriptor: str, numbers: range) -> dict[str, list[Place | None]]:
        """Return for each key of a stream where the data of some events lie.

        Raises
        ------
        FrameRejected
            As `places`.
        """
        return {
            key: [self._place_of_span(descriptor, key, number) for number in numbers]
            for key in self._streams[descriptor].outside
        }

    def described_s(self, descriptor: str) -> float:
        """Return when a descriptor was written, in seconds since 1970; NaN where it does not say."""
        return self._streams[descriptor].time_s

    def _note_datum(self, document: Mapping[str, Any], name: object, arguments: object) -> None:
        point = arguments.get("point_number", 0) if isinstance(arguments, Mapping) else 0
        self._datums[text(name)] = text(document.get("resource")), whole(point, "point_number")
        _keep_newest(self._datums)

    def _note_span(self, document: Mapping[str, Any]) -> None:
        uid = text(document.get("stream_resource"))
        frames, events = document.get("indices"), document.get("seq_nums")
        if not isinstance(frames, Mapping) or not isinstance(events, Mapping):
            msg = "a stream_datum has no indices or no seq_nums"
            raise FrameRejected(msg)
        place = text(document.get("descriptor")), self._keys.get(uid, "")
        ends = [
            whole(part.get(end), f"{name}.{end}")
            for name, part in (("indices", frames), ("seq_nums", events))
            for end in ("start", "stop")
        ]
        spans = self._spans.setdefault(place, [])
        spans.append((ends[2], ends[3], ends[0], ends[1], uid))
        del spans[:-_MAX_KEPT]
        self._ends[place] = max(self._ends[place], ends[3])

    def _note_keys(self, document: Mapping[str, Any]) -> None:
        keys = document.get("data_keys")
        if not isinstance(keys, Mapping):
            return
        outside = {
            str(key): _shape_of(about)
            for key, about in keys.items()
            if isinstance(about, Mapping) and "external" in about
        }
        if outside:
            is_streamed = all(str(keys[key]["external"]).startswith("STREAM") for key in outside)
            time_s = document.get("time")
            self._streams[text(document.get("uid"))] = _Stream(
                outside,
                float(time_s) if is_time(time_s) else math.nan,
                has_all_outside=is_streamed and len(outside) == len(keys) and document.get("name") == _STREAM,
            )
            _keep_newest(self._streams)

    def _place_of_datum(self, resource: str, point: int) -> Place | None:
        file = self._files.get(resource)
        if isinstance(file, str):
            raise FrameRejected(file)
        if file is None:
            return None
        first = point * file.frames_per_event
        return Place(file.path, file.dataset, first, first + file.frames_per_event, (), file.names)

    def _place_of_span(self, descriptor: str, key: str, number: int) -> Place | None:
        spans = self._spans.get(self._named(descriptor, key), [])
        for first_event, stop_event, first, stop, uid in reversed(spans):
            if first_event <= number < stop_event:
                file = self._files.get(uid)
                if isinstance(file, str):
                    raise FrameRejected(file)
                if file is None:
                    return None
                frames = max((stop - first) // (stop_event - first_event), 1)
                begin = first + (number - first_event) * frames
                declared = self._streams[descriptor].outside[key] if frames == 1 else ()
                return Place(file.path, file.dataset, begin, begin + frames, declared, file.names)
        return None

    def _named(self, descriptor: str, key: str) -> tuple[str, str]:
        """Return what the spans of a key are kept under: not every file says whose data it has."""
        known = descriptor, key
        return known if known in self._spans else (descriptor, "")

    def _file(self, document: Mapping[str, Any]) -> _File:
        arguments = document.get("parameters", document.get("resource_kwargs"))
        arguments = arguments if isinstance(arguments, Mapping) else {}
        kind = text(document.get("mimetype") or document.get("spec"))
        if kind not in _HDF5 | {_HDF5_KIND} | _TIFF:
            msg = f"an image lies in a file of the kind {kind!r}; HDF5 files and TIFF are read"
            raise FrameRejected(msg)
        names = file_names(arguments.get("template"), arguments.get("filename")) if kind in _TIFF else None
        dataset = arguments.get("dataset", arguments.get("path"))
        per_event = whole(arguments.get("frame_per_point") or 1, "frame_per_point")
        return _File(
            path=self._below_a_root(_path_of(document)),
            dataset=_AD_DATASET if dataset is None else text(dataset),
            frames_per_event=max(per_event, 1),
            names=names,
        )

    def _below_a_root(self, named: Path) -> Path:
        """Return a path as it really is, so that neither `..` nor a link leads out of the folders."""
        path = named.resolve()
        if not any(path.is_relative_to(root.resolve()) for root in self.roots):
            msg = (
                f"an image lies in {text(str(named))}, which is below none of the folders of the profile; "
                "add its folder as [layout] asset_roots, if it is to be trusted"
            )
            raise FrameRejected(msg)
        return path


def _path_of(document: Mapping[str, Any]) -> Path:
    uri = document.get("uri")
    if isinstance(uri, str):
        parts = urlsplit(uri)
        if parts.scheme != "file" or parts.hostname not in {None, "localhost"}:
            msg = f"an image lies at {text(uri)}; files of this machine (file://localhost/…) are read"
            raise FrameRejected(msg)
        name = unquote(parts.path)
    else:
        name = f"{document.get('root') or ''}/{document.get('resource_path') or ''}"
    if "\0" in name or not name.startswith("/"):
        msg = f"an image lies in {text(name)}; expected the whole path of a file"
        raise FrameRejected(msg)
    return Path(name)


def _shape_of(about: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape that a data key is declared to have; () where it is none, or has gaps."""
    shape = about.get("shape")
    sizes = tuple(shape) if isinstance(shape, list | tuple) else ()
    return sizes if all(isinstance(size, int) and size > 0 for size in sizes) else ()


def _keep_newest(kept: dict[str, Any]) -> None:
    while len(kept) > _MAX_KEPT:
        del kept[next(iter(kept))]
