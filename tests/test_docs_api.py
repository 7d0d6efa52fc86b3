"""docs/api.md tells the fields, filters, orders and codes of the API as they are: scripts are written by it."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django_filters
import pytest

from diagnosis.api import pacs
from diagnosis.api.problems import CaseProblem, NotDone
from diagnosis.api.serializers.evidence import EvidenceSerializer, GateSerializer
from diagnosis.api.serializers.predictions import PredictionDetailSerializer
from diagnosis.api.serializers.receipts import AcceptedSerializer, ReceiptSerializer, RejectedSerializer
from diagnosis.api.serializers.similar import SimilarListSerializer, SimilarSerializer
from diagnosis.api.serializers.slices import SeriesSerializer
from diagnosis.api.urls import router
from ml.inference.registry import read_manifest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
LISTS = PAGE.partition("| list | filters | ordering |")[2].partition("\n\n")[0]
PROBLEMS = PAGE.partition("## Problems")[2]
NOT_OF_THE_API = {
    "page_size",  # of the worklist's page
    "unknown_action",  # the serializer knows the actions
}


def example(start: str) -> Any:
    """The block of JSON that begins so, without the points that stand for more of the same."""
    block = PAGE[PAGE.index(start) :].partition("\n\n")[0]
    return json.loads(re.sub(r",?\s*…(?=[\s}\],])", "", block).rstrip(","))


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9]+)`", text))


def test_a_prediction_has_these_fields() -> None:
    shown = example('    {\n      "id": 23')
    assert shown.keys() == PredictionDetailSerializer().fields.keys()
    assert shown["evidence"].keys() == EvidenceSerializer().fields.keys()
    assert shown["gate"].keys() == GateSerializer().fields.keys()
    assert shown["model"] == read_manifest().label
    assert shown["type_probabilities"].keys() == set(read_manifest().data["types"])


def test_a_series_has_these_fields() -> None:
    line = PAGE[PAGE.index('    "series": {"frames"') :].partition("\n\n")[0]
    assert json.loads(f"{{{line}}}")["series"].keys() == SeriesSerializer().fields.keys()


def test_a_receipt_has_these_fields() -> None:
    shown = example('    {\n      "case": "STUDY-7"')
    assert shown.keys() == ReceiptSerializer().fields.keys()
    assert shown["scans"][0].keys() <= AcceptedSerializer().fields.keys()
    assert shown["rejected"][0].keys() == RejectedSerializer().fields.keys()


def test_similar_cases_have_these_fields() -> None:
    shown = example('    {\n      "available"')
    assert shown.keys() == SimilarListSerializer().fields.keys()
    assert shown["results"][0].keys() == SimilarSerializer().fields.keys()
    assert shown["results"][0]["prediction"].keys() <= PredictionDetailSerializer().fields.keys()


def filters(view: Any) -> Iterator[str]:
    if getattr(view, "filterset_class", None) is None:
        return
    for name, one in view.filterset_class.base_filters.items():
        if isinstance(one, django_filters.DateFromToRangeFilter):
            yield from (f"{name}_after", f"{name}_before")
        else:
            yield name


@pytest.mark.parametrize(("name", "view"), [(prefix, view) for prefix, view, _ in router.registry])
def test_the_filters_and_orders_of_each_list(name: str, view: Any) -> None:
    [row] = [line.strip("| ").split(" | ") for line in LISTS.splitlines() if line.startswith(f"| {name} |")]
    told = row[-2] if name != "audit" else next(line for line in PAGE.splitlines() if "`/api/v1/audit/`" in line)
    assert quoted(row[-1]) == set(view.ordering_fields)
    assert set(filters(view)) == quoted(told) - {"true", "false"}


def raised() -> Iterator[str]:
    """The first word of whatever the domain refuses with a code of its own and the API passes on."""
    for folder in ("cases", "reviews", "worklist", "reports"):
        for path in (ROOT / "diagnosis" / folder).glob("*.py"):
            if path.stem == "handing_over":  # asked for in the administration alone
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and re.search(
                    r"Refused$|NoReport$|NotYourReading$", ast.unparse(node.func)
                ):
                    first = node.args[0]
                    if isinstance(first, ast.Constant):
                        yield str(first.value)


def test_every_code_is_told() -> None:
    codes = {*raised(), *pacs._STATUS, *CaseProblem._OF_INPUT, *NotDone._CONFLICTS} - NOT_OF_THE_API - {"misconfigured"}
    assert len(codes) > 40
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()


def test_codes_have_the_status_that_is_told() -> None:
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", PROBLEMS, re.MULTILINE)
    told = {(code, int(status)) for status, codes in rows for code in quoted(codes)}
    known = {code for code, _ in told}
    assert {(code, status) for code, status in pacs._STATUS.items() if code in known} <= told
    assert {(code, 400) for code in CaseProblem._OF_INPUT} <= told
    assert {(code, 409) for code in NotDone._CONFLICTS} <= told


def test_no_code_is_told_that_nothing_answers() -> None:
    of_the_framework = {
        *("parse_error", "not_authenticated", "authentication_failed", "throttled", "method_not_allowed"),
        *("not_acceptable", "unsupported_media_type"),
    }
    sources = [path for room in ("diagnosis", "brainscan") for path in (ROOT / room).rglob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    told = {code for _, codes in re.findall(r"^\| (\d{3}) \| ([^|]+) \|", PROBLEMS, re.M) for code in quoted(codes)}
    joined = {"already_committed", "already_signed"}  # of the review's state
    assert 'f"already_{done}"' in text
    assert {code for code in told - of_the_framework - joined if f'"{code}"' not in text} == set()
