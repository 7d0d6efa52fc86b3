"""The table that `make bench` prints; what it measures is measured by running it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.__main__ import PAGE, _earlier, _options
from bench.report import marks

MACHINE = {"cpu": "a processor", "cores": 2, "python": "3.11"}


def around(median: float) -> dict[str, float]:
    return {"median": median, "q1": median * 0.9, "q3": median * 1.1, "p95": median * 1.5, "max": median * 2}


def figures() -> dict[str, Any]:
    engines = {"ncnn": around(40), "tensorflow": around(80), "onnxruntime": around(64), "keras_predict": around(200)}
    alone = {"analyses": 22.0, "forward_passes": 25.0}
    queue = {"scans_a_second": 20.0, "alone": alone, "pages_ms": around(30)}
    return {
        "machine": MACHINE,
        "forward": {"1": engines, "8": engines},
        "predict": {"prediction": around(50), "prototype": around(220), "besides_forward": around(10)},
        "worker": {
            "ncnn": {"seconds": around(1), "resident_mb": around(430)},
            "tensorflow": {"seconds": around(6), "resident_mb": around(900)},
        },
        "site": {
            "lone": {"upload_to_done": around(100), "engine": around(50), "above": around(50)},
            "repeated": around(45),
            "queued_1": queue,
            "queued_2": queue,
            "polling": {"live": around(400), "page": around(200), "api": around(100)},
            "memory": {"at_rest_mb": 150.0, "most_mb": 240.0},
        },
        "history": {
            "postgresql": {
                "1000": {"ms": around(20), "queries": [6, 8], "views": {}},
                "1000000": {"ms": around(30), "queries": [6, 8], "views": {}},
            }
        },
    }


def line(title: str) -> report.Row:
    return next(row for row in report.rows(figures()) if row[0] == title)


def test_each_figure_stands_beside_its_peer() -> None:
    assert line("forward pass, ncnn, batch 1") == (
        "forward pass, ncnn, batch 1", "40 ms an image (36–44)", "TensorFlow, compiled, 80", "0.50",
    )  # fmt: skip
    assert line("worker, start to first result")[3] == "0.17"
    assert line("200 scans queued, WORKERS=2")[2:] == ("analyses in a row, 22.0/s", "0.91")
    assert line("history page, 1,000,000 predictions, postgresql")[1:] == (
        "30 ms (27–33), p95 45 ms, 6–8 queries", "1,000 predictions", "1.50",
    )  # fmt: skip


def test_sections_that_were_not_measured_have_no_lines() -> None:
    some = {"machine": MACHINE, "predict": figures()["predict"]}
    assert [row[0] for row in report.rows(some)] == ["whole prediction", "all but the forward pass in it"]
    assert "a processor, 2 cores" in report.terminal(some)


def test_the_tables_go_between_their_marks_and_can_be_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    blocks = "\n".join(f"{start}\nold {name}\n{end}" for name in ("predict", "worker") for start, end in [marks(name)])
    page.write_text(f"before\n{blocks}\nafter\n", encoding="utf-8")
    for _ in range(2):
        report.record(figures(), page, sections=["predict"])
        text = page.read_text(encoding="utf-8")
        assert text.startswith("before\n") and text.endswith("\nafter\n")
        assert "old predict" not in text and "old worker" in text  # what was not measured stays
        assert text.count("| measured |") == text.count("a processor, 2 cores") == text.count("whole prediction") == 1
    with pytest.raises(ValueError, match="marks"):
        report.record(figures(), page, sections=["predict", "history"])


def test_the_page_of_the_documentation_holds_whole_tables() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in report.SECTIONS:
        start, end = marks(name)
        table = text.split(start)[1].split(end)[0]
        for row in report.rows({name: figures()[name]}):
            assert f"| {row[0]} |" in table, f"docs/figures lacks a line {row[0]!r}: make bench ARGS=--record"


def test_figures_of_another_machine_are_not_mixed_in(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(figures()), encoding="utf-8")
    assert _earlier(file, MACHINE)["predict"] == figures()["predict"]
    assert _earlier(file, MACHINE | {"cores": 4}) == {}
    assert _earlier(tmp_path / "none.json", MACHINE) == {}


def test_an_unknown_section_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", "forward,speed"])
    with pytest.raises(SystemExit):
        _options()
    assert "speed" in capsys.readouterr().err
