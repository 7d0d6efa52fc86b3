"""Archives: each file alone, and none that leads out of its archive or fills the memory."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.contracts import UnreadableImage
from ml.readers import archives
from tests.formats import FILES as SHIPPED

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def zipped(files: dict[str, bytes], *, links: tuple[str, ...] = (), method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            if name in links:
                entry.external_attr = 0o120777 << 16
            archive.writestr(entry, data)
    return stream.getvalue()


def tarred(files: dict[str, bytes], *, mode: str = "w:gz", **more: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for name, kind in more.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    return stream.getvalue()


def outcomes(data: bytes) -> dict[str, Any]:
    assert archives.is_archive(data)
    found = {member.name: member.read() for member in archives.members(data)}
    return {name: what.code if isinstance(what, UnreadableImage) else what for name, what in found.items()}


def trouble(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        outcomes(data)
    return caught.value.code


def lying(files: dict[str, bytes], size: int, **options: Any) -> bytes:
    """A ZIP archive whose files claim to have `size` bytes."""
    data = bytearray(zipped(files, **options))
    at = 0
    while (at := data.find(b"PK\x01\x02", at + 1)) > 0:
        data[at + 24 : at + 28] = size.to_bytes(4, "little")
    return bytes(data)


def peak(work: Callable[[], object]) -> int:
    """Most bytes of memory that Python had at once for it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


FILES = {"study/1.dcm": b"one", "2.png": b"two", "deep/er/3": b""}
HOSTILE = {"../up": b"1", "/etc/cron": b"1", "a/../../b": b"1", "C:\\windows": b"1", "..\\up": b"1"}


ALL = [tarred(FILES), tarred(FILES, mode="w"), *(zipped(FILES, method=method) for method in METHODS)]


@pytest.mark.parametrize("data", ALL)
def test_files_one_after_another(data: bytes) -> None:
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


