"""What if: a slice without its tumor, and a tumor on another patient's slice; nothing else may differ."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml import readers
from ml.preprocess import SIZE, preprocess
from ml.training.data import counterfactual, dataset, targets
from ml.training.data.table import COLUMNS, Row, read_table
from ml.training.detector import features
from ml.training.detector.features import Extractor
from tests import builders
from tests.ml.conftest import table_row

SIDE = 256
PATIENTS = 4


def lesion_mask(center: tuple[float, float] = (0.62, 0.42), radius: float = 0.08) -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return (np.hypot(x - center[0], y - center[1]) < radius).astype(np.uint8) * 255


@pytest.fixture
def rows(make_table: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Of each patient a slice with a tumor, whose mask is known, and one without."""
    monkeypatch.setattr(counterfactual, "MIN_PATIENTS", PATIENTS)
    table = []
    for patient in range(PATIENTS):
        words = {"subject": f"p{patient}", "group": f"p{patient}", "sequence": "flair"}
        table.append(table_row(2 * patient, mask=f"mask{patient}.png", **words))
        table.append(table_row(2 * patient + 1, label="no_tumor", type="", mask="", **words))
    file = make_table(table, columns=(*COLUMNS, "mask", "sequence"))
    for patient in range(PATIENTS):
        (file.parent / f"mask{patient}.png").write_bytes(builders.png_bytes(lesion_mask()))
    read = read_table(file)
    for number, row in enumerate(read):
        row.path.write_bytes(builders.png_bytes(builders.phantom(SIDE, lesion=row.tumor, seed=number)))
    return read


def square(row: Row) -> np.ndarray:
    return preprocess(readers.read(row.path))[0]


def by_method(synthesize: list[Row]) -> dict[str, list[Row]]:
    named: dict[str, list[Row]] = {"healed": [], "grafted": [], "filled": []}
    for row in synthesize:
        assert row.change is not None
        name = "filled" if row.change.filling else "grafted" if row.change.tumor else "healed"
        named[name].append(row)
    return named


def synthesize(row: Row) -> tuple[np.ndarray, np.ndarray]:
    found = counterfactual.synthesize(row)
    assert found is not None
    return found


def test_a_healed_slice_has_no_tumor_and_is_the_same_elsewhere(rows: list[Row]) -> None:
    healed = by_method(counterfactual.synthetic_rows(rows, seed=1))["healed"]
    assert len(healed) == PATIENTS
    for row in healed:
        original = next(one for one in rows if row.change is not None and one is row.change.of)
        before, geometry = preprocess(readers.read(original.path))
        after, region = synthesize(row)
        lesion = targets.region(original, geometry) == targets.TUMOR
        assert before[lesion].mean() > 220
        assert after[lesion].mean() < 140  # the brain of a phantom is 95 of 255
        far = np.abs(before - after) == 0
        assert far.mean() > 0.85
        assert not region.any()
        assert (row.label, row.type, row.tumor) == ("no_tumor", "", False)


def test_a_tumor_is_carried_to_another_patient(rows: list[Row]) -> None:
    grafted = by_method(counterfactual.synthetic_rows(rows, seed=1))["grafted"]
    assert len(grafted) == PATIENTS * counterfactual.GRAFTS
    assert {row.change.healed for row in grafted if row.change} == {True, False}
    for row in grafted:
        assert row.change is not None
        assert row.change.tumor is not None
        assert row.change.of.group != row.change.tumor.group
        assert row.group == row.change.of.group
        after, region = synthesize(row)
        assert after.shape == region.shape == (SIZE, SIZE)
        assert after[region == targets.TUMOR].mean() > 200
        assert (row.label, row.type) == ("tumor", row.change.tumor.type)
        assert (targets.cells(region) == targets.POSITIVE).any()
        if not row.change.healed:
            changed = np.abs(after - square(row.change.of)) > 0
            assert (changed & (region == targets.HEALTHY)).mean() < 0.02


def test_a_seam_alone_is_no_tumor(rows: list[Row]) -> None:
    filled = by_method(counterfactual.synthetic_rows(rows, seed=1))["filled"]
    assert len(filled) == PATIENTS
    for row in filled:
        assert row.change is not None
        after, region = synthesize(row)
        assert (after != square(row.change.of)).any()
        assert not region.any()
        assert not row.tumor


