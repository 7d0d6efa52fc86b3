"""Archives: each file alone, none that leads out of its archive, none that fills the memory."""

import gzip
import io
import tarfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.contracts import UnreadableImage
from ml.readers import archives
from tests.formats import FILES as SHIPPED
from tests.ml.readers.archives.packing import FILES, METHODS, folders, outcomes, peak, tarred, trouble, zipped

HOSTILE = {"../up": b"1", "/etc/cron": b"1", "a/../../b": b"1", "C:\\windows": b"1", "..\\up": b"1"}


ALL = [tarred(FILES), tarred(FILES, mode="w"), *(zipped(FILES, method=method) for method in METHODS)]


@pytest.mark.parametrize("data", ALL)
def test_members_are_the_files_in_order(data: bytes) -> None:
    assert outcomes(data) == FILES


class Watched(io.BytesIO):
    """Knows how far it was read."""

    far = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.far = max(self.far, self.tell())
        return data


@pytest.mark.parametrize("pack", [tarred, lambda files: tarred(files, mode="w")])
def test_an_archive_is_read_as_its_files_are_asked_for(pack: Any) -> None:
    data = pack({str(number): np.random.default_rng(number).bytes(300_000) for number in range(5)})
    file = Watched(data)
    found = archives.members(file)
    assert next(found).size == 300_000
    assert file.far < 200_000
    found.close()
    assert not file.closed


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, mode="w")])
def test_a_file_that_is_not_wanted_need_not_be_read(pack: Any) -> None:
    files = {str(number): bytes([number]) * 300_000 for number in range(4)}
    assert [member.size for member in archives.members(pack(files))] == [300_000] * 4
    found = [member.read() for member in archives.members(pack(files)) if member.name in "13"]
    assert found == [files["1"], files["3"]]


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, mode="w")])
def test_one_file_is_in_memory_at_a_time_and_once(pack: Any) -> None:
    noise = np.random.default_rng(0).bytes(4_000_000)
    data = pack({str(number): noise for number in range(4)})
    file = io.BytesIO(data)

    def take() -> None:
        for member in archives.members(file):
            assert member.read() == noise

    assert peak(take) < 1.5 * len(noise)


@pytest.mark.parametrize("data", [zipped(FILES | HOSTILE), tarred(FILES | HOSTILE)])
def test_a_path_out_of_the_archive_is_refused_and_the_others_go_on(data: bytes) -> None:
    assert outcomes(data) == FILES | dict.fromkeys(HOSTILE, "archive_path")


def test_links_and_devices_are_refused() -> None:
    assert outcomes(zipped({"a": b"1", "l": b"/etc/passwd"}, links=("l",))) == {"a": b"1", "l": "archive_link"}
    found = outcomes(tarred({"a": b"1"}, l=tarfile.SYMTYPE, h=tarfile.LNKTYPE, d=tarfile.CHRTYPE))
    assert found == {"a": b"1", "l": "archive_link", "h": "archive_link", "d": "archive_link"}


@pytest.mark.parametrize("inner", [zipped(FILES), tarred(FILES), tarred(FILES, mode="w")])
def test_an_archive_in_an_archive_is_not_opened(inner: bytes) -> None:
    assert outcomes(zipped({"a": b"1", "inner": inner})) == {"a": b"1", "inner": "archive_nested"}


def test_a_gzipped_volume_in_an_archive_is_a_file() -> None:
    volume = gzip.compress(b"no archive")
    assert not archives.is_archive(volume)
    assert outcomes(zipped({"brain.nii.gz": volume})) == {"brain.nii.gz": volume}


def test_files_that_operating_systems_leave_behind_are_skipped() -> None:
    left = {"__MACOSX/._1.dcm": b"x", ".DS_Store": b"x", "study/Thumbs.db": b"x", "study/._2": b"x"}
    assert outcomes(zipped(FILES | left)) == FILES


