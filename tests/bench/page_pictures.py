"""Draw the page of `operando monitor --web` in all its states, at two sizes, light and dark.

python tests/bench/page_pictures.py FOLDER

The run is made up. Needs chromium and the extra [browser]. Somebody has to look at the pictures; what can be
tested of them is in tests/app/test_web_browser.py.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import sync_playwright

from operando.regions import Marks, Outline, Region
from operando.types import Delivery, Snapshot
from operando.view.example import Stage, Story, snapshot_at, with_marks

sys.path.insert(0, str(Path(__file__).parents[1]))
from visitors import served

MARKS = Marks(
    (
        Region("platelet A", Outline.RECTANGLE, ((1.5, -0.5), (3.0, 1.0))),
        Region("rim", Outline.RECTANGLE, ((3.2, -1.5), (4.2, 0.0))),
    ),
    (Region("dirt", Outline.RECTANGLE, ((1.4, -1.6), (2.4, -0.8))),),
)
LIVE = with_marks(snapshot_at(Stage(cycles=5, frames=2, rows=40)), MARKS)
WIDE = snapshot_at(Stage(cycles=2, frames=1, rows=9), Story(shape=(30, 120)))
STATES: dict[str, Snapshot | None] = {
    "waiting": None,
    "filling": snapshot_at(Stage(rows=40)),
    "live": LIVE,
    "catching-up": replace(LIVE, delivery=Delivery("run.log", behind=12_345, lag_s=4000.0, lost=3)),
    "lost": replace(LIVE, delivery=Delivery("run.log", failure="the log is gone")),
    "finished": snapshot_at(Stage(cycles=12, is_closed=True)),
    "wide": WIDE,
}
SIZES = {"telephone": (390, 844), "desk": (1280, 800)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for state, snapshot in STATES.items():
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    context = chromium.new_context(
                        viewport={"width": width, "height": height},
                        color_scheme=scheme,
                        device_scale_factor=1,
                    )
                    screen = context.new_page()
                    with served() as (page, box):
                        if snapshot is not None:
                            box.put(snapshot)
                        screen.goto(page.url)
                        screen.wait_for_selector("#map[data-drawn]" if snapshot else "#veil:not([hidden])")
                        screen.screenshot(path=folder / f"{state}-{size}-{scheme}.png", full_page=True)
                    screen.wait_for_selector("#veil:not([hidden])")
                    if state == "live":
                        screen.screenshot(path=folder / f"ended-{size}-{scheme}.png")
                    context.close()
        chromium.close()


if __name__ == "__main__":
    main()
