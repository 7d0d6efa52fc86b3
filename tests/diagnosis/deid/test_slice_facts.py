"""Facts of slices as they are stored: nothing of a text or a date, and still all that tells slices apart."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from diagnosis.deid.slice_facts import clean
from ml.readers.dicom import slice_facts
from ml.readers.dicom.geometry import SlicePosition
from ml.readers.dicom.slice_facts import LABELS, SliceFacts

WORDS = {"SeriesDescription": "DOE JANE", "ProtocolName": "19700131", "PatientID": "4711", "SequenceName": "smith_fl3d"}
DAY = 719_528 * 86_400.0
"""A day in 1970."""
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


@given(st.dictionaries(st.sampled_from(sorted(LABELS)), st.text(min_size=1, max_size=20)))
def test_stored_facts_survive_a_round_trip(labels: dict[str, str]) -> None:
    facts = stored(replace(FACTS, labels=labels))
    again = json.loads(json.dumps(slice_facts.as_dict(facts)))
    assert slice_facts.from_dict(again, instance="2.25.2") == facts
