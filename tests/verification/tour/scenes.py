"""What the tour shows: a list of scenes in the order of a day, and how to get to each.

`docs/tour.md` shows each under its name; tests/test_docs_tour.py holds both together, and that no page of the site
is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.verification.tour import acts
from tests.verification.tour.stage import BLIND, NEW, OPEN, OWNER, SECOND, THIRD, Stage

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture.

    name: of the file. page: the URL name that it shows. who: None for a visitor. path: formatted with what the stage
    has, as `{p[tumor]}` (predictions), `{c[STUDY-07]}` (cases), `{s[tumor]}` (scans). act: what is done before the
    picture is taken. whole: the page to its end, not the window alone.
    """

    name: str
    page: str
    who: str | None
    path: str
    size: str = "desk"
    theme: str = "light"
    act: Callable[[Page, Stage], None] | None = None
    whole: bool = False


SCENES = (
    Scene("login", "login", None, "/login/"),
    Scene("login-wrong", "login", None, "/login/", size="phone", theme="dark", act=acts.wrong_password),
    Scene("password", "password_change", OPEN, "/password/"),
    Scene("api-tokens", "tokens", OWNER, "/tokens/", act=acts.make_token),
    Scene("api-tokens-phone", "tokens", OWNER, "/tokens/", size="phone", theme="dark"),
    Scene("login-code", "login-code", None, "/login/", size="phone", act=acts.to_code),
    Scene("second-factor", "second-factor", OWNER, "/second-factor/", whole=True),
    Scene("second-factor-codes", "second-factor", NEW, "/second-factor/", theme="dark", act=acts.add_passkey),
    Scene("sessions", "sessions", OPEN, "/sessions/", act=acts.log_in_elsewhere),
    # the list
    Scene("worklist", "history", OPEN, "/history/"),
    Scene("worklist-dark", "history", OPEN, "/history/?sort=triage", theme="dark"),
    Scene("worklist-phone", "history", OPEN, "/history/", size="phone"),
    Scene("worklist-filter", "history", OPEN, "/history/", act=acts.open_filter),
    Scene("worklist-saved", "history", OPEN, "/history/?reading=disagreement", act=acts.open_views),
    Scene("worklist-bulk", "history", OWNER, "/history/", act=acts.select_rows),
    Scene("worklist-empty", "history", NEW, "/history/"),
    # upload
    Scene("upload", "upload", OWNER, "/upload/"),
    Scene("upload-question", "upload", OWNER, "/upload/", act=acts.lettering),
    Scene("upload-running", "upload", OWNER, "/upload/", act=acts.running_upload),
    Scene("upload-done", "upload", OWNER, "/upload/", act=acts.finished_upload),
    Scene("upload-phone", "upload", OWNER, "/upload/", size="phone", theme="dark"),
    Scene("upload-session", "upload-session", OWNER, "/upload/session/", size="phone"),
    Scene("archive", "archive", OWNER, "/archive/"),
    # results
    Scene("result-tumor", "prediction", SECOND, "/predictions/{p[tumor]}/", theme="dark"),
    Scene("result-tumor-light", "prediction", OWNER, "/predictions/{p[tumor]}/", whole=True),
    Scene("result-tumor-phone", "prediction", SECOND, "/predictions/{p[tumor]}/", size="phone", theme="dark"),
    Scene("result-no-tumor", "prediction", SECOND, "/predictions/{p[no-tumor]}/", theme="dark"),
    Scene("result-uncertain", "prediction", SECOND, "/predictions/{p[uncertain]}/", theme="dark"),
    Scene("result-series", "prediction", SECOND, "/predictions/{p[series]}/", theme="dark"),
    Scene("result-refused", "prediction", OWNER, "/predictions/{p[refused]}/"),
    Scene("result-failed", "prediction", OWNER, "/predictions/{p[failed]}/"),
    Scene("similar", "prediction-similar", SECOND, "/predictions/{p[tumor]}/similar/"),
    # reading
    Scene("reading", "prediction", SECOND, "/predictions/{p[blind]}/", theme="dark", act=acts.fill_reading),
    Scene("reading-phone", "prediction", SECOND, "/predictions/{p[blind]}/", size="phone", act=acts.to_reading),
    Scene("reading-signed", "prediction", OPEN, "/predictions/{p[tumor]}/", theme="dark", act=acts.to_reading),
    Scene("reading-decides", "prediction", THIRD, "/predictions/{p[disputed]}/", theme="dark", act=acts.to_reading),
    Scene("blind-before", "prediction", BLIND, "/predictions/{p[blind]}/", theme="dark"),
    Scene("blind-list", "history", BLIND, "/history/"),
    Scene("blind-after", "prediction", BLIND, "/predictions/{p[blind]}/", theme="dark", act=acts.commit),
    Scene(
        "compare", "case-compare", OPEN, "/cases/{c[SIM-LESION-1]}/compare/?a={s[tumor]}&b={s[disputed]}", theme="dark"
    ),
    # cases
    Scene("cases", "cases", OWNER, "/cases/"),
    Scene("case", "case", OWNER, "/cases/{c[SIM-LESION-1]}/", whole=True),
    Scene("case-phone", "case", OWNER, "/cases/{c[SIM-LESION-1]}/", size="phone", theme="dark"),
    Scene("case-edit", "case-edit", OWNER, "/cases/{c[SIM-LESION-1]}/edit/"),
    Scene("case-notes", "case-notes", OWNER, "/cases/{c[SIM-LESION-1]}/", act=acts.empty_note),
    Scene("case-activity", "case-activity", OWNER, "/cases/{c[SIM-LESION-1]}/activity/"),
    Scene("scan-move", "scan-move", OWNER, "/scans/{s[no-tumor]}/move/"),
    Scene("scan-delete", "scan-delete", OWNER, "/scans/{s[refused]}/delete/"),
    Scene("case-delete", "case-delete", OWNER, "/cases/{c[STUDY-08]}/delete/"),
    Scene("trash", "trash", OWNER, "/trash/"),
    # whoever runs the site
    Scene("api-docs", "api-docs", OPEN, "/api/docs/", act=acts.unfold_operation),
    Scene("api-docs-phone", "api-docs", OPEN, "/api/docs/", size="phone", theme="dark"),
    Scene("admin", "admin", ADMIN, "/admin/"),
    Scene("admin-dark", "admin", ADMIN, "/admin/diagnosis/prediction/", theme="dark"),
    Scene("admin-user", "admin", ADMIN, "/admin/auth/user/", act=acts.open_first),
    Scene("confirm", "confirm", ADMIN, "/confirm/?next=/admin/auth/user/"),
    Scene("audit", "audit", ADMIN, "/audit/"),
    Scene("admin-audit", "admin", ADMIN, "/admin/diagnosis/auditevent/"),
    Scene("models", "admin", ADMIN, "/admin/diagnosis/modelversion/"),
    Scene("model", "admin", ADMIN, "/admin/diagnosis/modelversion/", act=acts.open_first, whole=True),
    Scene("tokens", "admin", ADMIN, "/admin/diagnosis/apitoken/"),
    # when something is wrong
    Scene("error-403", "errors", SECOND, "/cases/{c[STUDY-08]}/edit/"),
    Scene("error-404", "errors", OPEN, "/cases/999999/", size="phone", theme="dark"),
    Scene("error-503", "errors", OPEN, "/history/", act=acts.no_database),
    Scene("result-running", "prediction", OWNER, "/predictions/{p[running]}/", theme="dark", act=acts.running_result),
)

