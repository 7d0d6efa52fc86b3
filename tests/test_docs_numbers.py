"""Limits, pauses and sizes that the pages tell are those of the code."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from brainscan.hashers import Argon2
from brainscan.launcher import reserve, tree
from diagnosis import intake
from diagnosis.access import access_log, lockout, pagination, password_rules, second_factor, webauthn
from diagnosis.api.pagination import PageNumbers
from diagnosis.dicom import limits, retrieve, store_scp
from diagnosis.inference import batching, heartbeats, pipeline, series, transitions, workload
from diagnosis.intake import previews
from diagnosis.intake.series import DEBOUNCE
from diagnosis.integrity import files
from diagnosis.models import case_note, embedding, saved_view
from diagnosis.models.login_failures import FailureKind
from diagnosis.presentation import pixel_data, upload_list
from diagnosis.reports import exports, pdf_images
from diagnosis.similarity import search
from diagnosis.uploads import rows, sweep
from diagnosis.views import upload
from diagnosis.worklist import bulk, saved_views
from ml import readers
from ml.inference import pixel_checks, series_summary

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1024 * 1024
WORDS = {
    1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 7: "seven", 8: "eight", 10: "ten", 12: "twelve", 30: "thirty",
    100: "a hundred",
}  # fmt: skip

_each, _all = intake._memory_each.of(None)._size // MEGABYTE, intake._memory._size // MEGABYTE
_failures = {kind: WORDS[rule.allowed] for kind, rule in lockout.RULES.items()}
_beat: dict[str, Any] = {name: entry["schedule"] for name, entry in settings.CELERY_BEAT_SCHEDULE.items()}
_hours = settings.SESSION_COOKIE_AGE // 3600
_resent = transitions.MESSAGE_LOST_AFTER.total_seconds() + _beat["sweep-stale"]
_taken_over = WORDS[int(heartbeats.INTERVAL * (heartbeats.MAX_MISSED + 1))]
_reserve = reserve.PIECES * reserve.PIECE_BYTES // MEGABYTE
_sizes = saved_view.PAGE_SIZES

TOLD = [
    ("api.md", f"at most {bulk.MAX_SELECTED} predictions, `archive` {bulk.MAX_SENT}"),
    ("api.md", f"`limit` 1 to {search.MAX_LIMIT}, {search.DEFAULT_LIMIT} unless asked"),
    ("api.md", f"{PageNumbers.page_size} rows a page, `page_size` up to {PageNumbers.max_page_size}"),
    ("api.md", f"up to {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files"),
    ("api.md", f"further scans of a case of more than {exports.SCANS_A_FILE}"),
    ("api.md", f"pixels, at most {pixel_data.LARGEST_SIDE} a side"),
    ("api.md", f"PNG, at most {previews.PREVIEW_SIDE} pixels a side"),
    ("api.md", f"PNG, at most {previews.THUMBNAIL_SIDE} pixels a side"),
    ("api.md", f"`index` being a multiple of {pixel_data.BLOCK}"),
    ("api.md", f"a side below {pixel_checks.MIN_SIDE} pixels"),
    ("api.md", f"more than {WORDS[int(pixel_checks.MAX_ASPECT)]} times as long as wide"),
    ("api.md", f"fewer than {WORDS[series_summary.MIN_CERTAIN]} judged slices"),
    ("api.md", f"{WORDS[DEBOUNCE.seconds]} seconds after the last file"),
    ("architecture.md", f"every {heartbeats.INTERVAL} seconds"),
    ("architecture.md", f"stood still for {WORDS[heartbeats.MAX_MISSED]} looks in a row"),
    ("architecture.md", f"about {_taken_over} seconds after the death"),
    ("architecture.md", f"After {pipeline.TURN.seconds} seconds it returns to the end of the queue"),
    ("architecture.md", f"reads {WORDS[series.BATCH]} slices in a pass"),
    ("architecture.md", f"{embedding.DIMENSIONS} numbers"),
    ("architecture.md", f"in blocks of {WORDS[pixel_data.BLOCK]}"),
    ("architecture.md", f"one file decoded, and {_each} MB of files in memory"),
    ("architecture.md", f"no file has come for {WORDS[DEBOUNCE.seconds]} seconds"),
    ("audit.md", f"Within {_beat['sweep-audit']:.0f} seconds each row gets a position"),
    ("audit.md", f"one row for a person and an object in {WORDS[access_log.REPEAT_SECONDS // 60]} minutes"),
    ("audit.md", f"after {access_log.LOGGED_EACH} in an hour"),
    ("cases.md", f"at most {case_note.MAX_LABELS} a case"),
    ("dicom.md", f"more than {retrieve.MAX_INSTANCES} images"),
    ("dicom.md", f"up to {settings.DATA_UPLOAD_MAX_NUMBER_FILES} parts"),
    ("dicom.md", f"{store_scp.MAX_ASSOCIATIONS}, on at most {store_scp._MAX_CONNECTIONS} connections"),
    ("dicom.md", f"connections, {store_scp._FROM_ONE_ADDRESS} of one address"),
    ("dicom.md", f"no association is closed after {store_scp._ANSWER_SECONDS} s"),
    ("dicom.md", f"an association after {store_scp._NETWORK_SECONDS} s of silence"),
    ("dicom.md", f"{limits.MAX_PDU // MEGABYTE} MB at most"),
    ("operations.md", f"{_reserve} MB in {WORDS[reserve.PIECES]} files"),
    ("operations.md", f"gets {tree.STOP_SECONDS} seconds to finish"),
    ("operations.md", f"for {WORDS[batching.TURN.seconds]} seconds before it returns to its messages"),
    ("operations.md", f"about {_taken_over} seconds after its death"),
    ("operations.md", f"counts stop at {pagination.COUNT_LIMIT:,}"),
    ("operations.md", f"within {_resent:.0f} seconds"),
    ("operations.md", f"Sessions end after {_hours} hours"),
    ("operations.md", f"files older than {'an hour' if files.MIN_AGE.total_seconds() == 3600 else files.MIN_AGE}"),
    ("operations.md", f"after {lockout.RULES[FailureKind.ADDRESS].allowed} failures an address"),
    ("operations.md", f"counts within {WORDS[workload.RECENT.seconds // 60]} minutes"),
    ("performance.md", f"a budget of {_all} MB, and those of a person one of {_each} MB"),
    ("performance.md", f"({settings.UPLOADS_AT_ONCE} of {settings.UPLOADS_AT_ONCE * 4 // 3}) may do so"),
    ("performance.md", f"retry in {WORDS[intake.Busy.seconds]} seconds"),
    ("performance.md", f"with queued images for {WORDS[batching.TURN.seconds]} seconds"),
    ("reports.md", f"has {exports.SCANS_A_FILE} scans a file"),
    ("reports.md", f"reduced to {pdf_images.MAX_SIDE} pixels a side"),
    ("retention.md", f"`TRASH_DAYS` ({settings.TRASH_DAYS})"),
    ("security.md", f"unpacks {_all} MB of them at a time, of one person {_each} MB"),
    ("security.md", f"({readers.MAX_PIXELS // 10**6} million)"),
    ("security.md", f"({Argon2.memory_cost // 1024} MiB and {WORDS[Argon2.time_cost]} passes each"),
    ("security.md", f"less than {WORDS[password_rules._BESIDE_A_WORD]} characters beside it"),
    ("security.md", f"last {WORDS[settings.PASSWORD_HISTORY]} passwords"),
    ("security.md", f"After {_failures[FailureKind.ACCOUNT]} failed attempts in a row a user name has to wait"),
    ("security.md", f"an address has to wait after {_failures[FailureKind.ADDRESS]}"),
    ("security.md", f"After {_failures[FailureKind.TOKEN_ADDRESS]} wrong API tokens"),
    ("security.md", f"{WORDS[second_factor.CODES]} recovery codes"),
    ("security.md", f"one answer within {WORDS[webauthn.PATIENCE // 60]} minutes"),
    ("security.md", f"Sessions last {_hours} hours at most"),
    ("upload.md", f"at most {rows.MAX_ROWS} rows"),
    ("upload.md", f"shows the first {upload_list.SHOWN}"),
    ("upload.md", f"Up to {upload.MAX_IMAGES} of an upload"),
    ("upload.md", f"{WORDS[sweep.SEEN_FOR.seconds // 3600]} hours after the list has shown its result"),
    ("worklist.md", f"{_sizes[0]}, {_sizes[1]} or {_sizes[2]}"),
    ("worklist.md", f"up to {WORDS[saved_views.MAX_VIEWS]}"),
    ("worklist.md", f"({bulk.MAX_SENT} at a time)"),
]


@pytest.mark.parametrize(("page", "sentence"), TOLD)
def test_the_page_says_it_as_it_is(page: str, sentence: str) -> None:
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
    assert sentence in text
