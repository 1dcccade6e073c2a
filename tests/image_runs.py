"""Runs of whole images that say nothing in their start document of what they scan."""

from __future__ import annotations

from typing import Any

from event_model import compose_run


def image_run(**start: Any) -> tuple[list[tuple[str, dict]], Any, Any]:
    """Return a run of whole frames that does not say its energies beforehand, without its events."""
    run = compose_run(metadata={"plan_name": "list_scan", **start}, time=50.0)
    keys = {
        "camera": {"source": "t", "dtype": "array", "shape": [3, 4]},
        "mono_energy": {"source": "t", "dtype": "number", "shape": [], "units": "eV"},
        "mono_energy_setpoint": {"source": "t", "dtype": "number", "shape": [], "units": "eV"},
    }
    stream = run.compose_descriptor(name="primary", data_keys=keys, time=50.0)
    return [("start", run.start_doc), ("descriptor", stream.descriptor_doc)], run, stream


EXTENTS = {"x_extent": [3.0, 0.0], "y_extent": [0.0, 2.0]}


def image_event(stream: Any, number: int, energy_ev: float, image: Any, **more: Any) -> tuple[str, dict]:
    data = {"camera": image, "mono_energy": energy_ev, "mono_energy_setpoint": round(energy_ev), **more}
    stamps = dict.fromkeys(data, 100.0 + number)
    event = stream.compose_event(
        data=data, timestamps=stamps, seq_num=number, time=100.0 + number, validate=False
    )
    return "event", event