NOT_SHOWN = {
    "home": "leads to the worklist",
    "sessions-end": "takes POST only",
    "token-revoke": "takes POST only",
    "second-factor-codes": "takes POST only",
    "second-factor-remove": "takes POST only",
    "login-passkey": "JSON",
    "login-code-passkey": "JSON",
    "confirm-passkey": "JSON",
    "passkey-new": "JSON",
    "passkey-add": "takes POST only",
    "passkey-remove": "takes POST only",
    "logout": "takes POST only, and leads to the login",
    "scan": "leads to the newest result",
    "audit-export": "a file",
    "queue": "a part of each page",
    "status": "a part of each page",
    "upload-rows": "a part of the upload page",
    "upload-dismiss": "takes POST only",
    "upload-same-name": "JSON",
    "upload-preview": "an image",
    "history-new": "a part of the worklist",
    "next-unread": "leads to a result",
    "history-bulk": "takes POST only",
    "view-save": "takes POST only",
    "view-change": "takes POST only",
    "page-size": "takes POST only",
    "history-export": "a file",
    "case-assign": "takes POST only",
    "case-withdraw": "takes POST only",
    "case-restore": "takes POST only",
    "case-export": "a file",
    "case-report": "a file",
    "scan-restore": "takes POST only",
    "scan-file": "a file",
    "scan-preview": "an image",
    "scan-thumbnail": "an image",
    "scan-pixels": "gray values",
    "prediction-retry": "takes POST only",
    "prediction-review": "takes POST only",
    "prediction-cancel": "takes POST only",
    "prediction-dicom": "a file",
    "prediction-send": "takes POST only",
    "prediction-report": "a file",
    "prediction-fhir": "a file",
    "prediction-heatmap": "an image",
    "prediction-overlay": "an image",
    "prediction-slices": "JSON",
    "slice-preview": "an image",
    "slice-thumbnail": "an image",
    "slice-heatmap": "an image",
    "slice-overlay": "an image",
}
"""Addresses of the site without a picture of their own, and why."""
