"""Stacks of slices: by size and direction, ordered by position, and split where slices collide."""

from dataclasses import replace
from time import process_time
from typing import Any

import numpy as np
import pytest

from ml.contracts import UnreadableImage
from ml.readers import dicom
from ml.readers.dicom import geometry, series, slice_facts
from ml.readers.dicom.series import Assembly, Stack
from ml.readers.dicom.slice_facts import SliceFacts
from tests import builders

AXIAL: list[float] = [1, 0, 0, 0, 1, 0]
CORONAL: list[float] = [1, 0, 0, 0, 0, -1]
SAGITTAL: list[float] = [0, 1, 0, 0, 0, -1]


def file(position: list[float] | None, *, direction: list[float] = AXIAL, side: int = 8, **tags: Any) -> SliceFacts:
    if position is not None:
        tags |= {"ImagePositionPatient": position, "ImageOrientationPatient": direction}
    tags = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"} | tags
    data = builders.dicom_bytes(np.zeros((side, side), np.uint16), **tags)
    [facts] = slice_facts.read(dicom.open_file(data, max_pixels=10**6).dataset, 1)
    return facts


def assembled(*files: SliceFacts, pixels: str = "abcdefghijklmnopqrstuvwxyz") -> Assembly:
    return series.assemble(files, pixels=pixels.__getitem__)


def test_slices_are_ordered_by_position() -> None:
    [stack] = assembled(*[file([0, 0, z], InstanceNumber=n) for n, z in enumerate((20.0, 0.0, 10.0))]).stacks
    assert stack == Stack((1, 2, 0), 10.0, ("R", "L", "A", "P"), (0.0, 0.0, 1.0))
    assert stack.plane == "axial"


def test_planes_and_sizes_are_stacks_of_their_own_with_their_own_names() -> None:
    found = assembled(
        file([0, 0, 0]),
        file([0, 0, 0], direction=CORONAL),
        file([0, 0, 5]),
        file([0, 0, 10], side=16),
        file([0, -5, 0], direction=CORONAL),
        file([3, 0, 0], direction=SAGITTAL),
    ).stacks
    assert [(stack.slices, stack.plane) for stack in found] == [
        ((0, 2), "axial"),
        ((4, 1), "coronal"),
        ((3,), "axial"),
        ((5,), "sagittal"),
    ]


@pytest.mark.parametrize(
    "turned", [[-1, 0, 0, 0, 1, 0], [1, 0, 0, 0, -1, 0], [-1, 0, 0, 0, -1, 0], [0, 1, 0, -1, 0, 0]]
)
def test_slices_that_are_mirrored_or_turned_are_a_stack_of_their_own(turned: list[float]) -> None:
    files = [file([0, 0, 5.0 * n], direction=turned if n % 2 else AXIAL) for n in range(4)]
    upright, other = assembled(*files).stacks
    assert (upright.slices, upright.orientation_letters) == ((0, 2), ("R", "L", "A", "P"))
    assert (other.slices, other.plane) == ((1, 3), "axial")
    row, column = (turned[0], turned[1], turned[2]), (turned[3], turned[4], turned[5])
    assert other.orientation_letters == geometry.SlicePosition((0, 0, 0), row, column).orientation_letters


def test_slices_that_are_turned_a_little_stay_together() -> None:
    cosine, sine = np.cos(np.radians(10)), np.sin(np.radians(10))
    [stack] = assembled(file([0, 0, 0]), file([0, 0, 5], direction=[cosine, sine, 0, -sine, cosine, 0])).stacks
    assert stack.slices == (0, 1)


@pytest.mark.parametrize("direction", [AXIAL, [-1, 0, 0, 0, 1, 0]])
def test_a_slice_of_which_only_the_normal_is_known_joins_its_stack(direction: list[float]) -> None:
    old = SliceFacts((8, 8), geometry.lying_at((0, 0, 1), 10), turn_known=False)
    [stack] = assembled(old, file([0, 0, 5], direction=direction), file([0, 0, 0], direction=direction)).stacks
    assert stack.slices == (2, 1, 0)


