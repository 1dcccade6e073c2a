import re
from pathlib import Path
from typing import Any

import event_model
import numpy as np
import pytest

from operando.errors import DamagedFileError, RunRejected, SourceUnreachable
from operando.io.blob import decode, encode
from operando.io.sdf import read_sdf
from operando.io.sdf_header import parse
from operando.io.sdf_scan import regions_of

REAL = Path(__file__).parents[3] / "shared" / "data" / "fe_l_stxm_stack" / "71214078.hdr"

ENERGIES_EV = (700.0, 705.5, 710.25)
SHAPES = ((2, 3), (3, 2))  # (ny, nx) of the two regions


def axis(name: str, count: int, first: float) -> str:
    points = ", ".join(str(first - n) for n in range(count))
    return f'{{ Name = "{name}"; Unit = "um"; Min = 0; Max = 1; Dir = -1; Points = ({count}, {points}); }}'


def header(energies: tuple[float, ...] = ENERGIES_EV, shapes: Any = SHAPES, current: float = 401.5) -> str:
    regions = ",\n".join(
        f"{{ PAxis = {axis('Sample X', nx, 5.0 + n)}; QAxis = {axis('Sample Y', ny, -1.0)}; }}"
        for n, (ny, nx) in enumerate(shapes)
    )
    images = "\n".join(
        f"Image{image:03d}_{region} = {{StorageRingCurrent = {0.0 if image == 1 else current}; "
        f'Energy = {energy}; Time = "2026 Mar 0{region + 1} 10:00:{10 * image:02d}";}};'
        for image, energy in enumerate(energies)
        for region in range(len(shapes))
    )
    return f"""
ScanDefinition = {{ Label = "particle 7.hdr"; Type = "NEXAFS Image Scan"; Flags = "Image Stack"; Dwell = 2.5;
Regions = ({len(shapes)}, {regions});
StackAxis = {{ Name = "Energy"; Unit = "eV"; Points = ({len(energies)}, {", ".join(map(str, energies))}); }};
Channels = (2, {{ Name = "Counter 1"; Unit = "counts";}}, {{ Name = "I0/monitor"; Unit = "Hz";}});
}};
Time = "2026 March 1 09:59:58"; {images}
"""


def counts(channel: int, image: int, region: int) -> np.ndarray:
    ny, nx = SHAPES[region]
    return 1000.0 * channel + 100 * image + 10 * region + np.arange(ny * nx).reshape(ny, nx) / 4


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Two regions, two channels, three energies."""
    for channel, letter in enumerate("ab"):
        for image in range(3):
            for region in range(2):
                np.savetxt(
                    tmp_path / f"scan_{letter}{image:03d}{region}.xim",
                    counts(channel, image, region),
                    fmt="%.6f",
                    delimiter="\t",
                    newline="\t\n",
                )
    path = tmp_path / "scan.hdr"
    path.write_text(header())
    return path


def split(path: Path) -> list[list[tuple[str, dict[str, Any]]]]:
    """Each run's documents, after checking that every one is valid."""
    runs: list[list[tuple[str, dict[str, Any]]]] = []
    for name, document in read_sdf(path):
        event_model.schema_validators[event_model.DocumentNames[name]].validate(document)
        if name == "start":
            runs.append([])
        runs[-1].append((name, document))
    return runs


def test_each_region_is_a_run_with_all_its_images(stack: Path) -> None:
    runs = split(stack)
    assert [[name for name, _ in run] for run in runs] == [
        ["start", "descriptor", *["event"] * 3, "stop"]
    ] * 2
    for region, run in enumerate(runs):
        ny, nx = SHAPES[region]
        start, descriptor, *events, stop = (document for _, document in run)
        assert start["plan_name"] == "sdf_stack"
        assert start["sample"] == "particle 7"
        block = start["stxm"]
        assert block["contract_version"] == 1
        assert block["shape"] == [3, ny, nx]
        assert block["energies"] == list(ENERGIES_EV)
        assert block["dwell_ms"] == 2.5
        assert block["x_extent"] == [5.0 + region, 5.0 + region - (nx - 1)]
        assert block["y_extent"] == [-1.0, -1.0 - (ny - 1)]
        assert block["data_field"] == "Counter_1"
        assert list(descriptor["data_keys"]) == ["Counter_1", "I0_monitor", "energy", "ring_current"]
        assert descriptor["data_keys"]["I0_monitor"]["units"] == "Hz"
        assert [event["seq_num"] for event in events] == [1, 2, 3]
        assert [event["data"]["energy"] for event in events] == list(ENERGIES_EV)
        begun = 1772359200.0 + 86400 * region  # 2026-03-01 10:00 UTC, and the day after
        # An image ends when the next is begun; the last one took as long as the others.
        assert [event["time"] for event in events] == [begun + 10, begun + 20, begun + 30]
        assert stop["time"] == begun + 30
        for image, event in enumerate(events):
            assert event["data"]["Counter_1"].dtype == np.float64
            np.testing.assert_array_equal(event["data"]["Counter_1"], counts(0, image, region))
            np.testing.assert_array_equal(event["data"]["I0_monitor"], counts(1, image, region))
        # 0.00 is not a current.
        np.testing.assert_array_equal(
            [event["data"]["ring_current"] for event in events], [401.5, np.nan, 401.5]
        )
        assert (stop["exit_status"], stop["reason"]) == ("success", "")


