"""Which way a volume lies: by sform, else by qform; and no side is named unless the file names it."""

from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ml.readers.volumes import affine, nifti
from tests.ml.readers.volumes.test_nifti import head, with_fields

FLIPPED = np.diag([-2.0, -2.0, 5.0, 1.0])
ZERO, NAN = [0.0] * 4, [np.nan] * 4


def header(*, sform: np.ndarray | None = FLIPPED, qform: np.ndarray | None = FLIPPED, **fields: Any) -> Any:
    made: Any = nib.Nifti1Header()  # type: ignore[no-untyped-call]
    made.set_data_shape((20, 24, 16))
    made.set_sform(sform, int(sform is not None))
    made.set_qform(qform, int(qform is not None))
    for name, value in fields.items():
        made[name] = value
    return made


def rows(matrix: np.ndarray) -> dict[str, Any]:
    return dict(zip(("srow_x", "srow_y", "srow_z"), matrix, strict=True))


def sheared(degrees: float) -> np.ndarray:
    matrix = FLIPPED.copy()
    matrix[0, 1] = 2 * np.tan(np.radians(degrees))
    return matrix


def test_a_sound_file_needs_no_note() -> None:
    for found in (affine.of_nifti(header()), affine.of_nifti(header(qform=None)), affine.of_nifti(header(sform=None))):
        np.testing.assert_allclose(found.affine[:3, :3], FLIPPED[:3, :3], atol=1e-6)
        assert (found.sides_known, found.oriented, found.notes) == (True, True, ())


BROKEN = {
    "zero": dict(zip(("srow_x", "srow_y", "srow_z"), (ZERO,) * 3, strict=True)),
    "one axis zero": {"srow_y": ZERO},
    "no number": dict(zip(("srow_x", "srow_y", "srow_z"), (NAN,) * 3, strict=True)),
    "one infinite": {"srow_x": [np.inf, 0, 0, 0]},
    "singular": {"srow_y": [-2.0, 0, 0, 0]},
    "sheared": rows(sheared(20)[:3]),
}


@pytest.mark.parametrize("fields", BROKEN.values(), ids=BROKEN)
def test_a_broken_sform_falls_back_to_the_qform(fields: dict[str, Any]) -> None:
    found = affine.of_nifti(header(**fields))
    np.testing.assert_allclose(found.affine[:3, :3], FLIPPED[:3, :3], atol=1e-6)
    assert found.oriented
    assert "The qform was used" in found.notes[0]


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "sheared"])
def test_with_both_broken_no_side_is_known(name: str) -> None:
    for broken in ({"quatern_b": np.nan}, {"quatern_b": 3.0}, {"qform_code": 0}):
        found = affine.of_nifti(header(**BROKEN[name], **broken))
        assert not found.oriented
        assert "sform" in found.notes[0]
        assert "left and right are not known" in found.notes[0]
        assert np.isfinite(found.affine).all()


def test_a_sheared_sform_without_a_qform_is_used_and_noted() -> None:
    found = affine.of_nifti(header(sform=sheared(20), qform=None))
    assert found.oriented
    assert "not perpendicular" in found.notes[0]


def test_a_slight_shear_is_a_registration() -> None:
    found = affine.of_nifti(header(sform=sheared(3), qform=np.diag([2.0, 2, 5, 1])))
    assert (found.oriented, found.notes) == (True, ())
    assert found.affine[0, 0] == -2


def test_unset_orientation_is_shown_as_the_file_hints_but_names_no_side() -> None:
    hints: list[dict[str, Any]] = [{}, dict(zip(("srow_x", "srow_y", "srow_z"), (ZERO,) * 3, strict=True))]
    for fields in hints:
        found = affine.of_nifti(header(sform_code=0, qform_code=0, **fields))
        assert not found.oriented
        assert "unset" in found.notes[0]
        assert np.sign(found.affine[1, 1]) == (1 if fields else -1)


def test_a_contradiction_on_left_and_right_names_no_side() -> None:
    found = affine.of_nifti(header(qform=np.diag([2.0, -2, 5, 1])))
    assert not found.oriented
    assert "contradicts itself" in found.notes[0]
    np.testing.assert_allclose(found.affine[:3, :3], FLIPPED[:3, :3])