def test_slices_that_do_not_collide_stay_together_whatever_their_attributes() -> None:
    [stack] = assembled(*[file([0, 0, z], EchoTime=20 + z, AcquisitionNumber=int(z)) for z in (0, 5, 10)]).stacks
    assert (stack.slices, stack.key) == ((0, 1, 2), "")


@pytest.mark.parametrize("name", ["PatientID", "StudyInstanceUID", "SeriesNumber"])
def test_slices_of_two_owners_are_never_one_stack_though_none_collides(name: str) -> None:
    owners: list[dict[str, Any]] = [{name: f"12345{1 + n % 2}"} for n in range(6)]
    found = assembled(*[file([0, 0, 5.0 * n], **owner) for n, owner in enumerate(owners)]).stacks
    assert [(stack.slices, stack.key) for stack in found] == [
        ((0, 2, 4), f"{name} 123451"),
        ((1, 3, 5), f"{name} 123452"),
    ]
    assert found[0].notes == ()
    assert series.part_notes(found[0].key) == (
        f"One part of a series that holds several, told apart by {name} 123451.",
    )


def test_a_number_that_names_is_compared_as_it_is_written() -> None:
    files = [file([0, 0, 5.0 * n], PatientID=one) for n, one in enumerate(("0815", "815", "0815"))]
    assert [stack.slices for stack in assembled(*files).stacks] == [(0, 2), (1,)]
    files = [file([0, 0, 5.0 * n], SeriesNumber=one) for n, one in enumerate(("07", "7", "7"))]
    assert [stack.slices for stack in assembled(*files).stacks] == [(0, 1, 2)]


def test_the_parts_of_each_owner_are_told_apart_by_themselves() -> None:
    parts = (("a", 20, 0), ("a", 90, 0), ("b", 20, 10))
    files = [file([0, 0, z + up], PatientID=one, EchoTime=echo) for one, echo, z in parts for up in (0, 5)]
    assert [(stack.slices, stack.key) for stack in assembled(*files).stacks] == [
        ((0, 1), "PatientID, EchoTime a 20"),
        ((2, 3), "PatientID, EchoTime a 90"),
        ((4, 5), "PatientID b"),
    ]


def test_slices_of_one_owner_that_nothing_tells_apart_stop_no_other() -> None:
    files = [file([0, 0, z], PatientID=one) for one, z in (("a", 0), ("a", 0), ("b", 5), ("b", 10))]
    stopped, sound = assembled(*files).stacks
    assert stopped.problem is not None and (sound.slices, sound.problem) == ((2, 3), None)


def test_a_study_and_number_of_its_own_for_each_slice_tell_nothing_but_a_patient_does() -> None:
    made_up = [file([0, 0, 5.0 * n], StudyInstanceUID=f"1.2.{n}", SeriesNumber=n) for n in range(4)]
    assert [stack.slices for stack in assembled(*made_up).stacks] == [(0, 1, 2, 3)]
    people = [file([0, 0, 5.0 * n], PatientID=f"P{n}") for n in range(4)]
    assert [stack.slices for stack in assembled(*people).stacks] == [(0,), (1,), (2,), (3,)]


def test_a_slice_that_does_not_tell_its_patient_stays_with_the_only_one() -> None:
    files = [file([0, 0, 0], PatientID="a"), file([0, 0, 5]), file([0, 0, 10], PatientID="a")]
    assert [stack.slices for stack in assembled(*files).stacks] == [(0, 1, 2)]


def test_parts_whose_places_differ_by_a_little_are_told_apart() -> None:
    moved = [(echo, 5 * n + 0.003 * echo) for echo in (20, 90) for n in range(3)]
    files = [file([0, 0, z], EchoTime=echo, SliceThickness=4) for echo, z in moved]
    found = assembled(*files).stacks
    assert [(stack.slices, stack.key) for stack in found] == [((0, 1, 2), "EchoTime 20"), ((3, 4, 5), "EchoTime 90")]
    for stack in found:
        alone = series.one_stack([files[index] for index in stack.slices], pixels="abc")
        assert (alone.problem, alone.spacing) == (None, 5.0)