def test_replaying_twice_gives_identical_documents(stack: Path) -> None:
    def replay() -> list[bytes]:
        return [name.encode() + encode(document) for name, document in read_sdf(stack)]

    assert replay() == replay()
    uids = [document["uid"] for _, document in read_sdf(stack)]
    assert len(set(uids)) == len(uids)
    before = uids[0]
    stack.write_text(header(current=402.5))
    assert next(iter(read_sdf(stack)))[1]["uid"] != before


def test_the_documents_go_through_the_log(stack: Path) -> None:
    for _, document in read_sdf(stack):
        assert decode(encode(document)).keys() == document.keys()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "scan_a0011.xim is missing"),
        ("1 2\n3 4\n", "scan_a0011.xim has 2 rows of 2 values, expected 3 rows of 2"),
        ("1 2\n3 4\n5\n", "scan_a0011.xim has 3 rows of 1 or 2 values, expected 3 rows of 2"),
        ("1 2\n3 4\n5 six\n", "scan_a0011.xim holds something else than numbers"),
        ("", "scan_a0011.xim has 0 rows of 0 values, expected 3 rows of 2"),
    ],
    ids=["missing", "cut off", "ragged", "words", "empty"],
)
def test_a_bad_image_is_left_out_and_named(
    stack: Path, content: str | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = stack.with_name("scan_a0011.xim")
    image.unlink()
    if content is not None:
        image.write_text(content)
    whole, broken = split(stack)
    assert whole[-1][1]["exit_status"] == "success"
    assert [document["seq_num"] for name, document in broken if name == "event"] == [1, 3]
    stop = broken[-1][1]
    assert stop["exit_status"] == "abort"
    assert stop["reason"].startswith(said)
    assert said in caplog.text


def test_the_end_of_an_image_is_told_from_the_others_where_the_next_comes_late(tmp_path: Path) -> None:
    energies_ev = tuple(700.0 + n for n in range(5))
    text = header(energies_ev, SHAPES[:1])
    # A pause of ten minutes before the fourth image; two images begun in the same second at the end.
    for second, other in ((30, "10:10:20"), (40, "10:10:20")):
        text = text.replace(f"2026 Mar 01 10:00:{second}", f"2026 Mar 01 {other}")
    (region,) = regions_of(tmp_path / "scan.hdr", parse(text), "digest")
    begun_s = np.array([0.0, 10.0, 20.0, 620.0, 620.0]) + 1772359200.0
    np.testing.assert_array_equal([image.begun_s for image in region.images], begun_s)
    np.testing.assert_array_equal([image.ended_s for image in region.images], begun_s + 10.0)


def test_without_times_an_image_takes_the_dwell_of_its_pixels(tmp_path: Path) -> None:
    text = re.sub(r' Time = "[^"]*";', "", header(shapes=SHAPES[:1]))
    (region,) = regions_of(tmp_path / "scan.hdr", parse(text), "digest")
    frame_s = 2.5e-3 * 6
    np.testing.assert_allclose([image.ended_s for image in region.images], frame_s * np.arange(1, 4))


def test_a_clock_that_was_never_set_is_no_time(stack: Path) -> None:
    stack.write_text(header().replace("2026 March 1 09:59:58", "1904 January 1 00:00:00"))
    assert split(stack)[0][0][1]["time"] == 0.0


def test_images_are_read_only_when_they_are_asked_for(stack: Path) -> None:
    documents = read_sdf(stack)
    for expected in ("start", "descriptor", "event"):
        assert next(documents)[0] == expected
    for image in stack.parent.glob("scan_a001*.xim"):
        image.unlink()
    assert next(documents)[1]["seq_num"] == 3


@pytest.mark.parametrize(
    ("regions", "files"), [(1, ["one_a.xim", "one_b.xim"]), (2, ["one_a0.xim", "one_b1.xim"])]
)
def test_a_single_image_has_no_image_digits(tmp_path: Path, regions: int, files: list[str]) -> None:
    path = tmp_path / "one.hdr"
    path.write_text(header((710.0,), SHAPES[:regions], current=0.0))
    reasons = " ".join(run[-1][1]["reason"] for run in split(path))
    assert all(f"{file} is missing" in reasons for file in files)
    for region in range(regions):
        for channel, letter in enumerate("ab"):
            digit = str(region) if regions > 1 else ""
            np.savetxt(tmp_path / f"one_{letter}{digit}.xim", counts(channel, 0, region))
    runs = split(path)
    assert [run[-1][1]["exit_status"] for run in runs] == ["success"] * regions
    assert "ring_current" not in runs[0][1][1]["data_keys"], "nobody asked the ring"
    np.testing.assert_array_equal(runs[0][2][1]["data"]["Counter_1"], counts(0, 0, 0))


def test_a_single_image_finds_its_energy_in_its_record(tmp_path: Path) -> None:
    path = tmp_path / "one.hdr"
    text = header((710.0,), SHAPES[:1])
    path.write_text(text.replace('StackAxis = { Name = "Energy"; Unit = "eV"; Points = (1, 710.0); };', ""))
    assert next(iter(read_sdf(path)))[1]["stxm"]["energies"] == [710.0]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("", DamagedFileError, "no ScanDefinition"),
        ("\x00\xff" * 1000, DamagedFileError, "no ScanDefinition"),
        (header()[:400], DamagedFileError, "not a complete SDF header"),
        (
            header().replace("Points = (3, 700.0", "Points = (4, 700.0"),
            DamagedFileError,
            "says 4 entries and has 3",
        ),
        (header().replace("700.0, 705.5", "700.0, high"), DamagedFileError, "something else than numbers"),
        (header().replace("Channels = (2,", "Chan = (2,"), DamagedFileError, "no list Channels"),
        (header().replace('"um"', '"furlong"'), DamagedFileError, "'furlong', expected µm"),
        (
            header().replace("NEXAFS Image Scan", "Point Scan").replace("Image Stack", "Spectra"),
            RunRejected,
            "Point",
        ),
        (header().replace('"Energy"', '"Polarization"'), RunRejected, "along 'Polarization'"),
    ],
    ids=["empty", "binary", "cut", "count", "words", "channels", "unit", "points", "axis"],
)
def test_an_unreadable_header_is_refused_with_a_sentence(
    tmp_path: Path, text: str, error: type[Exception], said: str
) -> None:
    path = tmp_path / "scan.hdr"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(error, match=said):
        list(read_sdf(path))


