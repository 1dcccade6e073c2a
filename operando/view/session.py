"""What is being looked at: live or a moment of the past, which maps, pixel and region; knows no Qt.

The panels draw what this says, and every key and button changes this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from operando.regions import Marks, Region
from operando.types import FloatArray, MaskArray, RegionResult, ScanGrid, Snapshot
from operando.view import album as editing
from operando.view.album import Album, Pick
from operando.view.choices import PALETTES, PANES, Choices, forget, with_marks
from operando.view.history import History, Moment
from operando.view.maps import Surroundings, is_fixed, map_levels, masked_pixels
from operando.view.quantities import STRESS, MapChoice, choice_of, choices_of
from operando.view.scales import Levels
from operando.view.spectrum import default_pixel
from operando.view.stresses import Stresses, WholeCycle

__all__ = ["Session"]

_WIDER = 1.25


class Session:
    """One window's view of a run.

    Parameters
    ----------
    choices
        Layout and choices to begin with.
    read_history
        Returns the cycles of record so far.
    send
        Sends marks to whoever fits.
    stresses
        What is known of the stress; None where nobody computes it.

    Attributes
    ----------
    choices
        As they are now.
    live
        The newest snapshot, or None before the first.
    shown
        The snapshot to draw: the newest, or one of the past.
    album
        Regions and masks with their undo.
    pick
        The region or mask that is chosen, or None where the pixel is.
    pixel
        (row, column) of the pixel that is chosen.
    active
        Which of the large maps the keys are about.
    is_playing
        Whether the history is being played.
    stresses
        What is known of the stress.
    """

    def __init__(
        self,
        choices: Choices,
        read_history: Callable[[], History] = History,
        send: Callable[[Marks], None] = lambda _marks: None,
        stresses: Stresses | None = None,
    ) -> None:
        self.choices = choices
        self.live: Snapshot | None = None
        self.shown: Snapshot | None = None
        self.album = Album()
        self.pick: Pick | None = None
        self.pixel: tuple[int, int] | None = None
        self.active = 0
        self.is_playing = False
        self.stresses = Stresses() if stresses is None else stresses
        self._read_history = read_history
        self._send = send
        self._moment: Moment | None = None
        self._is_frozen = False
        self._is_pixel_chosen = False
        self._levels: dict[MapChoice, Levels] = {}
        self._before: tuple[Moment, FloatArray] | None = None
        self._masked: tuple[tuple[Region, ...], ScanGrid | None, MaskArray | None] | None = None

    # The snapshot that is shown

    @property
    def history(self) -> History:
        """The cycles of record of the run that is shown."""
        history = self._read_history()
        return history if self.live is not None and history.run == self.live.plan.run else History()

    @property
    def is_live(self) -> bool:
        """Whether the newest is shown."""
        return not self._is_frozen

    @property
    def cycle(self) -> int | None:
        """The cycle of the past that is shown; None while live, or frozen before its end."""
        return None if self._moment is None else self._moment.cycle

    def take(self, snapshot: Snapshot) -> bool:
        """Show a snapshot unless the past is looked at; return whether another run has begun."""
        before, self.live = self.live, snapshot
        # By name and shape, not identity: what came over a wire is another object every time.
        is_new = before is None or before.plan.run != snapshot.plan.run
        is_other_grid = before is not None and before.plan.grid.shape != snapshot.plan.grid.shape
        if is_new or is_other_grid:
            self._begin(before, snapshot, is_other_grid=is_other_grid)
        if not self._is_frozen:
            self.shown = snapshot
        self._find_pixel()
        return is_new or is_other_grid

    def _begin(self, before: Snapshot | None, snapshot: Snapshot, *, is_other_grid: bool) -> None:
        self._levels.clear()
        self._before = self._moment = None
        self._is_frozen = self.is_playing = False
        self.shown = snapshot
        if is_other_grid:
            self.pixel, self._is_pixel_chosen = None, False
        remembered = self.choices.marks_of(snapshot.plan.run)
        if remembered is None and before is not None and not is_other_grid:
            same_x = np.array_equal(before.plan.grid.x_um, snapshot.plan.grid.x_um)
            same_y = np.array_equal(before.plan.grid.y_um, snapshot.plan.grid.y_um)
            # The same field again: what was marked there is there still.
            remembered = self.album.marks if same_x and same_y else None
        self.album, self.pick = Album(remembered or Marks()), None
        self._send(self.album.marks)

    def _find_pixel(self) -> None:
        shown = self.shown
        if self._is_pixel_chosen or shown is None:
            return
        still_good = self.pixel is not None and shown.map is not None and bool(shown.map.valid[self.pixel])
        # The pixel shown by default should not wander while it is valid.
        if not still_good:
            self.pixel = default_pixel(shown)

    def freeze(self) -> None:
        """Hold what is shown, or go on live."""
        if self._is_frozen:
            self.go_live()
        elif self.live is not None:
            self._is_frozen = True

    def go_live(self) -> None:
        """Show the newest."""
        self._moment, self._is_frozen, self.is_playing = None, False, False
        self.shown = self.live
        self._find_pixel()

    def go_to(self, cycle: int) -> None:
        """Show a cycle of record, if it is kept."""
        self._show(self.history.at(cycle))

    def go_near(self, time_s: float) -> None:
        """Show the cycle of record nearest to a time."""
        self._show(min(self.history.moments, key=lambda moment: abs(moment.time_s - time_s), default=None))

    @property
    def has_earlier(self) -> bool:
        """Whether there is a cycle before the one that is shown."""
        return self._before_shown() is not None

    def earlier(self) -> None:
        """Show the cycle before."""
        self._show(self._before_shown())

    def _before_shown(self) -> Moment | None:
        reference = self._reference()
        return None if reference is None else self.history.before(reference)

    def later(self) -> None:
        """Show the cycle after; after the last one live."""
        if self.is_live:
            return
        reference = self._reference()
        following = None if reference is None else self.history.after(reference)
        if following is None:
            self.go_live()
        else:
            self._show(following)

    def first(self) -> None:
        """Show the first cycle kept."""
        self._show(next(iter(self.history.moments), None))

    def play(self) -> None:
        """Begin to play the history, from its start where it is at its end; or stop."""
        if self.is_playing:
            self.is_playing = False
        elif self.history.moments:
            if self.is_live:
                self.first()
            self.is_playing = True

    def play_on(self) -> None:
        """Go on by one cycle while playing; at the end live."""
        if self.is_playing:
            self.later()

    def _reference(self) -> int | None:
        """Return the cycle that earlier and later are counted from."""
        if self._moment is not None:
            return self._moment.cycle
        if self.shown is None or self.shown.map is None:
            return None
        return self.shown.map.cycle

    def _show(self, moment: Moment | None) -> None:
        if moment is None or self.live is None:
            return
        self._moment, self._is_frozen = moment, True
        self.shown = moment.snapshot(self.live)

    # Maps

    @property
    def panes(self) -> tuple[MapChoice, ...]:
        """What the large maps show, those of the run only."""
        there = choices_of(self.live)
        chosen: list[MapChoice] = []
        for key in self.choices.panes:
            choice = choice_of(key)
            if choice not in there or choice in chosen:
                choice = next(other for other in there if other not in chosen)
            chosen.append(choice)
        return tuple(chosen[: self.choices.pane_count])

    @property
    def thumbs(self) -> tuple[MapChoice, ...]:
        """All the others."""
        return tuple(choice for choice in choices_of(self.live) if choice not in self.panes)

    def show_map(self, choice: MapChoice) -> None:
        """Show a map in the active pane; what was there goes to where that one was."""
        keys = [each.key for each in self.panes] + list(self.choices.panes[self.choices.pane_count :])
        replaced = keys[self.active]
        keys = [replaced if key == choice.key else key for key in keys]
        keys[self.active] = choice.key
        self.choices = replace(self.choices, panes=tuple(keys))

    def step_map(self, by: int) -> None:
        """Show the next kind of map in the active pane, or the one before."""
        there = choices_of(self.live)
        current = self.panes[self.active]
        free = [choice for choice in there if choice == current or choice not in self.panes]
        self.show_map(free[(free.index(current) + by) % len(free)])

    def next_pane(self) -> None:
        """Let the keys be about the next large map."""
        self.active = (self.active + 1) % self.choices.pane_count

    def more_panes(self) -> None:
        """Show one, two, four large maps, in turn."""
        self.show_panes(PANES[(PANES.index(self.choices.pane_count) + 1) % len(PANES)])

    def show_panes(self, number: int) -> None:
        """Show so many large maps."""
        self.choices = replace(self.choices, pane_count=number)
        self.active = min(self.active, number - 1)

    def next_palette(self) -> None:
        """Change the colours of sequential maps."""
        following = PALETTES[(PALETTES.index(self.choices.palette) + 1) % len(PALETTES)]
        self.choices = replace(self.choices, palette=following)

    def fade(self) -> None:
        """Let pixels fade with σ(x), or not."""
        self.choices = replace(self.choices, is_faded=not self.choices.is_faded)

    def outline(self) -> None:
        """Draw the outlines of particles and unknown phases on the maps, or not."""
        self.choices = replace(self.choices, is_outlined=not self.choices.is_outlined)

    def fit_curves(self) -> None:
        """Fit the axis of the curves to them, or give it the scale of the map."""
        self.choices = replace(self.choices, is_fitted=not self.choices.is_fitted)

    def levels_of(self, choice: MapChoice) -> Levels:
        """Return the scale of a map, held as long as nobody asks for another one."""
        if self.shown is None:
            return Levels(0.0, 1.0)
        levels = map_levels(self.shown, choice, self._levels.get(choice), self.around)
        self._levels[choice] = levels
        return levels

    def hold_levels(self) -> None:
        """Find the scales of maps that are not shown, so that choosing one later finds its scale held."""
        if self.shown is not None and self.shown.map is not None and not self.shown.map.is_provisional:
            for choice in choices_of(self.live):
                if choice not in self._levels or not self._levels[choice].is_locked:
                    self.levels_of(choice)

    def refit_levels(self) -> None:
        """Fit the scale of the active map to its valid pixels."""
        self._levels.pop(self.panes[self.active], None)

    def widen_levels(self, by: int) -> None:
        """Make the scale of the active map wider (1) or narrower (−1), unless it is fixed."""
        choice = self.panes[self.active]
        if is_fixed(choice) or self.shown is None:
            return
        old = self.levels_of(choice)
        factor = _WIDER**by
        self._levels[choice] = Levels(old.low * factor, old.high * factor, is_locked=True)

    @property
    def before(self) -> FloatArray | None:
        """Lithium content of the cycle of record before the one that is shown, shape (ny, nx)."""
        if self.shown is None or self.shown.map is None:
            return None
        moment = self.history.before(self.shown.map.cycle)
        if moment is None:
            return None
        if self._before is None or self._before[0] is not moment:
            self._before = (moment, moment.lithium())
        return self._before[1]

    @property
    def around(self) -> Surroundings:
        """What pictures depend on beside the snapshot."""
        masks = self.album.marks.masks
        grid = None if self.live is None else self.live.plan.grid
        if self._masked is None or self._masked[0] is not masks or self._masked[1] is not grid:
            self._masked = (masks, grid, None if grid is None else masked_pixels(masks, grid))
        return Surroundings(self.before, self._masked[2], self.choices.is_faded, self._stress())

    # Stress

    def ask_for_stress(self) -> None:
        """Have the stress computed where somebody looks at it and it is not known."""
        if STRESS in self.panes and self.shown is not None:
            self.stresses.ask(self.shown, self._whole_cycle())

    @property
    def stress_words(self) -> str:
        """What there is to say about the stress that is looked at; empty where nobody looks at it."""
        return self.stresses.words(self._stressed_cycle()) if STRESS in self.panes else ""

    def _stress(self) -> FloatArray | None:
        cycle = self._stressed_cycle()
        return None if cycle is None or self.shown is None else self.stresses.of(self.shown, cycle)

    def _stressed_cycle(self) -> int | None:
        """Return the cycle whose stress is shown: live the newest that is known, of the past its own."""
        if self.shown is None:
            return None
        if self.is_live:
            return self.stresses.newest(self.shown)
        whole = self._whole_cycle()
        return None if whole is None or self.stresses.of(self.shown, whole.cycle) is None else whole.cycle

    def _whole_cycle(self) -> WholeCycle | None:
        """Return the complete cycle that is shown, or the last one before what is shown."""
        fitted = None if self.shown is None else self.shown.map
        if fitted is None:
            return None
        if self._moment is not None or not fitted.is_provisional:
            return WholeCycle(fitted.cycle, lambda: fitted.lithium)
        moments = self.history.moments
        return WholeCycle(moments[-1].cycle, moments[-1].lithium) if moments else None

    # Pixel, regions and masks

    def choose_pixel(self, row: int, column: int) -> None:
        """Show the spectrum of one pixel from now on."""
        self.pixel, self._is_pixel_chosen, self.pick = (row, column), True, None

    def choose(self, pick: Pick | None) -> None:
        """Choose a region or mask, or the pixel again."""
        self.pick = pick if self.album.at(pick) is not None else None

    def next_pick(self) -> None:
        """Choose the next region, then the masks, then the pixel."""
        order = (None, *self.album.picks())
        place = order.index(self.pick) if self.pick in order else 0
        self.pick = order[(place + 1) % len(order)]

    def edit(self, album: Album) -> None:
        """Take over an edit, and tell whoever fits if it changed anything."""
        if album.marks == self.album.marks:
            self.album = album
            return
        self.album = album
        if self.album.at(self.pick) is None:
            self.pick = None
        if self.live is not None:
            self.choices = with_marks(self.choices, self.live.plan.run, album.marks)
        self._send(album.marks)

    def change(self, region: Region) -> None:
        """Replace the region that is chosen."""
        if self.pick is not None:
            self.edit(editing.changed(self.album, self.pick, region))

    def result_of(self, pick: Pick | None) -> RegionResult | None:
        """Return what the shown snapshot says of a region; None while it does not know it yet."""
        region = self.album.at(pick)
        if region is None or self.shown is None or pick is None or pick.layer is not editing.Layer.REGIONS:
            return None
        return next(
            (found for found in self.shown.regions if found.region.polygon_um == region.polygon_um), None
        )

    def forget_choices(self) -> None:
        """Go back to the layout and choices of a first start; what is marked stays."""
        self.choices = forget(self.choices)
        self.active = 0
        self._levels.clear()