def test_slices_that_collide_are_split_by_what_tells_them_apart() -> None:
    found = assembled(*[file([0, 0, z], FlipAngle=angle) for z in (5, 0) for angle in (5, 30)]).stacks
    assert [(stack.slices, stack.key) for stack in found] == [((2, 0), "FlipAngle 5"), ((3, 1), "FlipAngle 30")]
    assert series.part_notes(found[0].key) == ("One part of a series that holds several, told apart by FlipAngle 5.",)


def test_slices_that_nothing_tells_apart_cannot_be_ordered() -> None:
    [stack] = assembled(*[file([0, 0, z]) for z in (0, 5, 0, 5, 10)]).stacks
    assert stack.problem is not None and stack.problem.code == "cannot_be_ordered"
    assert "2 locations hold more than one" in stack.problem.message
    assert sorted(stack.slices) == [0, 1, 2, 3, 4]


def test_the_same_image_again_is_left_out() -> None:
    files = [file([0, 0, z], InstanceNumber=n) for n, z in enumerate((0, 5, 5))]
    found = assembled(*files, pixels="abb")
    assert ([stack.slices for stack in found.stacks], found.repeats) == ([(0, 1)], {2: 1})


def test_blank_slices_of_two_parts_are_no_repeats() -> None:
    found = assembled(*[file([0, 0, z], AcquisitionNumber=n) for n in (1, 2) for z in (0, 5)], pixels="abab")
    assert ([stack.slices for stack in found.stacks], found.repeats) == ([(0, 1), (2, 3)], {})


def test_one_uid_for_different_images_is_no_repeat() -> None:
    found = assembled(*[file([0, 0, z], SOPInstanceUID="1.2.3.4.5") for z in (0, 5, 10)])
    assert ([stack.slices for stack in found.stacks], found.repeats) == ([(0, 1, 2)], {})
    blank = assembled(*[file([0, 0, z], SOPInstanceUID="1.2.3.4.5") for z in (0, 5)], pixels="aa")
    assert [stack.slices for stack in blank.stacks] == [(0, 1)]


def test_a_uid_with_the_same_image_is_a_repeat_unless_the_scanner_says_otherwise() -> None:
    again = [file([0, 0, 0], SOPInstanceUID="1.2.3.4.5", PatientID=name) for name in ("a", "b")]
    assert assembled(*again, pixels="aa").repeats == {1: 0}
    blank = [file([0, 0, 0], SOPInstanceUID="1.2.3.4.5", EchoTime=echo) for echo in (20, 90)]
    assert assembled(*blank, pixels="aa").repeats == {}


def frames(count: int, groups: list[dict[str, Any]], **tags: Any) -> list[Stack]:
    data = builders.enhanced_bytes(np.stack([builders.phantom(16, seed=n) for n in range(count)]), groups, **tags)
    opened = dicom.open_file(data, max_pixels=10**6)
    facts = slice_facts.read(opened.dataset, opened.frames)
    return series.of_frames(facts, pixels=lambda index: opened.image(index).pixel_sha256())


def at(z: float, *, direction: list[float] = AXIAL, **more: Any) -> dict[str, Any]:
    normal = np.cross(direction[:3], direction[3:])
    return {"ImagePositionPatient": list(normal * z), "ImageOrientationPatient": direction} | more


def test_frames_are_ordered_by_position_not_by_their_number() -> None:
    [stack] = frames(4, [at(z, InStackPositionNumber=n + 1) for n, z in enumerate((5, 15, 0, 10))])
    assert (stack.slices, stack.spacing, stack.notes) == ((2, 0, 3, 1), 5.0, ())


