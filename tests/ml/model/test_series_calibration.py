"""A series' calibration as the manifest holds it, of either method."""

import math

import pytest

from ml.model.series_calibration import (
    BY_CELL,
    OF_NEIGHBORS,
    CellPooling,
    NeighborPooling,
    SeriesCalibration,
)

COMMON = {"sharpness": 2.0, "slope": 1.0, "intercept": 0.0, "threshold": 0.5, "uncertain": [0.4, 0.6]}
OLD = {"method": OF_NEIGHBORS, "neighbors": 0.0, **COMMON}
NEW = {"method": BY_CELL, "depth": 0.04, "size": 2.0, **COMMON}


@pytest.mark.parametrize(
    ("entry", "pooling"),
    [
        (OLD, NeighborPooling(2.0, 0.0)),
        (NEW, CellPooling(2.0, 0.04, 2.0, least=0.0)),
        (NEW | {"least": 0.7}, CellPooling(2.0, 0.04, 2.0, least=0.7)),
    ],
    ids=["of neighbors", "by cell", "with a least width"],
)
def test_either_method_is_read_and_its_facts_are_ignored(
    entry: dict[str, object], pooling: NeighborPooling | CellPooling
) -> None:
    read = SeriesCalibration.from_dict(entry | {"facts": {"patients": 5}})
    assert read == SeriesCalibration(pooling, 1.0, 0.0, 0.5, (0.4, 0.6))


@pytest.mark.parametrize("entry", [OLD, NEW], ids=["old", "new"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "maximum"},
        {"sharpness": 0},
        {"sharpness": math.nan},
        {"slope": -1},
        {"intercept": math.inf},
        {"threshold": 1},
        {"uncertain": [0.6, 0.4]},
        {"uncertain": [0.4]},
        {"sharpness": None},
    ],
)
def test_an_unusable_entry_is_refused(entry: dict[str, object], wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        SeriesCalibration.from_dict(entry | wrong)


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        (OLD, {"neighbors": 1.5}),
        (NEW, {"depth": -0.1}),
        (NEW, {"depth": 0.5}),
        (NEW, {"size": math.nan}),
        (NEW, {"least": -1}),
    ],
)
def test_an_unusable_pooling_is_refused(entry: dict[str, object], wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="series"):
        SeriesCalibration.from_dict(entry | wrong)


@pytest.mark.parametrize(("entry", "missing"), [(OLD, "neighbors"), (NEW, "depth"), (NEW, "size"), (NEW, "slope")])
def test_a_missing_number_is_an_error(entry: dict[str, object], missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        SeriesCalibration.from_dict({name: value for name, value in entry.items() if name != missing})


def test_the_probability_rises_with_the_pooled_logit_and_the_band_holds_its_ends() -> None:
    read = SeriesCalibration.from_dict(NEW | {"slope": 2.0, "intercept": 1.0})
    assert [read.probability(pooled) for pooled in (-0.5, 1.0, -900.0, 900.0)] == pytest.approx(
        [0.5, 1 / (1 + math.exp(-3)), 0, 1]
    )
    assert [read.is_uncertain(value) for value in (0.39, 0.4, 0.5, 0.6, 0.61)] == [False, True, True, True, False]
