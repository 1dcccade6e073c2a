"""Print how often the beam is accused, rightly and wrongly, by what the particles of two regions do.

python tests/bench/beam_effect_table.py               # 500 cells, five minutes
python tests/bench/beam_effect_table.py --cells 50

Each cell is drawn as the simulator draws it; two regions of 3.6 µm lie in it, one under the beam for eight
cycles, the other without it between the first cycle and the last. The true mean x of each particle, with
noise of 0.005, goes through `beam_effect`. The beam drives out a share of the lithium in the exposed
particles, and a tenth of that in the control, which is looked at twice.
"""

# A script: it prints.
# ruff: noqa: T201

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np

from operando.control import BeamEffect
from operando.core.control import RegionTrack, beam_effect, beam_findings
from operando.types import FloatArray, SeriesPart, Severity
from operando_sim import demo_settings, material_named
from operando_sim.particles import Particle, make_particles, thickness_um
from operando_sim.reaction import ParticleReaction, arrival_s, make_reactions, passing_s, phase_fractions

SIDE_UM, FIELD_UM, APART_UM = 3.6, 8.4, 4.0
CYCLES, NOISE, GRID = 8, 0.005, 15
MATERIAL = material_named("lixv2o5")
SPANS_S = {
    "not begun": (0.0, 0.0),
    "stopped half-way": (914.0, 914.0),
    "stopped, full": (2400.0, 2400.0),
    "reacting, the first half": (0.0, 914.0),
    "reacting, the middle": (600.0, 1200.0),
    "reacting, from begin to end": (0.0, 2400.0),
}
HARMS = (0.0, 0.1, 0.3)
PEAK_OD_PER_UM = 10.0
"""Only thicknesses depend on it, and nothing here on these."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A particle, and how it reacts."""

    particle: Particle
    reaction: ParticleReaction

    def lithium(self, times_s: FloatArray) -> FloatArray:
        """Return its mean x at reaction times, by amount of material."""
        one = self.particle
        reach = one.half_length_um * np.linspace(-1.0, 1.0, GRID)
        x, y = np.meshgrid(one.x_um + reach, one.y_um + reach)
        thickness = thickness_um(one, x, y)
        inside = thickness > 0.0
        arrival = arrival_s(one, self.reaction, x[inside], y[inside])
        passing = np.array(passing_s(self.reaction))[:, None] * np.ones(int(inside.sum()))
        fractions = [phase_fractions(float(time_s), arrival, passing) for time_s in times_s]
        return np.array([MATERIAL.lithium @ one @ thickness[inside] for one in fractions]) / thickness.sum()


def regions_of(seed: int) -> tuple[list[Drawn], list[Drawn]]:
    """Return the particles that lie in the control and in the exposed region of a cell."""
    rng = np.random.default_rng(seed)
    settings = demo_settings()
    sample = replace(settings.sample, field_um=FIELD_UM, length_um=(0.4, 1.2))
    particles = make_particles(sample, PEAK_OD_PER_UM, rng)
    drawn = [
        Drawn(*pair)
        for pair in zip(particles, make_reactions(particles, settings.reaction, rng), strict=True)
    ]

    def within(middle_um: float) -> list[Drawn]:
        half = SIDE_UM / 2 - 0.2
        return [
            one
            for one in drawn
            if abs(one.particle.x_um - middle_um) < half and abs(one.particle.y_um) < half
        ]

    return within(-APART_UM / 2), within(APART_UM / 2)


def compared(
    dark: FloatArray, lit: FloatArray, span_s: float, harm: float, rng: np.random.Generator
) -> BeamEffect:
    """Return what is found of true x of both, shape (time, particle); the control is seen first and last."""
    way = np.linspace(0.0, 1.0, len(lit))
    # The clock of the acquisition goes on where the reaction stands still.
    lit_s = (span_s or 600.0) * way
    tracks = [
        track("control", lit_s[[0, -1]] + 1.0, dark[[0, -1]] * (1.0 - 0.1 * harm * way[[0, -1], None]), rng),
        track("series", lit_s, lit * (1.0 - harm * way[:, None]), rng),
    ]
    found = beam_effect(tracks[0], tracks[1:])
    assert found is not None
    return found


def track(role: str, visited_s: FloatArray, lithium: FloatArray, rng: np.random.Generator) -> RegionTrack:
    """Return what is known of particles of true x, shape (visit, particle)."""
    visits, particles = lithium.shape
    seen = lithium + rng.normal(0.0, NOISE, lithium.shape)
    return RegionTrack(
        SeriesPart("series", role, role),
        visited_s,
        np.tile(np.arange(particles), visits),
        np.repeat(visited_s, particles),
        seen.ravel(),
        np.ones(seen.size),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=500)
    cells = parser.parse_args().cells
    rng = np.random.default_rng(0)
    drawn = [regions_of(seed) for seed in range(cells)]
    print("| cell | lithium driven out | cells | beam accused | mean effect found | true | rms error in σ |")
    print("|---|---|---|---|---|---|---|")
    for name, (from_s, until_s) in SPANS_S.items():
        times_s = np.linspace(from_s, until_s, CYCLES)
        told = [
            tuple(np.array([one.lithium(times_s) for one in region]).T for region in regions)
            for regions in drawn
            if min(map(len, regions)) > 2
        ]
        for harm in HARMS:
            found, true, pulls, accused = [], [], [], 0
            for dark, lit in told:
                effect = compared(dark, lit, until_s - from_s, harm, rng)
                assert effect.lithium is not None
                true_change = 0.1 * harm * dark[-1].mean() - harm * lit[-1].mean()
                found.append(effect.lithium.change)
                true.append(true_change)
                pulls.append((effect.lithium.change - true_change) / effect.lithium.error)
                accused += beam_findings(effect)[0].severity is Severity.WARNING
            pull = float(np.sqrt(np.mean(np.square(pulls))))
            print(
                f"| {name} | {harm:.0%} | {len(told)} | {accused} ({accused / len(told):.1%}) | "
                f"{np.mean(found):+.3f} | {np.mean(true):+.3f} | {pull:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