@pytest.mark.attack("hostile")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_bombs_are_not_unpacked(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.limits, "MAX_MEMBER", 1000)
    assert outcomes(pack({"a": b"1", "bomb": b"\0" * 5000})) == {"a": b"1", "bomb": "archive_member_too_large"}
    monkeypatch.setattr(archives.limits, "MAX_MEMBER", 10**6)
    monkeypatch.setattr(archives.limits, "MAX_TOTAL", 40_000)
    assert trouble(pack({str(number): b"\0" * 10_000 for number in range(9)})) == "archive_too_large"
    monkeypatch.setattr(archives.limits, "MAX_MEMBERS", 3)
    assert trouble(pack({str(number): b"1" for number in range(4)})) == "archive_too_many"


@pytest.mark.parametrize("data", [zipped(FILES)[:-25], tarred(FILES)[:120], b"PK\x03\x04" + b"\0" * 40])
def test_a_damaged_archive_says_so(data: bytes) -> None:
    assert trouble(data) == "archive_damaged"


@pytest.mark.attack("hostile")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_file_that_unpacks_to_hundreds_of_times_its_size_is_a_bomb(
    pack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives.limits, "UNSUSPICIOUS", 100_000)
    empty_slice, bomb = {"a": bytes(90_000)}, {"b": bytes(1_000_000)}
    assert outcomes(pack(empty_slice)) == empty_slice
    if pack is zipped:
        assert outcomes(pack(empty_slice | bomb)) == empty_slice | {"b": "archive_bomb"}
    else:
        assert trouble(pack(empty_slice | bomb)) == "archive_bomb"


def test_folders_and_skipped_files_count_as_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.limits, "MAX_ENTRIES", 10)
    clutter = {f"__MACOSX/{number}": b"" for number in range(11)}
    assert trouble(zipped(clutter)) == trouble(tarred(clutter)) == "archive_too_many"
    assert trouble(folders(*map(str, range(11)), mode="w")) == "archive_too_many"


DICOMDIR = (SHIPPED / "test_files" / "dicomdirtests" / "DICOMDIR").read_bytes()
NOTHING = {
    "no entry": (zipped({}), "no file"),
    "folders": (folders("a", "a/b"), "no file"),
    "folders in tar": (folders("a", mode="w"), "no file"),
    "folders in gzipped tar": (folders("a", mode="w:gz"), "no file"),
    "left behind": (zipped({"__MACOSX/._1.dcm": b"x", "a/.DS_Store": b"x", "._b/": b""}), "__MACOSX"),
    "a list of files": (zipped({"DICOMDIR": DICOMDIR, "__MACOSX/._1": b"x"}), "DICOMDIR"),
    "a list of files in tar": (tarred({"CD/DICOMDIR": DICOMDIR}), "DICOMDIR"),
}


@pytest.mark.parametrize(("data", "what"), NOTHING.values(), ids=NOTHING)
def test_an_archive_without_images_says_what_it_holds(data: bytes, what: str) -> None:
    assert archives.is_archive(data)
    with pytest.raises(UnreadableImage, match=what) as caught:
        list(archives.members(data))
    assert caught.value.code == "archive_empty"


def test_a_dicomdir_is_skipped_whatever_its_name() -> None:
    folder = SHIPPED / "test_files" / "dicomdirtests"
    lists = {f"CD/{path.name}": path.read_bytes() for path in folder.glob("DICOMDIR*")}
    assert len(lists) > 5
    slice_of_it = {"CD/98892003/MR1/15820": (folder / "98892003" / "MR1" / "15820").read_bytes()}
    assert outcomes(zipped(lists | slice_of_it)) == outcomes(tarred(lists | slice_of_it)) == slice_of_it


@settings(max_examples=150, deadline=None)
@given(
    seed=st.sampled_from(ALL),
    changes=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), min_size=1, max_size=10),
    cut=st.integers(0, 60),
)
def test_damaged_archives_give_files_or_a_reason(seed: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    try:
        for member in archives.members(bytes(data[: len(data) - cut])):
            found = member.read()
            assert len(found) <= member.size if isinstance(found, bytes) else found.code.startswith("archive_")
    except UnreadableImage as error:
        assert error.code.startswith("archive_")
