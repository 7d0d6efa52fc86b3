"""The soak's own parts: what a process holds, whether that grows, and what the page says of it."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnosis.intake.decoder_pool import Decoder
from ml.readers import MAX_PIXELS, burned_in_text, dicom
from tests import builders
from tests.processes import only_linux
from tests.verification.soak import files, report
from tests.verification.soak.ledger import Balance, Ledger, balance
from tests.verification.soak.sampling import Figures, Sampler, look, role
from tests.verification.soak.slopes import MEMORY_MB, Slope, grows, slope

MINUTES = 20
_HOLDS = """
import sys
kept = []
for line in sys.stdin:
    kept.append((bytearray(b"x" * 2_000_000), open("/dev/null")))
    if line.strip() == "free":
        kept.clear()
    print("done", flush=True)
"""


def looks(noise: float, *, a_minute: float = 0.0, start: float = 200.0) -> tuple[list[float], list[float]]:
    """Six looks a minute at something that grows, with noise and now and then a peak."""
    drawn = np.random.default_rng(7)
    seconds = np.arange(0, MINUTES * 60, 10.0)
    values = start + a_minute * seconds / 60 + drawn.normal(0, noise, seconds.size)
    values[::17] += 80
    return seconds.tolist(), values.tolist()


def test_a_slope_is_that_of_the_line_whatever_the_peaks() -> None:
    found = slope(*looks(0.5, a_minute=1.0))
    assert found is not None
    assert found.middle == pytest.approx(60, abs=3)
    assert found.low < 60 < found.high


def test_noise_does_not_grow_and_a_leak_does() -> None:
    still, leaking = slope(*looks(3.0)), slope(*looks(3.0, a_minute=0.5))
    assert still is not None and leaking is not None
    assert still.low < 0 < still.high
    assert not grows(still, a_day=MEMORY_MB)
    assert grows(leaking, a_day=MEMORY_MB)


def test_what_is_added_in_a_day_counts() -> None:
    just = MEMORY_MB / 24
    assert not grows(Slope(just + 5, just, just + 9), a_day=MEMORY_MB)
    assert grows(Slope(just + 5, just + 0.1, just + 9), a_day=MEMORY_MB)


def test_a_few_minutes_say_nothing() -> None:
    assert slope([0, 60, 120], [1, 2, 3]) is None
    assert slope([], []) is None


@contextmanager
def holder() -> Iterator["subprocess.Popen[str]"]:
    """A process that takes two megabytes and a descriptor with each line it is sent."""
    command = [sys.executable, "-S", "-c", _HOLDS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def held(process: "subprocess.Popen[str]", line: str, times: int) -> list[Figures]:
    """What it holds after each line."""
    assert process.stdin is not None and process.stdout is not None
    found = []
    for _ in range(times):
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        process.stdout.readline()
        found.append(look(process.pid))
    return found


@only_linux
@pytest.mark.parametrize(("line", "leaks"), [("keep", True), ("free", False)])
def test_a_process_that_leaks_is_told_from_one_that_gives_back(line: str, leaks: bool) -> None:
    with holder() as process:
        held(process, line, 2)
        found = held(process, line, 12)
    minutes = [60.0 * n for n in range(len(found))]
    for figure, most in (("resident", MEMORY_MB), ("descriptors", 0.0)):
        at = slope(minutes, [getattr(one, figure) for one in found])
        assert at is not None
        assert grows(at, a_day=most) is leaks
    if leaks:
        assert found[-1].resident - found[0].resident == pytest.approx(22, abs=1)
        assert found[-1].descriptors - found[0].descriptors == 11
    assert found[-1].processes == found[-1].threads == 1
    assert found[-1].resident > 1


SITE = {
    1: "python manage.py run_site",
    2: "python bin/gunicorn brainscan.wsgi -c brainscan/gunicorn.py",
    3: "python bin/gunicorn brainscan.wsgi -c brainscan/gunicorn.py",
    4: "python bin/celery -q -A brainscan worker -n worker@%h",
    5: "python bin/celery -q -A brainscan worker -n worker@%h",
    6: "python bin/celery -q -A brainscan beat -s beat-schedule",
    7: "python -c from multiprocessing.forkserver import main; main(",
    8: "python -c from multiprocessing.forkserver import main; main(",
    9: "valkey-server",
    10: "python manage.py purge --yes",
    11: "python -c from multiprocessing.resource_tracker import main; main(",
}
PARENTS = {2: 1, 3: 2, 4: 1, 5: 4, 6: 1, 7: 3, 8: 7, 9: 1, 10: 99, 11: 3}


def test_each_program_has_a_role_and_what_is_started_beside_it_none() -> None:
    assert {pid: role(pid, SITE, PARENTS) for pid in SITE} == {
        1: "launcher",
        2: "web (parent)",
        3: "web",
        4: "worker (parent)",
        5: "worker",
        6: "beat",
        7: "decoder server",
        8: "decoders",
        9: "broker",
        10: "",
        11: "decoder server",
    }


@only_linux
def test_the_sampler_looks_at_once_and_leaves_out_what_has_ended() -> None:
    with holder() as process, Sampler(lambda: {process.pid: "valkey", 2**22 + 1: "valkey"}, every=600) as sampler:
        pass
    [(at, found)] = sampler.samples
    assert at < 60
    assert found["broker"].processes == 1


@only_linux
def test_the_sampler_adds_what_a_program_says_of_itself() -> None:
    said = chain([{"broker": 12.5}], repeat({}))
    with holder() as process:
        commands = {process.pid: "valkey"}
        with Sampler(lambda: commands, allocated=lambda: next(said), every=0.01) as sampler:
            while len(sampler.samples) < 2 and sampler._thread.is_alive():
                time.sleep(0.01)
    [first, second] = [found["broker"] for _, found in sampler.samples[:2]]
    assert (first.allocated, second.allocated) == (12.5, 0.0)
    assert first.resident > 0


def test_lost_doubled_and_unfinished_predictions_are_found() -> None:
    """3 is lost, 4 was deleted and purged, 5 failed, 6 has a copy, 8 was taken and nobody told."""
    rows = [[1, 11, "done"], [2, 12, "refused"], [5, 15, "failed"], [6, 16, "done"], [7, 16, "done"], [8, 18, "done"]]

    class Site:
        def manage(self, *_: str) -> str:
            return "a warning\nSTATE" + json.dumps({"copies": 2, "rows": rows})

    ledger = Ledger(taken=dict.fromkeys(range(1, 8), "a.png"), deleted={4})
    site: Any = Site()
    assert balance(site, ledger) == Balance(taken=7, lost=[3], doubled=[6, 7, 8], no_result=[5], copies=2)


def found(*, lost: int = 0, a_minute: float = 0.0, unexpected: int = 0, trail: str = "whole") -> report.Found:
    """A warm-up and thirty minutes of a web process that takes so many megabytes and descriptors a minute."""
    ledger = Ledger(taken={1: "a.png"})
    for status in [200] * 3 + [500] * unexpected:
        ledger.record_answer("GET", "/predictions/17/?list=1", status, expected=status == 200)
    minutes = [n / 6 for n in range(40 * 6)]
    web = [Figures(1, 200 + a_minute * n, int(90 + a_minute * n), 34) for n in minutes]
    samples = [(60 * at, {"web": one}) for at, one in zip(minutes, web, strict=True)]
    balance = Balance(taken=1, lost=[1] * lost, doubled=[], no_result=[], copies=0)
    return report.Found(30, samples, ledger, balance, integrity="All is well", trail=trail)


def test_a_site_that_holds_what_it_held_has_no_problem() -> None:
    assert report.problems(found()) == []
    page = report.page(found())
    assert page.startswith(report.HEAD + report.HEADER)
    assert "| web | 1 | 34 | 200 to 200 | +0.0 (+0.0 to +0.0) | – | – | 90 to 90 | +0.0 (+0.0 to +0.0) |\n" in page
    assert "Wrong" not in page


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ({"lost": 1}, "1 results are lost"),
        ({"unexpected": 2}, "GET /predictions/{n}/: 500 (2 times)"),
        ({"trail": "FAILED: row 7"}, "FAILED: row 7"),
        ({"a_minute": 1.0}, "descriptors of web"),
        ({"a_minute": 1.0}, "resident of web"),
    ],
)
def test_every_problem_is_reported(kind: dict[str, Any], said: str) -> None:
    assert any(said in one for one in report.problems(found(**kind)))
    assert said in report.page(found(**kind))


def test_decoders_that_are_replaced_may_hold_more_until_then() -> None:
    grown = found(a_minute=1.0)
    samples = [(at, {"decoders": by["web"]}) for at, by in grown.samples]
    assert report.problems(replace(grown, samples=samples)) == []


def test_growth_during_the_warm_up_is_no_problem() -> None:
    warm = found(a_minute=1.0)
    flat = warm.samples[-1][1]
    samples = [(at, by if at < 10 * 60 else flat) for at, by in warm.samples]
    assert report.problems(replace(warm, samples=samples)) == []
    assert "30 minutes, after 10 of warm-up." in report.page(warm)


def test_a_leak_into_free_room_is_a_problem() -> None:
    """Its pages stay as they are. Where the program does not answer, nothing is known."""
    flat = found()
    web = flat.samples[0][1]["web"]
    said = [(at, 0.0 if n % 5 == 1 else 90 + at / 60) for n, (at, _) in enumerate(flat.samples)]
    filling = replace(flat, samples=[(at, {"web": replace(web, allocated=megabytes)}) for at, megabytes in said])
    assert [one.partition(":")[0] for one in report.problems(filling)] == ["allocated of web"]
    assert "| 101 to 128 | +60.0 (+60.0 to +60.0) |" in report.page(filling)


def test_growth_right_after_the_warm_up_is_a_problem() -> None:
    grown = found(a_minute=1.0)
    flat = grown.samples[0][1]
    samples = [(at, flat if at < 10 * 60 else by) for at, by in grown.samples]
    assert report.problems(replace(grown, samples=samples)) != []


def test_descriptors_for_more_decoders_are_no_growth() -> None:
    """As on a machine that becomes busier. Without the decoders it is a leak."""
    flat = found()
    web = flat.samples[0][1]["web"]
    counts = [(at, 1 + int(at // 600)) for at, _ in flat.samples]
    more = [(at, replace(web, descriptors=web.descriptors + report.DECODER * count)) for at, count in counts]
    with_them = [
        (at, {"web": by, "decoders": Figures(count)}) for (at, count), (_, by) in zip(counts, more, strict=True)
    ]
    without = [(at, {"web": by}) for at, by in more]
    assert report.problems(replace(flat, samples=with_them)) == []
    assert [one for one in report.problems(replace(flat, samples=without)) if one.startswith("descriptors of web")]


@only_linux
@pytest.mark.slow
def test_each_decoder_takes_as_many_descriptors_as_the_report_leaves_out(settings: Any) -> None:
    settings.DEID_SECRET = "for-tests-only"
    own = Path("/proc/self/fd")
    first = Decoder(seconds=5, megabytes=500)  # starts the server, which has descriptors of its own
    gc.collect()  # or what earlier tests left open may be closed in between
    before = len(list(own.iterdir()))
    second = Decoder(seconds=5, megabytes=500)
    assert len(list(own.iterdir())) == before + report.DECODER
    first.end()
    second.end()


@pytest.mark.slow
def test_no_slice_looks_like_text_even_with_twice_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nilearn")
    monkeypatch.setattr(files, "NOISE", 2 * files.NOISE)
    made = files.Files(seed=2)
    _, planes = made._next(len(made._planes))
    assert len({plane.tobytes() for plane in planes}) == 2 * len(files._HEIGHTS)
    opened = [dicom.open_file(builders.dicom_bytes(plane), max_pixels=MAX_PIXELS).image(0) for plane in planes]
    assert [number for number, image in enumerate(opened) if burned_in_text.find_text(image)] == []


def test_the_documented_page_is_one_that_the_command_writes() -> None:
    page = report.PAGE.read_text()
    assert page.startswith(report.HEAD + report.HEADER)
    assert "| web | " in page and "| worker | " in page
