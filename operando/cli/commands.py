"""The commands."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# A command has as many arguments as it has options.
# ruff: noqa: PLC0415, PLR0913, PLR0917

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from operando import __version__
from operando.cli.console import (
    Exit,
    PlainLines,
    data,
    escaped,
    fail,
    follow_and_report,
    guarded,
    leave,
    numbers,
    people,
    progress,
    report_demo,
    speed_of,
)

__all__ = ["app"]

_DEMO_SPEED = 20.0
"""World seconds per second when somebody watches: a cycle takes about 5 s."""

_DEMO_ELAPSED_S = 600.0
"""The demonstration begins when the first particles are on their way."""


app = typer.Typer(
    help="Lithiation maps from few-energy STXM, with their uncertainty, while the scan is running.",
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 configuration or references, 4 source unreachable, "
    "5 data incomplete, 6 file damaged, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Source = Annotated[
    str,
    typer.Argument(
        help="A run log, or where one is served (tcp://127.0.0.1:5577); documents as .json, .jsonl, "
        ".ndjson or .msgpack; an SDF header .hdr; a NXstxm or Data Exchange file .hdf5, .h5, .nxs or .stxm; "
        "ptychography .cxi or .ptyr, or a folder of it; TIFF .tif; or a "
        "catalog, https://… of a Tiled server or catalog:FOLDER, with the uid of a run."
    ),
]
Profile = Annotated[Path | None, typer.Option(help="How this instrument's data are read: a profile.toml.")]
References = Annotated[Path | None, typer.Option(help="The spectra of the pure phases: a library.toml.")]
Incident = Annotated[
    str | None,
    typer.Option("--i0", help="Where I0 comes from: blank, channel, or a file of energy and counts per ms."),
]
Background = Annotated[str | None, typer.Option(help="Background of the fit: none, constant or linear.")]
Estimator = Annotated[
    str | None,
    typer.Option(help="Images of an energy that a map is made of: timed (also older ones) or latest."),
]
Registration = Annotated[
    str | None, typer.Option(help="Move images to where the first one lies: auto, on or off.")
]
Gain = Annotated[float | None, typer.Option(help="Variance-to-mean ratio of the counts; 1 for photons.")]
Energies = Annotated[str | None, typer.Option(help="Fit only these energies of the run: eV, eV, …")]
Output = Annotated[Path | None, typer.Option(help="The results file (NeXus HDF5); pictures go beside it.")]
Headless = Annotated[bool, typer.Option("--headless", help="Do not open a window.")]
Keys = Annotated[
    Path | None, typer.Option(help="Folder of the keys for other machines, made by 'operando keys new'.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Speed = Annotated[str, typer.Option(help="Acquisition seconds per second, such as 1 or 60; or max.")]


def _say_version(is_asked: bool) -> None:
    if is_asked:
        data.print(__version__)
        raise typer.Exit


@app.callback()
def _common(
    verbose: Annotated[bool, typer.Option("--verbose", help="Say more of what goes on.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback has printed it by now
        bool,
        typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_say_version),
    ] = False,
) -> None:
    to_people = logging.StreamHandler()
    to_people.setFormatter(PlainLines("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[to_people])


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for all that is written.")] = Path("operando-demo"),
    cycles: Annotated[int, typer.Option(min=1, help="How often all energies are visited.")] = 6,
    pixels: Annotated[int, typer.Option(min=16, max=512, help="Columns and rows of the field.")] = 96,
    material: Annotated[str, typer.Option(help="The model material: lixv2o5 or lixfepo4.")] = "lixv2o5",
    seed: Annotated[int, typer.Option(help="Of sample and noise.")] = 7,
    headless: Headless = False,
    as_json: AsJson = False,
) -> None:
    """Watch a simulated cell react: plan, recorder, log, monitor, dashboard, and the truth beside it."""
    from operando.app.demo import demo as run_demo
    from operando.app.demo import fresh_folder
    from operando.app.simulate import Cell, energies_of
    from operando.view import has_display

    with guarded():
        cell = Cell(
            material=material,
            seed=seed,
            started_s=float(int(time.time())),
            pixels=pixels,
            cycles=cycles,
            dwell_ms=1.0,
            energies_ev=energies_of(material),
            elapsed_s=_DEMO_ELAPSED_S,
        )
        has_window = has_display() and not headless
        folder = fresh_folder(output)
        people.print("Compiling the fit, if this is the first time, and starting the simulated cell …")
        with progress() as tell:
            result = run_demo(
                cell,
                folder,
                speed=_DEMO_SPEED if has_window else None,
                has_window=has_window,
                tell=tell,
            )
        report_demo(result, as_json=as_json)
        leave(result.outcome)
        if not result.agrees:
            fail(
                Exit.FAILED,
                "the map does not agree with the truth: "
                f"{result.share_within:.1%} of the valid pixels are within 3 σ (99 % expected), "
                f"σ is {result.error_ratio:.2f} × that of the counts (at most 1.2), "
                f"χ² is {result.chi2:.2f} (0.6 to 1.6), the pull {result.pull_rms:.2f} (0.4 to 1.3), "
                f"{result.lines_missing} lines are missing (0)",
            )


@app.command()
def simulate(
    log: Annotated[Path, typer.Argument(help="The run log to write.")],
    material: Annotated[str, typer.Option(help="lixv2o5 or lixfepo4.")] = "lixv2o5",
    seed: Annotated[int, typer.Option(help="Of sample and noise.")] = 7,
    pixels: Annotated[int, typer.Option(help="Columns and rows of the field.")] = 96,
    cycles: Annotated[int, typer.Option(help="How often all energies are visited.")] = 6,
    dwell_ms: Annotated[float, typer.Option(help="Per pixel.")] = 1.0,
    energies: Annotated[str | None, typer.Option(help="eV, eV, …; the material's own if left out.")] = None,
    elapsed: Annotated[float, typer.Option(help="Seconds the cell has reacted before the start.")] = 600.0,
    started: Annotated[
        float | None, typer.Option(help="The world's clock at the start, seconds since the epoch; now.")
    ] = None,
    speed: Speed = "max",
    static: Annotated[bool, typer.Option("--static", help="A cell stopped half-way.")] = False,
    faults: Annotated[
        str, typer.Option(help="What goes wrong: beam-loss,drops,… or all; see reference/faults.")
    ] = "",
) -> None:
    """Acquire a series from the simulated cell into a run log, through a real RunEngine."""
    from operando.app.simulate import Cell, energies_of, fault_names
    from operando.app.simulate import simulate as run_simulation

    with guarded():
        cell = Cell(
            material=material,
            seed=seed,
            started_s=time.time() if started is None else started,
            pixels=pixels,
            cycles=cycles,
            dwell_ms=dwell_ms,
            energies_ev=numbers(energies) or energies_of(material),
            is_reacting=not static,
            elapsed_s=elapsed,
        )
        status = run_simulation(cell, log, speed=speed_of(speed), faults=fault_names(faults))
        people.print(escaped(f"The series ended with '{status}'; it is in {log}."))
        if status != "success":
            raise typer.Exit(Exit.INTERRUPTED if status == "abort" else Exit.FAILED)


@app.command()
def replay(
    source: Source,
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="The uids of the runs, one after the other, if SOURCE is a catalog."),
    ] = None,
    references: References = None,
    profile: Profile = None,
    energies: Energies = None,
    i0: Incident = None,
    background: Background = None,
    estimator: Estimator = None,
    registration: Registration = None,
    gain: Gain = None,
    speed: Speed = "max",
    keys: Keys = None,
    output: Output = None,
    headless: Headless = False,
    as_json: AsJson = False,
) -> None:
    """Fit a recorded run with the same engine that follows a live one."""
    from operando.app.follow import Setting
    from operando.app.keeper import Keeper
    from operando.app.open_source import folder_of, open_recording, results_of, runs_of
    from operando.app.work import Options, work_of
    from operando.view import has_display

    with guarded():
        source = f"{source}#{','.join(runs)}" if runs else source
        options = Options(
            profile, references, i0, background, gain, numbers(energies), estimator, registration
        )
        work = work_of(options, beside=folder_of(source))
        results = output or results_of(source)
        recording = open_recording(source, speed_of(speed), keys)
        keeper = Keeper(results, work)
        keeper.prepare(runs_of(source) if results.exists() else ())
        follow_and_report(recording, keeper, Setting(has_display() and not headless), as_json=as_json)


@app.command()
def monitor(
    source: Annotated[
        str,
        typer.Argument(
            help="A run log that is being written, or where it is served, tcp://127.0.0.1:5577; "
            "or bluesky's 0MQ proxy, proxy://127.0.0.1:5578, which is best effort."
        ),
    ],
    references: References = None,
    profile: Profile = None,
    energies: Energies = None,
    i0: Incident = None,
    background: Background = None,
    estimator: Estimator = None,
    registration: Registration = None,
    gain: Gain = None,
    keys: Keys = None,
    repair: Annotated[
        Path | None, typer.Option(help="A run log of the same scan, for what a proxy has lost.")
    ] = None,
    output: Output = None,
    web: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Also serve a read-only page on this machine, such as 127.0.0.1:8080."
        ),
    ] = None,
    headless: Headless = False,
    as_json: AsJson = False,
) -> None:
    """Follow a run log while it is written, until interrupted (Ctrl-C); the same command then goes on."""
    import threading
    from contextlib import ExitStack

    from operando.app.alarm_rules import alarms_of
    from operando.app.await_log import follow_when_there
    from operando.app.follow import Setting, choices_name
    from operando.app.keeper import Keeper
    from operando.app.open_source import advice_of, folder_of, log_of, results_of
    from operando.app.web import Page
    from operando.app.window import WindowDoor, WindowProcess
    from operando.app.work import Options, rules_of, work_of
    from operando.live.adviser import Adviser
    from operando.live.alarms import Alarms
    from operando.live.beside import Company, Onlooker
    from operando.settings import load_profile
    from operando.view import HistoryBook, has_display

    with guarded(), ExitStack() as leaving:
        options = Options(
            profile, references, i0, background, gain, numbers(energies), estimator, registration
        )
        work = work_of(options, beside=folder_of(source))
        rules, adviser = rules_of(options), None
        if rules is not None:
            adviser = Adviser(advice_of(source), rules, work.recipe.background)
            people.print(f"Advice to the plan goes into {escaped(str(advice_of(source)))}.")
        wanted = () if profile is None else load_profile(profile).alarms
        alarms = alarms_of(wanted, [phase.name for phase in work.library.phases])
        onlookers: list[Onlooker] = [Alarms(alarms)] if alarms else []
        book = HistoryBook()
        if web is not None:
            page = Page(web, history=book.read)
            onlookers.append(page)
            # The log may not be there for hours; who has the address is told so.
            leaving.callback(page.close)
            page.open()
            people.print(f"The page is at {escaped(page.url)}, for whoever has this address.", soft_wrap=True)
        results = output or results_of(source)
        opened = follow_when_there(
            source, threading.Event(), lambda words: people.print(escaped(words)), keys=keys, repair=repair
        )
        keeper = Keeper(results, work)
        keeper.prepare()
        # The window is a process of its own: whatever becomes of it, the fit goes on.
        door = WindowDoor(results, book, f"Operando: {opened.source.name}", choices_name(work))
        onlookers.append(door)
        if has_display() and not headless:
            onlookers.append(WindowProcess(door.plate, f"'operando window {results}'"))
        setting = Setting(
            checkpoint=results.with_suffix(".checkpoint") if opened.can_reread else None,
            adviser=adviser,
            company=Company(onlookers, log_of(source)),
            book=book,
        )
        follow_and_report(opened.source, keeper, setting, as_json=as_json)


@app.command()
def window(
    monitored: Annotated[
        str, typer.Argument(help="What the monitor was given: a run log or an address; or its results file.")
    ],
) -> None:
    """Open the window of a monitor that runs on this machine, in place of the one that is open."""
    from operando.app.window import attach
    from operando.app.window.plate import plate_for

    with guarded():
        code = attach(plate_for(monitored))
        if code:
            raise typer.Exit(code)


@app.command()
def serve(
    log: Annotated[Path, typer.Argument(help="The run log to serve; it may still be written.")],
    address: Annotated[
        str,
        typer.Option(help="Where to listen; beyond this machine only with --keys. Port 0: any that is free."),
    ] = "tcp://127.0.0.1:5577",
    keys: Keys = None,
) -> None:
    """Give a run log to monitors in other processes, until interrupted (Ctrl-C)."""
    import threading

    from operando.io.keys import load_server_keys
    from operando.io.log_server import LogServer
    from operando.io.log_server import serve as run_server

    def tell(server: LogServer) -> None:
        # stdout has the address alone, for a program that asked for any free port.
        data.print(server.address)
        people.print("The run log is served there until Ctrl-C.")

    with guarded():
        loaded = None if keys is None else load_server_keys(keys)
        run_server(log, address, threading.Event(), tell, loaded)


@app.command()
def export(
    source: Source,
    output: Annotated[
        str,
        typer.Argument(
            help="NXstxm: .hdf5, .h5, .hdf, .nxs or .stxm; SDF: .hdr; documents: .jsonl, .ndjson, or a "
            "catalog: https://… of a Tiled server, or catalog:FOLDER."
        ),
    ],
    profile: Profile = None,
    keys: Keys = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Into a catalog: go on while SOURCE is written, until Ctrl-C.")
    ] = False,
) -> None:
    """Write the images of a recording for MANTiS and aXis2000; or it, or results, as documents."""
    import threading

    from operando.app.export import export as run_export
    from operando.app.export import export_documents, export_growing, takes_documents
    from operando.app.file_kinds import without_key
    from operando.app.open_source import open_recording
    from operando.settings import LayoutSettings, load_profile

    with guarded():
        if follow:
            export_growing(
                source, output, threading.Event(), lambda words: people.print(escaped(words)), keys
            )
        elif takes_documents(output):
            runs = export_documents(source, output, keys)
            people.print(escaped(f"{runs} {'run is' if runs == 1 else 'runs are'} in {without_key(output)}."))
        else:
            layout = LayoutSettings() if profile is None else load_profile(profile).layout
            cycles = run_export(open_recording(source, keys=keys), Path(output), layout)
            people.print(escaped(f"{cycles} {'cycle is' if cycles == 1 else 'cycles are'} in {output}."))
