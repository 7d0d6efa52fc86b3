"""How many threads there are: no more than a container has, and at least one."""

from pathlib import Path

import pytest

from ml.engines import cores


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8)],
)
def test_a_quota_limits_the_cores(tmp_path: Path, limit: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert cores.available(cgroups=tmp_path) == expected


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(("quota", "expected"), [("-1", 8), ("300000", 3)])
def test_the_older_kind_of_quota_does_too(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    own = tmp_path / "own"
    own.write_text("3:memory:/\n2:cpuacct,cpu:/\n")
    assert cores.available(cgroups=tmp_path, own=own) == expected


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("outer", "inner", "expected"), [("max", "300000", 3), ("200000", "max", 2), ("max", "max", 8)]
)
def test_the_least_quota_of_all_that_a_service_lies_in_counts(
    tmp_path: Path, outer: str, inner: str, expected: int
) -> None:
    service, own = tmp_path / "system.slice" / "brainscan.service", tmp_path / "own"
    service.mkdir(parents=True)
    (service / "cpu.max").write_text(f"{inner} 100000\n")
    (service.parent / "cpu.max").write_text(f"{outer} 100000\n")
    own.write_text("0::/system.slice/brainscan.service\n")
    assert cores.available(cgroups=tmp_path, own=own) == expected


@pytest.mark.usefixtures("eight")
def test_other_controllers_and_paths_outside_limit_nothing(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path.parent / "cpu.max").write_text("100000 100000\n")
    own = tmp_path / "own"
    own.write_text("0::/../elsewhere\n5:cpuset:/one\n")
    assert cores.available(cgroups=tmp_path, own=own) == 8


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize("text", ["", "max", "a b", "100000 0"])
def test_an_unreadable_quota_limits_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cores.available(cgroups=tmp_path) == 8


@pytest.mark.parametrize(("workers", "expected"), [(0, 8), (1, 8), (3, 2), (8, 1), (20, 1)])
def test_workers_share_them(monkeypatch: pytest.MonkeyPatch, workers: int, expected: int) -> None:
    monkeypatch.setattr(cores, "available", lambda: 8)
    assert cores.per_worker(workers) == expected