@pytest.mark.parametrize(
    "other",
    [
        {"ComplexImageComponent": "PHASE"},
        {"ComplexImageComponent": "REAL"},
        {"ComplexImageComponent": "IMAGINARY"},
        {"FrameType": ["ORIGINAL", "PRIMARY", "PHASE MAP", "NONE"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("first", [True, False], ids=["other first", "magnitude first"])
def test_the_magnitude_is_kept_wherever_it_stands(other: dict[str, Any], first: bool) -> None:
    magnitude = {"FrameType": ["ORIGINAL", "PRIMARY", "M_FFE", "NONE"], "ComplexImageComponent": "MAGNITUDE"}
    pair = (other, magnitude) if first else (magnitude, other)
    [stack] = frames(6, [at(z, **one) for z in (0, 5, 10) for one in pair])
    assert stack.slices == ((1, 3, 5) if first else (0, 2, 4))
    assert "Left out: 3 frames show no anatomy" in stack.notes[0]


def test_planes_of_an_object_are_stacks_with_their_own_names() -> None:
    found = frames(6, [at(z, direction=way) for way in (AXIAL, SAGITTAL, CORONAL) for z in (0, 5)])
    assert [stack.plane for stack in found] == ["axial", "sagittal", "coronal"]


def test_echoes_of_an_object_are_stacks() -> None:
    found = frames(6, [at(z, EffectiveEchoTime=echo) for z in (0, 5, 10) for echo in (20.0, 90.0)])
    assert [(stack.slices, stack.key) for stack in found] == [((0, 2, 4), "EchoTime 20"), ((1, 3, 5), "EchoTime 90")]


def test_dimension_indices_tell_where_nothing_else_does() -> None:
    groups = [at(z, DimensionIndexValues=[1, n + 1, k]) for k in (1, 2) for n, z in enumerate((0, 5, 10))]
    found = frames(6, groups)
    assert [stack.slices for stack in found] == [(0, 1, 2), (3, 4, 5)]


def test_frames_without_positions_follow_stack_and_position_in_it() -> None:
    groups = [{"StackID": stack, "InStackPositionNumber": n} for n in (3, 1, 2) for stack in ("1", "2")]
    found = frames(6, groups)
    assert [stack.slices for stack in found] == [(2, 4, 0), (3, 5, 1)]
    assert "In-Stack Position Number" in found[0].notes[0]


def test_frames_that_nothing_tells_apart_cannot_be_ordered() -> None:
    [stack] = frames(4, [at(z) for z in (0, 5, 0, 5)])
    assert stack.problem is not None and stack.problem.code == "cannot_be_ordered"


def test_thousands_of_slices_are_assembled_at_once() -> None:
    """A site assembles the whole series for each slice that comes alone."""
    location = geometry.SlicePosition((0, 0, 0), (1, 0, 0), (0, 1, 0))
    facts = [
        SliceFacts((8, 8), replace(location, position=(0, 0, 2.0 * z)), labels={"AcquisitionNumber": str(part)})
        for part in range(4)
        for z in range(500)
    ]
    start = process_time()
    found = series.assemble(facts, pixels=str)
    assert process_time() - start < 1.0  # a twentieth of it where this was written
    assert [len(stack.slices) for stack in found.stacks] == [500] * 4


@pytest.mark.slow
def test_slices_with_directions_of_their_own_are_assembled_in_no_time() -> None:
    spin, tilt = 0.001 * np.arange(5000), 0.3 * np.arange(5000)
    rows = np.stack([np.cos(spin), np.sin(spin), 0 * spin], axis=1)
    columns = np.stack([-np.sin(spin) * np.cos(tilt), np.cos(spin) * np.cos(tilt), np.sin(tilt)], axis=1)
    facts = [
        SliceFacts((8, 8), geometry.SlicePosition((0, 0, 0), tuple(row), tuple(column)))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    start = process_time()
    found = series.assemble(facts, pixels=str)
    assert process_time() - start < 10.0  # a tenth of it where this was written; one by one it took 66
    assert len(found.stacks) > 1000


def test_an_object_without_anatomy_is_set_aside() -> None:
    with pytest.raises(UnreadableImage) as raised:
        frames(2, [at(z, ComplexImageComponent="PHASE") for z in (0, 5)])
    assert raised.value.code == "derived"


def test_frames_without_any_place_stand_in_the_files_order_and_that_is_noted() -> None:
    opened = dicom.open_file(builders.dicom_bytes(np.zeros((3, 8, 8), np.uint16)), max_pixels=10**6)
    [stack] = series.of_frames(slice_facts.read(opened.dataset, 3), pixels=str)
    assert stack.slices == (0, 1, 2)
    assert "files' order" in stack.notes[0]
