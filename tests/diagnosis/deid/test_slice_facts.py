"""Facts of slices as they are stored: nothing of a text or a date, and still all that tells slices apart."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from diagnosis.deid.slice_facts import clean
from diagnosis.deid.tags import LARGEST
from ml.readers.dicom import slice_facts
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.slice_facts import LABELS, SliceFacts

WORDS = {"SeriesDescription": "DOE JANE", "ProtocolName": "19700131", "PatientID": "4711", "SequenceName": "smith_fl3d"}
DAY = 719_528 * 86_400.0
"""A day in 1970."""
TIME, LABEL = 62_615_105_984.0, "#d1c8de7df418"
"""What earlier versions stored of the facts below."""
FACTS = SliceFacts(
    (96, 96),
    SlicePosition((0, 0, 5), (1, 0, 0), (0, 1, 0)),
    labels=WORDS | {"EchoTime": "90", "AcquisitionNumber": "2", "FlipAngle": "19700131"},
    sequence={"AcquisitionTime": DAY, "InstanceNumber": 7.0, "TriggerTime": 19_700_131.0},
    instance="1.2.3",
)


def stored(facts: SliceFacts = FACTS, *, series: str = "2.25.1", secret: bytes = b"secret") -> SliceFacts:
    return clean(facts, series=series, instance="2.25.2", secret=secret)


def test_texts_long_numbers_and_dates_are_not_kept() -> None:
    text = json.dumps(slice_facts.as_dict(stored()))
    for word in ("DOE", "4711", "smith", "19700131", "1970", "1.2.3", f"{DAY:.0f}"):
        assert word not in text, word
    assert stored().labels["EchoTime"] == "90" and stored().labels["AcquisitionNumber"] == "2"
    assert "TriggerTime" not in stored().sequence and stored().sequence["InstanceNumber"] == 7
    assert stored().instance == "2.25.2"


def test_equal_values_stay_equal_and_others_differ() -> None:
    assert stored().labels == stored().labels
    other = stored(replace(FACTS, labels=dict(FACTS.labels) | {"SeriesDescription": "DOE JOHN"}))
    assert other.labels["SeriesDescription"] != stored().labels["SeriesDescription"]
    assert stored(secret=b"another").labels["SeriesDescription"] != stored().labels["SeriesDescription"]


def test_times_keep_their_distance_within_a_series_and_only_there() -> None:
    later = replace(FACTS, sequence={"AcquisitionTime": DAY + 12.5})
    assert stored(later).sequence["AcquisitionTime"] - stored().sequence["AcquisitionTime"] == 12.5
    assert stored(series="2.25.9").sequence["AcquisitionTime"] != stored().sequence["AcquisitionTime"]


def test_times_are_moved_by_less_than_twenty_years_and_kept_to_the_millisecond() -> None:
    moved = [stored(series=f"2.25.{n}").sequence["AcquisitionTime"] - DAY for n in range(20)]
    assert all(0 <= shift < 20 * 365 * 86_400 for shift in moved)
    later = replace(FACTS, sequence={"AcquisitionTime": DAY + 0.00049})
    assert stored(later).sequence["AcquisitionTime"] == stored().sequence["AcquisitionTime"]


def test_slices_that_come_after_an_upgrade_are_compared_with_those_from_before() -> None:
    assert stored().sequence["AcquisitionTime"] == TIME
    assert stored().labels["SeriesDescription"] == LABEL


def test_numbers_are_kept_up_to_the_largest() -> None:
    for number, kept in ((LARGEST, True), (-LARGEST, True), (LARGEST + 1, False)):
        facts = stored(replace(FACTS, labels={"EchoTime": str(number)}, sequence={"InstanceNumber": float(number)}))
        assert (facts.labels["EchoTime"] == str(number), "InstanceNumber" in facts.sequence) == (kept, kept)


@given(st.dictionaries(st.sampled_from(sorted(LABELS)), st.text(min_size=1, max_size=20)))
def test_stored_facts_survive_a_round_trip(labels: dict[str, str]) -> None:
    facts = stored(replace(FACTS, labels=labels))
    again = json.loads(json.dumps(slice_facts.as_dict(facts)))
    assert slice_facts.from_dict(again, instance="2.25.2") == facts