@pytest.mark.parametrize("sizes", [[-2.0, 2, 5], [2.0, 2, -5], [-2.0, -2, -5]])
def test_negative_voxel_sizes_are_taken_as_positive(sizes: list[float]) -> None:
    made = header(sform=None)
    made["pixdim"][1:4] = sizes
    found = affine.of_nifti(made)
    np.testing.assert_allclose(found.affine[:3, :3], FLIPPED[:3, :3], atol=1e-6)
    assert "negative" in found.notes[0]


@pytest.mark.parametrize("sizes", [[0.0, 0, 0], [2.0, 2, 0], [np.nan, 2, 5], [2.0, np.inf, 5]])
def test_voxel_sizes_come_from_the_sform_where_pixdim_has_none(sizes: list[float]) -> None:
    made = header()
    made["pixdim"][1:4] = sizes
    found = affine.of_nifti(made)
    assert (found.sides_known, found.oriented, found.notes) == (True, True, ())
    made["sform_code"] = 0
    found = affine.of_nifti(made)
    assert (found.sides_known, found.oriented) == (False, True)
    np.testing.assert_allclose(np.abs(np.diag(found.affine)), 1)


@pytest.mark.parametrize("qfac", [1.0, 0.0, np.nan])
def test_qfac_turns_the_third_axis_round_only_if_it_is_negative(qfac: float) -> None:
    made = header(sform=None)
    made["pixdim"][0] = qfac
    assert affine.of_nifti(made).affine[2, 2] == pytest.approx(5)
    made["pixdim"][0] = -1
    assert affine.of_nifti(made).affine[2, 2] == pytest.approx(-5)


@pytest.mark.parametrize(("units", "factor"), [(0, 1), (2, 1), (1, 1000), (3, 0.001), (2 + 8, 1)])
def test_units_of_space_are_read(units: int, factor: float) -> None:
    for made in (header(xyzt_units=units), header(xyzt_units=units, sform=None)):
        assert affine.of_nifti(made).affine[2, 2] == pytest.approx(5 * factor)


def test_a_quaternion_agrees_with_nibabel() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        matrix = np.eye(4)
        matrix[:3, :3] = rotation * (1.0, 2.0, 3.0)
        made = header(sform=None, qform=matrix)
        np.testing.assert_allclose(affine.of_nifti(made).affine[:3, :3], made.get_qform()[:3, :3], atol=1e-5)


@pytest.mark.parametrize("diagonal", [(1, 1, 1), (-1, -1, 1)])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_the_unit_matrix_names_no_side_unless_it_has_an_origin(form: str, diagonal: tuple[int, ...]) -> None:
    unit = np.diag([*diagonal, 1.0])
    aligned = 2 * (form == "sform")  # what nibabel writes
    found = affine.of_file(header(**{"sform": None, "qform": None, form: unit}, sform_code=aligned))
    assert (found.oriented, found.sides_known) == (False, True)
    assert "the unit matrix" in found.notes[0]
    np.testing.assert_array_equal(found.affine, affine.of_nifti(header(sform=unit)).affine)
    moved = unit.copy()
    moved[:3, 3] = -90, -126, -72
    assert affine.of_file(header(**{"sform": None, "qform": None, form: moved})).oriented
    assert affine.of_file(header(sform=np.diag([-1.0, 1, 1, 1]), qform=None)).oriented
    assert affine.of_file(header()).oriented


def test_an_opened_volume_has_no_letters_where_no_side_is_known() -> None:
    known = nifti.open_file(with_fields(), max_pixels=10**6)
    unknown = nifti.open_file(with_fields(sform_code=0, qform_code=0), max_pixels=10**6)
    assert known.orientation_letters == ("R", "L", "A", "P")
    assert unknown.orientation_letters is None
    for index in range(16):  # the sform that is not declared keeps the head upright
        np.testing.assert_array_equal(known.image(index).pixels, unknown.image(index).pixels)
    assert head().shape == (20, 24, 16)