def test_a_missing_header_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="check the name"):
        list(read_sdf(tmp_path / "nowhere.hdr"))


@pytest.mark.skipif(not REAL.exists(), reason="the recorded Fe L stack is not beside the repository")
def test_the_real_stack_is_read_whole() -> None:
    ((_, start), (_, descriptor), *events, (_, stop)) = list(read_sdf(REAL))
    block = start["stxm"]
    assert block["shape"] == [123, 125, 125]
    assert block["energies"][:2] == [700.0, 700.375]
    assert block["energies"][-1] == 730.353
    assert block["dwell_ms"] == 0.433
    assert block["x_extent"] == [-4736.602, -4726.682]
    assert len(events) == 123
    first = events[0][1]
    assert first["data"]["counter1"].shape == (125, 125)
    assert first["data"]["counter1"][0, 0] == 353.0
    # The first image has no record of its own: its time and current stand at the top of the header.
    assert [event["data"]["ring_current"] for _, event in events[:2]] == [333.4, 333.08]
    # Begun at 18:52:00, :26, :49 and 18:53:12; the end of each is the beginning of the next.
    assert [event["time"] - start["time"] for _, event in events[:3]] == [26.0, 49.0, 72.0]
    assert 20.0 <= stop["time"] - events[-2][1]["time"] <= 30.0
    assert (np.diff([event["time"] for _, event in events]) > 0).all()
    assert stop["exit_status"] == "success"
    assert stop["num_events"] == {"primary": 123}
    assert descriptor["data_keys"]["counter1"]["shape"] == [125, 125]