def test_the_same_images_are_made_again(rows: list[Row]) -> None:
    first, again = counterfactual.synthetic_rows(rows, seed=1), counterfactual.synthetic_rows(rows, seed=1)
    assert first == again
    assert len({row.key for row in first}) == len(first)
    assert counterfactual.synthetic_rows(rows, seed=2) != first
    for one, other in zip(synthesize(first[5]), synthesize(again[5]), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("field", ["source", "sequence"])
def test_only_slices_of_the_same_kind_serve_each_other(
    rows: list[Row], field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterfactual, "MIN_PATIENTS", 1)
    apart = [replace(row, **{field: row.group}) for row in rows]
    found = by_method(counterfactual.synthetic_rows(apart, seed=1))
    assert {method for method, made in found.items() if made} == {"healed"}


def test_of_few_patients_nothing_is_made(rows: list[Row]) -> None:
    few = [row for row in rows if row.group != rows[0].group]
    assert counterfactual.synthetic_rows(few, seed=1) == []


def test_without_a_mask_nothing_is_made(rows: list[Row]) -> None:
    boxed = [replace(row, mask=None, boxes=((0.54, 0.34, 0.7, 0.5),) if row.tumor else ()) for row in rows]
    assert counterfactual.synthetic_rows(boxed, seed=1) == []


def test_a_tumor_across_the_middle_cannot_be_healed(rows: list[Row]) -> None:
    assert rows[0].mask is not None
    rows[0].mask.write_bytes(builders.png_bytes(lesion_mask((0.5, 0.45), 0.1)))
    healed = by_method(counterfactual.synthetic_rows(rows, seed=1))["healed"]
    assert len(healed) == PATIENTS - 1
    assert all(row.change is not None and row.change.of is not rows[0] for row in healed)


def test_an_image_of_the_table_is_not_made(rows: list[Row]) -> None:
    with pytest.raises(ValueError, match="of the table"):
        counterfactual.synthesize(rows[0])


def test_what_is_made_is_augmented_like_any_image(rows: list[Row]) -> None:
    named = by_method(counterfactual.synthetic_rows(rows, seed=1))
    gray, cells = dataset.example((named["healed"][0], 1), seed=1)
    assert gray.shape == (SIZE, SIZE)
    assert not (cells == targets.POSITIVE).any()
    assert (dataset.example((named["grafted"][0], 1), seed=1)[1] == targets.POSITIVE).any()


def test_a_source_with_many_masks_makes_no_more_than_its_part(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterfactual, "MAX_TUMORS", 3)
    named = by_method(counterfactual.synthetic_rows(rows, seed=1))
    assert (len(named["healed"]), len(named["grafted"]), len(named["filled"])) == (3, 6, 3)
    other = [replace(row, key=f"other {row.key}", source="other") for row in rows]
    both = by_method(counterfactual.synthetic_rows(rows + other, seed=1))
    assert [row.source for row in both["healed"]] == ["here"] * 3 + ["other"] * 3


@pytest.mark.parametrize("change", ["version", "mask", "image"])
def test_what_changes_a_made_image_is_not_taken_from_the_cache(
    rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    seen = 0

    def forward(self: object, batch: np.ndarray) -> np.ndarray:
        nonlocal seen
        seen += len(batch)
        return np.zeros((len(batch), 28, 28, 4), np.float32)

    monkeypatch.setattr(Extractor, "_forward", forward)
    grafted = by_method(counterfactual.synthetic_rows(rows, seed=1))["grafted"][0]
    assert grafted.change is not None
    assert grafted.change.tumor is not None

    def maps() -> None:
        tensors = {"block1_conv1/kernel": np.ones((3, 3, 3, 2), np.float32)}
        Extractor(tensors, cache=tmp_path / "c", seed=1, policy="float32").maps([(grafted, 1)]).take(np.zeros(1, int))

    maps()
    maps()
    assert seen == 1
    if change == "version":
        monkeypatch.setattr(features.counterfactual, "VERSION", 99)
    elif change == "mask":
        assert grafted.change.tumor.mask is not None
        grafted.change.tumor.mask.write_bytes(builders.png_bytes(lesion_mask(radius=0.1)))
    else:
        grafted.change.tumor.path.write_bytes(builders.png_bytes(builders.phantom(SIDE, seed=77)))
    maps()
    assert seen == 2
