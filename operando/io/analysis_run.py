"""Results as Bluesky documents: an analysis run that names the raw run, with one event a cycle."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
from event_model import compose_run

from operando import __version__
from operando.io.results import Results

__all__ = ["analysis_documents"]

_SPACE = uuid.UUID("5d2ae0b4-9a2f-4c55-8e6d-0f6f2b1f0a47")
_MAPS = ("lithium", "lithium_error", "thickness", "chi2", "r_factor", "energies_used", "reason")
"""Fields of `LithiationMap`, shape (ny, nx)."""
_CURVE = ("lithium", "lithium_error", "pixels")


def analysis_documents(results: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of the analysis run of a results file; the same ones each time.

    The start document names the raw run (`raw_run`), the phases, the energies, the settings of the fit and
    this program. Each event is one cycle: `cycle`, `time_s`, the mean over the field (`mean_lithium`,
    `mean_lithium_error`, `mean_pixels`) and the maps, shape (ny, nx), with `fraction` of shape
    (phase, ny, nx). NaN where undetermined.

    Parameters
    ----------
    results
        Read from its file.
    """
    plan = results.plan
    # Another fit of the same cycles is another run.
    fit = sorted(results.process.items())
    uid = uuid.uuid5(_SPACE, f"{plan.run} {results.cycle.tolist()} {results.time_s.tolist()} {fit}")
    run = compose_run(uid=str(uid), time=plan.started_s, metadata=_metadata(results))
    yield "start", dict(run.start_doc)
    stream = run.compose_descriptor(
        name="primary", data_keys=_keys(results), time=plan.started_s, uid=_uid(uid, "primary")
    )
    yield "descriptor", dict(stream.descriptor_doc)
    last_s = plan.started_s
    for index, cycle in enumerate(results.cycle.tolist()):
        last_s = float(results.time_s[index])
        data = _cycle(results, index, cycle)
        event = stream.compose_event(
            data=data,
            timestamps=dict.fromkeys(data, last_s),
            seq_num=index + 1,
            time=last_s,
            uid=_uid(uid, f"cycle {cycle}"),
        )
        yield "event", dict(event)
    yield "stop", dict(run.compose_stop(time=last_s, uid=_uid(uid, "stop")))


def _metadata(results: Results) -> dict[str, Any]:
    plan = results.plan
    return {
        "plan_name": "operando_analysis",
        "raw_run": plan.run,
        "raw_plan_name": plan.plan_name,
        "sample": plan.sample,
        "analysis": {
            "program": "operando",
            "version": __version__,
            "phases": list(results.phase_names),
            "phase_lithium": results.phase_lithium.tolist(),
            "energies_ev": results.energies_ev.tolist(),
            "x_um": results.x_um.tolist(),
            "y_um": results.y_um.tolist(),
            "settings": dict(results.process),
        },
    }


def _keys(results: Results) -> dict[str, Any]:
    shape = list(results.plan.grid.shape)
    phases = len(results.phase_names)
    unit = {"optical_density": "", "od_per_nm": "nm", "mass_absorption": "g/cm2"}.get(results.phases.unit, "")
    keys: dict[str, Any] = {"cycle": _number("integer"), "time_s": _number("number", "s")}
    keys |= {f"mean_{name}": _number("integer" if name == "pixels" else "number") for name in _CURVE}
    for name in _MAPS:
        keys[name] = _array(shape, getattr(results, name).dtype, unit if name == "thickness" else "")
    keys["fraction"] = _array([phases, *shape], results.fraction.dtype, "")
    return keys


def _number(dtype: str, unit: str = "") -> dict[str, Any]:
    return {"source": "operando", "dtype": dtype, "shape": [], "units": unit}


def _array(shape: list[int], dtype: np.dtype[Any], unit: str) -> dict[str, Any]:
    numpy_dtype = np.dtype(dtype).newbyteorder("<").str
    return {"source": "operando", "dtype": "array", "shape": shape, "dtype_numpy": numpy_dtype, "units": unit}


def _cycle(results: Results, index: int, cycle: int) -> dict[str, Any]:
    curve = results.curve
    places = np.flatnonzero(curve.cycle == cycle)
    data: dict[str, Any] = {"cycle": cycle, "time_s": float(results.time_s[index])}
    for name in _CURVE:
        values = getattr(curve, name)[places]
        nothing: int | float = 0 if name == "pixels" else float("nan")
        data[f"mean_{name}"] = values[-1].item() if values.size else nothing
    data |= {name: getattr(results, name)[index] for name in _MAPS}
    return data | {"fraction": results.fraction[index]}


def _uid(run: uuid.UUID, what: str) -> str:
    return str(uuid.uuid5(run, what))
