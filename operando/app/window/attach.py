"""Open a window on a monitor that runs in another process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from operando.app.onpaper import paper_for
from operando.app.stress import solve_stress
from operando.app.window.link import Link
from operando.view import DashboardOptions, folder_of_choices, run_dashboard
from operando.view.screen import require_screen

__all__ = ["attach"]


def attach(plate: Path) -> int:
    """Show the dashboard of a monitor until its window is closed; the monitor goes on.

    Parameters
    ----------
    plate
        The file that says where the monitor is.

    Returns
    -------
    int
        0, or 130 if interrupted.

    Raises
    ------
    SourceUnreachable
        No monitor is there.
    ConfigurationError
        No screen answers, or the file is something else.
    """
    require_screen()
    link = Link(plate)
    try:
        # Only names: which folders they lie in is known here.
        choices = folder_of_choices(os.environ, sys.platform) / Path(link.welcome.choices).name
        options = DashboardOptions(
            title=link.welcome.title,
            history=link.history,
            send=link.send,
            choices_file=choices,
            put_on_paper=paper_for(plate.with_name(Path(link.welcome.results).name)),
            solve_stress=solve_stress,
            age_s=link.age_s,
            cut=link.cut,
        )
        return run_dashboard(link.take, options)
    finally:
        link.close()
