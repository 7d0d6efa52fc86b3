"""How a volume lies in the patient: the matrix that leads from voxels to millimeters, if the file holds a usable one.

World axes run to the patient's right, front and head, as NIfTI has them.
"""

from dataclasses import dataclass, replace
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ml.readers import gaps

_RIGHT_ANGLED = 0.1
"""Largest cosine between two axes that count as perpendicular: 6 degrees, more than a registration shears."""
_LARGEST = 1e6
"""mm, or the header's unit: NIfTI-2 and NRRD can hold numbers whose squares no double holds."""
_SINGULAR = 0.3
"""Smallest volume of a voxel as a fraction of the product of its sides; below it the axes do not span a space."""
_UNIT_QUATERNION = 1.01
_MILLIMETERS = {1: 1000.0, 3: 0.001}
"""Of NIfTI's units of space: meters and micrometers. Anything else is taken as millimeters."""
_UNITS = ((1, 1, 1), (-1, -1, 1))
"""Diagonals of the unit matrix in NIfTI's coordinates, and in DICOM's as NIfTI writes them."""
SCANNER = 1
"""sform_code of coordinates as the scanner has them (nifti1.h)."""
_quat2mat: Any = nib.quaternions.quat2mat  # nibabel has no types
SHEARED = "its axes are not perpendicular"


@dataclass(frozen=True, slots=True)
class Lying:
    """affine: (4, 4), from voxel to mm. sides_known: whether its columns are as long as a voxel's sides.
    oriented: whether the file says how the head lies; if not, the affine only keeps the order of storage."""

    affine: NDArray[np.float64]
    sides_known: bool
    oriented: bool
    notes: tuple[str, ...] = ()


def of_nifti(header: Any) -> Lying:
    """By sform, else by qform (nifti1.h, methods 3 and 2). header: nibabel's, unchecked.

    With neither, nothing says which side is left. The slices are then shown as an uncoded sform has them, if there is a
    usable one, as it may keep the head upright.
    """
    sides, known, notes = _sides(header)
    coded = {name for name in ("sform", "qform") if header[f"{name}_code"] > 0}
    sform, qform = _sform(header), _rotation(header) if "qform" in coded else None
    fault = fault_of(sform)
    if "sform" in coded and (fault is None or (fault == SHEARED and qform is None)):
        if fault:
            notes += (f"{gaps.SLANTED} {fault}; the slices are shown as though they were.",)
        if qform is not None and np.linalg.det(qform) * np.linalg.det(sform) < 0:
            notes += ("The file contradicts itself on left and right (sform and qform); the sides are not marked.",)
            return Lying(_affine(sform), True, False, notes)
        return Lying(_affine(sform), True, True, notes)
    if qform is not None:
        if "sform" in coded:
            notes += (f"The sform in the file is unusable: {fault}. The qform was used.",)
        return Lying(_affine(qform * sides), known, True, notes)
    why = f"its {' and '.join(sorted(coded, reverse=True))} cannot be used" if coded else "its orientation is unset"
    notes += (f"The file does not say how the head lies ({why}); left and right are not known.",)
    if fault is None and not coded:
        return Lying(_affine(sform), known, False, notes)
    return Lying(_affine(np.diag([-1.0, 1, 1]) * sides), known, False, notes)


def of_file(header: Any) -> Lying:
    """As `of_nifti`, for the header of a file that came as NIfTI.

    A program that has voxels and nothing else writes the unit matrix, in NIfTI's coordinates or in DICOM's. No scanner
    does: its coordinates start in the middle of the head, and voxels at an edge.
    """
    lying = of_nifti(header)
    if _is_ours(header):
        return lying
    names = ("srow_x", "srow_y", "srow_z") if header["sform_code"] > 0 else ()
    origin = [header[name][3] for name in names] or [header[f"qoffset_{letter}"] for letter in "xyz"]
    axes = lying.affine[:3, :3]
    if not lying.oriented or np.any(origin) or not any((axes == np.diag(unit)).all() for unit in _UNITS):
        return lying
    note = (
        "The file's orientation is the unit matrix, which programs write that know none; left and right are not known."
    )
    return replace(lying, oriented=False, notes=(*lying.notes, note))


def _is_ours(header: Any) -> bool:
    """Whether `as_nifti` may have made it, from a volume of another format: it keeps no origin. Programs write another
    code for a matrix that means nothing, or a unit, or a qform."""
    return (int(header["sform_code"]), int(header["qform_code"]), int(header["xyzt_units"])) == (SCANNER, 0, 0)


def _sides(header: Any) -> tuple[NDArray[np.float64], bool, tuple[str, ...]]:
    """mm of a voxel along each axis, whether the file gives them, and notes."""
    pixdim = np.asarray(header["pixdim"][1:4], np.float64)
    notes: tuple[str, ...] = ()
    if (pixdim < 0).any():
        notes += ("The file's voxel sizes (pixdim) are negative; they were taken as positive.",)
    sides = np.abs(pixdim)
    known = bool(((sides > 0) & (sides < _LARGEST)).all())
    return (sides if known else np.ones(3)) * _MILLIMETERS.get(int(header["xyzt_units"]) & 7, 1.0), known, notes


def fault_of(axes: NDArray[np.float64]) -> str | None:
    """Why a (3, 3) matrix, whose columns are a voxel's sides in mm, is no orientation; None if it is one."""
    if not np.isfinite(axes).all():
        return "it holds values that are no number"
    if not (np.abs(axes) < _LARGEST).all():
        return "it holds sizes that no voxel has"
    lengths = np.linalg.norm(axes, axis=0)
    if not (lengths > 0).all():
        return "it is zero along an axis"
    directions = axes / lengths
    if abs(np.linalg.det(directions)) < _SINGULAR:
        return "its axes lie in one plane"
    cosines = np.abs(directions.T @ directions - np.eye(3))
    return SHEARED if cosines.max() > _RIGHT_ANGLED else None


def _sform(header: Any) -> NDArray[np.float64]:
    rows = np.array([header[name][:3] for name in ("srow_x", "srow_y", "srow_z")], np.float64)
    return rows * _MILLIMETERS.get(int(header["xyzt_units"]) & 7, 1.0)


def _rotation(header: Any) -> NDArray[np.float64] | None:
    """Of the qform's quaternion, with the third axis turned round where qfac (pixdim[0]) is negative; None if it is
    no rotation."""
    quaternion = np.array([header[f"quatern_{letter}"] for letter in "bcd"], np.float64)
    norm = float(quaternion @ quaternion)
    if not norm <= _UNIT_QUATERNION:  # also true of NaN
        return None
    whole = np.array([np.sqrt(max(1 - norm, 0.0)), *quaternion])
    rotation = np.asarray(_quat2mat(whole / np.linalg.norm(whole)), np.float64)
    rotation[:, 2] *= -1 if header["pixdim"][0] < 0 else 1
    return rotation


def _affine(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    whole = np.eye(4)
    whole[:3, :3] = axes
    return whole
