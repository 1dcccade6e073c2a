"""Runs in exactly the shape that pyStxm gives them at the CLS: one image a run, everything else in JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from event_model import compose_run

from operando.types import FloatArray, ScanPlan

__all__ = ["cls_image", "cls_metadata"]

Documents = list[tuple[str, dict[str, Any]]]


def cls_metadata(plan: ScanPlan, energy: int, entry: str = "entry0", sp_id: int = 0) -> str:
    """Return the text under `metadata` of the run of one energy."""
    ny, nx = plan.grid.shape
    half = plan.energies_ev.size // 2
    parts = [
        {"SETPOINTS": part.tolist(), "DWELL": 2.0, "POL_ROIS": [{"POL": 0}]}
        for part in (plan.energies_ev[:half], plan.energies_ev[half:])
        if part.size
    ]
    axes = {
        name: {"START": float(at[0]), "STOP": float(at[-1]), "NPOINTS": points, "POSITIONER": f"Sample{name}"}
        for name, at, points in (("X", plan.grid.x_um, nx), ("Y", plan.grid.y_um, ny))
    }
    rois = {str(sp_id): {**axes, "Z": {"START": 0, "STOP": 0, "NPOINTS": 1}, "EV_ROIS": parts}}
    place = {"e_idx": energy, "pol_idx": 0, "sp_id": sp_id, "sp_idx": sp_id, "entry": entry}
    return json.dumps(
        {
            "entry_name": entry,
            "scan_type": 7,
            "dwell": 2.0,
            "primary_det": "counter0",
            "img_idx_map": json.dumps(place),
            "wdg_com": json.dumps({"CMND": 0, "rois": rois}),
        }
    )


def cls_image(
    plan: ScanPlan,
    energy: int,
    counts: FloatArray,
    *,
    began_s: float,
    channel: str | None = None,
    entry: str = "entry0",
) -> Documents:
    """Return the documents of one image, shape (ny, nx): a burst of lines at one time, under a wrong shape.

    With a channel, each value is a block of arrays, under a key that was declared a number.
    """
    run = compose_run(
        metadata={"plan_name": "sample_image_stack", "metadata": cls_metadata(plan, energy, entry)},
        time=began_s,
    )
    number = {"source": "SIM:counter0", "dtype": "number", "shape": []}
    array = {"source": "SIM:counter0", "dtype": "array", "shape": [plan.grid.shape[1] + 4]}
    key = "counter0_waveform_rbv"
    stream = run.compose_descriptor(
        name="primary", data_keys={key: array if channel is None else number}, time=began_s
    )
    documents: Documents = [("start", dict(run.start_doc)), ("descriptor", dict(stream.descriptor_doc))]
    burst_s = began_s + 10.0
    for row, line in enumerate(np.asarray(counts), start=1):
        value = line.tolist() if channel is None else {channel: line.tolist()}
        event = stream.compose_event(
            data={key: value}, timestamps={key: burst_s}, seq_num=row, time=burst_s, validate=False
        )
        documents.append(("event", dict(event)))
    documents.append(("stop", dict(run.compose_stop(time=burst_s + 0.5))))
    return documents
