"""A series is split by the attributes that differ, into as few parts as possible, whatever the order of the slices."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.readers.dicom.separation import separate
from ml.readers.dicom.slice_facts import SEQUENCES, SliceFacts

F, T = range(6), range(6)
"""Places of two acquisitions."""


def part(locations: Any, **values: Any) -> list[tuple[int, SliceFacts]]:
    """Slices at locations; a value may be one for all, or a list with one for each."""
    found = []
    for number, location in enumerate(locations):
        own = {name: value[number] if isinstance(value, list) else value for name, value in values.items()}
        sequence = {name: float(value) for name, value in own.items() if name in SEQUENCES}
        labels = {name: str(value) for name, value in own.items() if name not in SEQUENCES}
        found.append((location, SliceFacts((96, 96), labels=labels, sequence=sequence)))
    return found


def parts(*slices: tuple[int, SliceFacts]) -> tuple[tuple[str, ...], list[set[int]]] | None:
    found = separate([location for location, _ in slices], [facts for _, facts in slices])
    if found is None:
        return None
    members: dict[str, set[int]] = {}
    for index, key in enumerate(found.keys):
        members.setdefault(key, set()).add(index)
    return found.by, sorted(members.values(), key=min)


HALVES = [set(range(6)), set(range(6, 12))]


@pytest.mark.parametrize(
    "name",
    [
        *("EchoTime", "EchoNumbers", "InversionTime", "DiffusionBValue", "TemporalPositionIndex", "FlipAngle"),
        *("RepetitionTime", "ContrastBolusAgent", "ImageType", "SequenceName", "DiffusionGradientOrientation"),
        *(
            "AcquisitionNumber",
            "SeriesNumber",
            "StackID",
            "ProtocolName",
            "PatientID",
            "AcquisitionTime",
            "TriggerTime",
        ),
    ],
)
def test_two_parts_are_told_apart_by_any_attribute(name: str) -> None:
    assert parts(*part(F, **{name: 1}), *part(T, **{name: 2})) == ((name,), HALVES)
    if name not in SEQUENCES:  # that only one part has it tells as much
        assert parts(*part(F), *part(T, **{name: 2})) == ((name,), HALVES)


def test_the_attribute_with_the_fewest_parts_is_taken() -> None:
    first, second = (
        part(F, AcquisitionNumber=1, FlipAngle=[5, 6] * 3),
        part(T, AcquisitionNumber=2, FlipAngle=[7, 8] * 3),
    )
    assert parts(*first, *second) == (("AcquisitionNumber",), HALVES)


def test_two_attributes_together_where_none_alone_tells() -> None:
    slices = [one for b in (0, 1000) for echo in (20, 90) for one in part(F, DiffusionBValue=b, EchoTime=echo)]
    by, found = parts(*slices) or ((), [])
    assert by == ("EchoTime", "DiffusionBValue")
    assert found == [set(range(start, start + 6)) for start in (0, 6, 12, 18)]


def test_every_direction_of_a_diffusion_series_is_a_part() -> None:
    slices = [*part(F, DiffusionBValue=0)]
    for direction in range(20):
        slices += part(F, DiffusionBValue=1000, DiffusionGradientOrientation=f"0.{direction} 1 0")
    by, found = parts(*slices) or ((), [])
    assert by == ("DiffusionGradientOrientation",)
    assert [len(one) for one in found] == [6] * 21


def test_nothing_tells_slices_of_equal_attributes_apart() -> None:
    assert parts(*part(F, EchoTime=90), *part(T, EchoTime=90)) is None


def test_a_value_of_its_own_for_each_slice_tells_nothing() -> None:
    assert parts(*part(F, AcquisitionNumber=list(range(6))), *part(T, AcquisitionNumber=list(range(6, 12)))) is None
    interleaved = list(range(0, 12, 2)), list(range(1, 12, 2))
    assert parts(*part(F, InstanceNumber=interleaved[0]), *part(T, InstanceNumber=interleaved[1])) is None


@pytest.mark.parametrize("name", ["AcquisitionTime", "ContentTime", "InstanceNumber"])
def test_parts_that_follow_each_other_in_time_or_number(name: str) -> None:
    slices = *part(F, **{name: list(range(6))}), *part(T, **{name: list(range(6, 12))})
    assert parts(*slices) == ((name,), HALVES)


def test_a_cut_that_could_be_in_several_places_is_at_the_clear_gap() -> None:
    first = part([0, 2, 4], AcquisitionTime=[100, 101, 102])
    second = part([8, 6, 4, 2], AcquisitionTime=[400, 401, 402, 403])
    assert parts(*first, *second) == (("AcquisitionTime",), [{0, 1, 2}, {3, 4, 5, 6}])
    unclear = part([8, 6, 4, 2], AcquisitionTime=[103, 104, 105, 106])
    assert parts(*first, *unclear) is None


def test_times_a_day_apart_differ_by_less_than_a_second() -> None:
    day = 737_000 * 86_400.0
    slices = *part(F, AcquisitionTime=day), *part(T, AcquisitionTime=day + 0.5)
    assert parts(*slices) == (("AcquisitionTime",), HALVES)


@given(st.data())
def test_the_parts_do_not_depend_on_the_order_of_the_slices(data: st.DataObject) -> None:
    values = st.sampled_from(["1", "2", "3"])
    count = data.draw(st.integers(2, 12))
    slices = [
        (
            data.draw(st.integers(0, 3)),
            SliceFacts(
                (8, 8),
                labels={name: data.draw(values) for name in ("EchoTime", "FlipAngle", "AcquisitionNumber")},
                sequence={"InstanceNumber": float(number)},
            ),
        )
        for number in range(count)
    ]
    order = data.draw(st.permutations(range(count)))
    found = separate([location for location, _ in slices], [facts for _, facts in slices])
    again = separate([slices[index][0] for index in order], [slices[index][1] for index in order])
    assert (found and found.by) == (again and again.by)
    if found and again:
        keys = dict(zip(order, again.keys, strict=True))
        assert [keys[index] for index in range(count)] == list(found.keys)
        held = {(key, location) for key, (location, _) in zip(found.keys, slices, strict=True)}
        assert len(held) == count  # each part has each location at most once