def test_a_zip_archive_is_read_a_little_at_a_time() -> None:
    class Counted(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.most = max(self.most, len(data))
            return data

    files = {str(number): np.random.default_rng(number).bytes(300_000) for number in range(5)}
    file = Counted(zipped(files))
    assert {member.name: member.read() for member in archives.members(file)} == files
    assert file.most < 100_000
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
def test_a_path_that_leads_out_is_refused_and_the_others_go_on(data: bytes) -> None:
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


def test_what_systems_leave_behind_is_skipped() -> None:
    left = {"__MACOSX/._1.dcm": b"x", ".DS_Store": b"x", "study/Thumbs.db": b"x", "study/._2": b"x"}
    assert outcomes(zipped(FILES | left)) == FILES


def test_an_encrypted_file_is_refused() -> None:
    data = bytearray(zipped({"a": b"1"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert outcomes(bytes(data)) == {"a": "archive_encrypted"}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_bombs_are_not_unpacked(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.limits, "MAX_MEMBER", 1000)
    assert outcomes(pack({"a": b"1", "bomb": b"\0" * 5000})) == {"a": b"1", "bomb": "archive_member_too_large"}
    monkeypatch.setattr(archives.limits, "MAX_MEMBER", 10**6)
    monkeypatch.setattr(archives.limits, "MAX_TOTAL", 40_000)
    assert trouble(pack({str(number): b"\0" * 10_000 for number in range(9)})) == "archive_too_large"
    monkeypatch.setattr(archives.limits, "MAX_MEMBERS", 3)
    assert trouble(pack({str(number): b"1" for number in range(4)})) == "archive_too_many"


def test_a_size_that_lies_does_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header says 3 bytes, the stream holds more."""
    monkeypatch.setattr(archives.limits, "MAX_MEMBER", 1000)
    data = bytearray(zipped({"bomb": b"\0" * 50_000}))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = (3).to_bytes(4, "little")
    found = outcomes(bytes(data))["bomb"]
    assert found in ("archive_member_damaged", "archive_member_too_large") or len(found) <= 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, 3, 70_000])
def test_a_size_that_lies_is_all_that_is_unpacked(method: int, size: int) -> None:
    data = lying({"a": b"1", "bomb": bytes(30_000_000)}, size, method=method)
    found: dict[str, Any] = {}
    assert peak(lambda: found.update(outcomes(data))) < 2_000_000
    assert found["bomb"] == "archive_member_damaged"


@pytest.mark.parametrize("method", METHODS)
def test_a_checksum_that_differs_is_damage(method: int) -> None:
    data = bytearray(zipped({"a": bytes(range(256)) * 400, "b": b"1"}, method=method))
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    assert outcomes(bytes(data)) == {"a": "archive_member_damaged", "b": b"1"}


def test_the_list_of_a_zip_archive_is_not_read_if_it_is_long() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(100):
            entry = zipfile.ZipInfo(f"{number:0>60000}")
            archive.writestr(entry, b"")
    data = stream.getvalue()
    assert trouble(data) == "archive_too_many"
    assert peak(lambda: trouble(data)) < 6_000_000


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_header_that_claims_to_be_huge_is_not_read(kind: bytes) -> None:
    """As tarfile reads long names and comments at once."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a")
        entry.type, entry.size = kind, 40_000_000
        archive.addfile(entry, io.BytesIO(b"1" * entry.size))
    assert trouble(stream.getvalue()) == "archive_bomb"
    assert peak(lambda: trouble(stream.getvalue())) < 4_000_000


def test_headers_of_headers_without_end_are_damage() -> None:
    entry = tarfile.TarInfo("a")
    entry.type = tarfile.XHDTYPE
    assert trouble(entry.tobuf() * 1500) == "archive_damaged"


def test_names_of_a_tar_archive_are_let_go() -> None:
    """Each has a megabyte's tenth, and tarfile would keep them all."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(200):
            entry = tarfile.TarInfo("a" * 100_000 + str(number))
            archive.addfile(entry)
    data = stream.getvalue()

    def walk() -> None:
        for member in archives.members(data):
            assert member.read() == b""

    assert peak(walk) < 4_000_000


@pytest.mark.parametrize("data", [zipped(FILES)[:-25], tarred(FILES)[:120], b"PK\x03\x04" + b"\0" * 40])
def test_a_damaged_archive_says_so(data: bytes) -> None:
    assert trouble(data) == "archive_damaged"


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("fault", ["cut before it", "cut within it", "damaged", "cut before the end"])
def test_a_tar_archive_that_breaks_off_at_a_header_gives_what_came_before_and_says_so(zipped: bool, fault: str) -> None:
    data = bytearray(tarred({"a": b"1", "b": b"2"}, mode="w"))
    second, end = data.index(b"b\0"), 4 * 512
    if fault == "damaged":
        data[second + 150] ^= 1  # its checksum
    cut = bytes(data[: {"cut before it": second, "cut within it": second + 100, "cut before the end": end}.get(fault)])
    members, found = archives.members(gzip.compress(cut) if zipped else cut), []
    try:
        for member in members:
            found.append((member.name, member.read()))
        trouble = ""
    except UnreadableImage as error:
        trouble = error.code
    assert found == [("a", b"1"), ("b", b"2")][: 2 if fault == "cut before the end" else 1]
    whole = zipped and fault.startswith(
        "cut before"
    )  # some writers leave the end mark out, and gzip vouches for the rest
    assert trouble == ("" if whole else "archive_damaged")


def test_a_damaged_file_in_an_archive_leaves_the_others() -> None:
    data = bytearray(zipped({"a": b"1", "b": bytes(range(256)) * 40}))
    at = data.index(b"b", data.index(b"PK\x03\x04", 10) + 30) + 20
    data[at : at + 60] = b"\xff" * 60
    assert outcomes(bytes(data)) == {"a": b"1", "b": "archive_member_damaged"}


def overlapping(count: int) -> bytes:
    """A ZIP whose entries all share the bytes of the first (as in Fifield's zip bomb)."""
    data = zipped({"a": bytes(50_000)})
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], bytearray(data[data.index(b"PK\x05\x06") :])
    directory = entry * count
    end[8:12] = struct.pack("<HH", count, count)
    end[12:16] = struct.pack("<I", len(directory))
    return data[:start] + directory + bytes(end)


def test_entries_that_share_their_bytes_are_a_bomb() -> None:
    assert outcomes(overlapping(1)) == {"a": bytes(50_000)}
    assert trouble(overlapping(900)) == "archive_bomb"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_what_unpacks_to_hundreds_of_times_its_size_is_a_bomb(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.limits, "UNSUSPICIOUS", 100_000)
    empty_slice, bomb = {"a": bytes(90_000)}, {"b": bytes(1_000_000)}
    assert outcomes(pack(empty_slice)) == empty_slice
    if pack is zipped:
        assert outcomes(pack(empty_slice | bomb)) == empty_slice | {"b": "archive_bomb"}
    else:
        assert trouble(pack(empty_slice | bomb)) == "archive_bomb"


def test_a_sparse_file_is_not_filled_with_zeros() -> None:
    """GNU tar's way to say that a gigabyte follows which is not there."""
    entry = tarfile.TarInfo("sparse")
    entry.size = 0
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (0, 0)
    header[483:495] = b"%011o\0" % 10**9
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    assert outcomes(bytes(header) + bytes(1024)) == {"sparse": "archive_bomb"}


def test_folders_and_clutter_count_as_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives.limits, "MAX_ENTRIES", 10)
    clutter = {f"__MACOSX/{number}": b"" for number in range(11)}
    assert trouble(zipped(clutter)) == trouble(tarred(clutter)) == "archive_too_many"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(11):
            folder = tarfile.TarInfo(str(number))
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
    assert trouble(stream.getvalue()) == "archive_too_many"


def test_a_dicomdir_is_passed_over_whatever_its_name() -> None:
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
def test_of_damaged_archives_files_or_a_reason_come_out(seed: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    try:
        for member in archives.members(bytes(data[: len(data) - cut])):
            found = member.read()
            assert len(found) <= member.size if isinstance(found, bytes) else found.code.startswith("archive_")
    except UnreadableImage as error:
        assert error.code.startswith("archive_")
