"""Prints the figures as a table: what was measured, what it is compared with, and their ratio."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HEAD = ("measured", "figure (quartiles)", "beside", "ratio")

Row = tuple[str, str, str, str]

_PEERS = {"tensorflow": "TensorFlow, compiled", "onnxruntime": "ONNX Runtime", "keras_predict": "Keras `predict`"}


def rows(figures: dict[str, Any]) -> list[Row]:
    """The table's rows for all sections in `figures`."""
    return [row for name, lines in _SECTIONS.items() if name in figures for row in lines(figures[name])]


def terminal(figures: dict[str, Any]) -> str:
    """The table in aligned columns."""
    lines = [HEAD, *rows(figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    cells = ("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([_machine(figures), *cells])


def marks(section: str) -> tuple[str, str]:
    """The comments before and after a section's table in a page."""
    return f"<!-- bench {section}: start -->", f"<!-- bench {section}: end -->"


def record(figures: dict[str, Any], page: Path, *, sections: Iterable[str]) -> None:
    """Write the tables of some sections between their marks in a page, with today's date and the machine.

    Other sections keep their tables. Raises ValueError if the page lacks the marks.
    """
    text = page.read_text(encoding="utf-8")
    for section in sections:
        start, end = marks(section)
        before, found, rest = text.partition(start)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"{page} lacks the marks {start} and {end}.")
        text = f"{before}{start}\n{_markdown(figures, section)}\n{end}{after}"
    page.write_text(text, encoding="utf-8")


def _markdown(figures: dict[str, Any], section: str) -> str:
    lines = [f"| {' | '.join(line)} |" for line in _SECTIONS[section](figures[section])]
    title = f"{datetime.now(UTC):%Y-%m-%d}, {_machine(figures)}\n"
    return "\n".join([title, f"| {' | '.join(HEAD)} |", "| --- | --- | --- | --- |", *lines])


def _machine(figures: dict[str, Any]) -> str:
    found = figures["machine"]
    return f"{found['cpu']}, {found['cores']} cores, Python {found['python']}."


def _forward(found: dict[str, Any]) -> Iterator[Row]:
    for batch, times in found.items():
        for peer, name in _PEERS.items():
            yield _beside(f"forward pass, ncnn, batch {batch}", times["ncnn"], name, times[peer], "ms an image")


def _predict(found: dict[str, Any]) -> Iterator[Row]:
    yield _beside("whole prediction", found["prediction"], "the prototype's way", found["prototype"], "ms")
    yield _beside(
        "all but the forward pass in it", found["besides_forward"], "the prediction", found["prediction"], "ms"
    )


def _worker(found: dict[str, Any]) -> Iterator[Row]:
    ours, theirs = found["ncnn"], found["tensorflow"]
    yield _beside("worker, start to first result", ours["seconds"], "with TensorFlow", theirs["seconds"], "s")
    yield _beside("worker's processes, resident", ours["resident_mb"], "with TensorFlow", theirs["resident_mb"], "MB")


def _site(found: dict[str, Any]) -> Iterator[Row]:
    lone = found["lone"]
    yield _beside("upload to done, site at rest", lone["upload_to_done"], "the analysis in it", lone["engine"], "ms")
    yield "above the analysis", _cell(lone["above"], "ms"), "", ""
    yield _beside("the same image again", found["repeated"], "the first time", lone["upload_to_done"], "ms")
    for name, queue in found.items():
        if name.startswith("queued_"):
            workers = name.removeprefix("queued_")
            rate, title = queue["scans_a_second"], f"200 scans queued, WORKERS={workers}"
            for peer, theirs in queue["alone"].items():
                text = f"{peer.replace('_', ' ')} in a row, {theirs:.1f}/s"
                yield title, f"{rate:.1f}/s", text, f"{rate / theirs:.2f}"
            pages = queue["pages_ms"]
            yield "a page meanwhile", _cell(pages, "ms"), f"slowest {pages['max']:.0f} ms", ""
    polls = found["polling"]
    for name, title in (("page", "status polls of a page"), ("api", "of the API")):
        yield _beside(title, polls[name], "`/health/live`", polls["live"], "/s")
    memory = found["memory"]
    ratio = f"{memory['most_mb'] / memory['at_rest_mb']:.2f}"
    yield (
        "web, 20 uploads of 20 MB at once",
        f"{memory['most_mb']:.0f} MB",
        f"at rest {memory['at_rest_mb']:.0f} MB",
        ratio,
    )


def _history(found: dict[str, Any]) -> Iterator[Row]:
    for name, counts in found.items():
        sizes = sorted(counts, key=int)
        for count in sizes:
            here, least = counts[count]["ms"], counts[sizes[0]]["ms"]
            queries = "–".join(str(number) for number in (counts[count]["queries"][0], counts[count]["queries"][-1]))
            title = f"history page, {int(count):,} predictions, {name}"
            figure = f"{_cell(here, 'ms')}, p95 {here['p95']:.0f} ms, {queries} queries"
            yield title, figure, f"{int(sizes[0]):,} predictions", f"{here['median'] / least['median']:.2f}"


_SECTIONS = {
    "forward": _forward,
    "predict": _predict,
    "worker": _worker,
    "site": _site,
    "history": _history,
}
SECTIONS = tuple(_SECTIONS)


def _beside(title: str, ours: dict[str, float], name: str, theirs: dict[str, float], unit: str) -> Row:
    return title, _cell(ours, unit), f"{name}, {_number(theirs['median'])}", f"{ours['median'] / theirs['median']:.2f}"


def _cell(found: dict[str, float], unit: str) -> str:
    return f"{_number(found['median'])} {unit} ({_number(found['q1'])}–{_number(found['q3'])})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
