"""A series' calibration as the manifest holds it."""

import math

import pytest

from ml.model.series_calibration import METHOD, SeriesCalibration

CALIBRATION = SeriesCalibration(
    sharpness=2.0, slope=1.0, intercept=0.0, threshold=0.5, uncertain=(0.4, 0.6), neighbors=0.0
)
ENTRY = {
    "method": METHOD,
    "sharpness": 2.0,
    "slope": 1.0,
    "intercept": 0.0,
    "threshold": 0.5,
    "uncertain": [0.4, 0.6],
    "neighbors": 0.0,
}


def test_facts_in_the_manifest_entry_are_ignored() -> None:
    assert SeriesCalibration.from_dict(ENTRY | {"facts": {"patients": 5}}) == CALIBRATION


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "maximum"},
        {"sharpness": 0},
        {"slope": -1},
        {"intercept": math.inf},
        {"threshold": 1},
        {"uncertain": [0.6, 0.4]},
        {"uncertain": [0.4]},
        {"neighbors": 1.5},
        {"sharpness": None},
    ],
)
def test_an_unusable_entry_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        SeriesCalibration.from_dict(ENTRY | wrong)
