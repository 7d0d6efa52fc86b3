"""A person at a browser: a method for each thing they do, with the requests that the pages' scripts send.

Every answer is checked; the ledger counts the unexpected ones.
"""

import random
import re
import time
import uuid
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlencode

import requests

from tests.verification.services import PASSWORD, Site
from tests.verification.soak.files import File, Files
from tests.verification.soak.ledger import Ledger

ADMINISTRATOR = "boss"
_PREDICTION = re.compile(r"/predictions/(\d+)/")
_POLL, _PATIENCE = 1.0, 120.0
_LISTS: tuple[dict[str, str], ...] = (
    {},
    {"reading": "unread", "sort": "triage"},
    {"outcome": "tumor", "sort": "-score"},
    {"state": "refused"},
    {"outcome": "uncertain", "type": "glioma"},
    {"q": "picture", "sort": "case"},
    {"assigned": "nobody", "created_after": "2026-01-01", "sort": "when"},
)
_ADMIN = ("auth/user", "diagnosis/case", "diagnosis/prediction", "diagnosis/auditevent", "diagnosis/modelversion")


class Person:
    """One user with one browser session. own: ids of the predictions of their scans."""

    def __init__(self, site: Site, name: str, files: Files, ledger: Ledger, *, seed: int = 0) -> None:
        self.name, self._site, self._files, self._ledger = name, site, files, ledger
        self._random = random.Random(seed)
        self._browser = requests.Session()
        self._sent: list[tuple[str, File]] = []
        self.own: list[int] = []
        self._mistyped = self._uploads = 0

    def get(self, path: str, *, expect: Collection[int] = (200,), follow: bool = True) -> requests.Response:
        return self._ask("GET", path, expect=expect, allow_redirects=follow)

    def post(
        self, path: str, data: object = None, *, expect: Collection[int] = (200,), **more: Any
    ) -> requests.Response:
        token = self._browser.cookies.get("csrftoken", "")
        headers = {"X-CSRFToken": token, "Referer": self._site.url, **more.pop("headers", {})}
        return self._ask("POST", path, expect=expect, data=data, headers=headers, **more)

    def _ask(self, verb: str, path: str, *, expect: Collection[int], **more: Any) -> requests.Response:
        answer = self._browser.request(verb, self._site.url + path, timeout=_PATIENCE, **more)
        expected = answer.status_code in expect and ("/login/" not in answer.url or path in ("/login/", "/logout/"))
        self._ledger.record_answer(verb, path, answer.status_code, expected=expected)
        return answer

    def rest(self, seconds: float) -> None:
        """Close the connection first: the site drops idle ones, and `requests`, unlike browsers, does not reconnect."""
        self._browser.close()
        time.sleep(seconds)

    # Coming and going

    def log_in(self) -> None:
        self._browser = requests.Session()
        self.get("/login/")
        self.post("/login/", {"username": self.name, "password": PASSWORD})
        if "sessionid" not in self._browser.cookies:
            self._ledger.record_problem(f"{self.name} could not log in")

    def log_out(self) -> None:
        self.post("/logout/")
        self.get("/history/", expect=(302,), follow=False)
        self.log_in()

    def mistype_password(self) -> None:
        """In another browser, with an unknown name. At most five times: after thirty failures an address is locked."""
        self._mistyped += 1
        if self._mistyped <= 5:
            other = Person(self._site, f"nobody-{uuid.uuid4().hex[:8]}", self._files, self._ledger)
            other.get("/login/")
            other.post("/login/", {"username": other.name, "password": "wrong"}, expect=(200, 400))

    # Uploads

    def upload_picture(self) -> None:
        self._upload(self._files.picture())

    def upload_drawing(self) -> None:
        self._upload(self._files.drawing())

    def upload_dicom(self) -> None:
        self._upload(self._files.dicom())

    def upload_series(self) -> None:
        self._upload(self._files.series())

    def upload_volume(self) -> None:
        self._upload(self._files.volume())

    def upload_again(self) -> None:
        """To the same case, which stores nothing new; then to another case, which reuses the result."""
        if self._sent:
            case, file = self._random.choice(self._sent)
            self._send(file, case=case)
            self._upload(file)

    def upload_broken(self) -> None:
        self._send(self._files.broken(), case=self._case(), expect=(400,))

    def _case(self) -> str:
        """The case for the next scan: three scans go to each."""
        self._uploads += 1
        return f"{self.name}-{self._uploads // 3}"

    def _upload(self, file: File) -> None:
        """Upload, poll until the result is there, and open it."""
        case = self._case()
        answer = self._send(file, case=case)
        found = sorted({int(number) for number in _PREDICTION.findall(answer.text)})
        if not found:
            why = " ".join(re.findall(r"<p[^>]*>(.*?)</p>", answer.text, re.DOTALL)) or answer.text[:200]
            self._ledger.record_problem(f"{file[0]} was not taken to {case}: {why}")
            return
        self._sent = [*self._sent[-20:], (case, file)]
        for number in found:
            self._ledger.record_upload(number, file[0])
            self.own.append(number)
        deadline = time.monotonic() + _PATIENCE
        while "data-poll=" in self.get(f"/status/?view=upload&{urlencode([('id', n) for n in found])}").text:
            if time.monotonic() > deadline:
                self._ledger.record_problem("no result within two minutes")
                return
            self.get("/queue/")
            time.sleep(_POLL)
        self._look_at(found[0])

    def _send(self, file: File, *, case: str, expect: Collection[int] = (200,)) -> requests.Response:
        name, data = file
        self.get("/upload/")
        fields = {"case": case, "key": str(uuid.uuid4()), "confirmed": "on"}  # noise that looks like text is no name
        headers = {"X-Requested-With": "XMLHttpRequest"}
        return self.post("/upload/", fields, files={"files": (name, data)}, headers=headers, expect=expect)

    def clear_list(self) -> None:
        self.post("/upload/rows/dismiss/", {"finished": "on"})
        self.get("/upload/rows/")

    # Reading

    def read_worklist(self) -> None:
        page = self.get(f"/history/?{urlencode(self._random.choice(_LISTS))}").text
        for name in sorted(set(re.findall(r'href="(\?[^"]*(?:after|before)=[^"]*)"', page)))[:2]:
            self.get("/history/" + name.replace("&amp;", "&"))
        self.get("/history/new/?since=2026-01-01T00:00:00Z", expect=(200, 204))
        self.get("/history/unread/")

    def read_result(self) -> None:
        if self.own:
            self._look_at(self._random.choice(self.own))

    def _look_at(self, number: int) -> None:
        """Open the result page and what its scripts load: the viewer's slices, maps, similar cases."""
        page = self.get(f"/predictions/{number}/").text
        listing = self.get(f"/predictions/{number}/slices/").json()
        for first in range(0, len(listing["slices"]), listing["block"]):
            self.get(f"{listing['pixels']}{first}/")
        for one in listing["slices"][:3]:
            for kind in ("preview", "thumbnail", "map", "overlay"):
                if one[kind]:
                    self.get(one[kind])
        self.get(f"/predictions/{number}/similar/")
        for path in re.findall(r'href="(/cases/\d+/)"', page)[:1]:
            self.get(path)
            self.get(f"{path}activity/")
            self.get(f"{path}compare/")

    def write_note(self) -> None:
        if case := self._case_of(self.own):
            self.post(f"{case}notes/", {"text": "Compared with the last one."})

    def review(self) -> None:
        """Save a draft, then sign it; 409 if the scan is signed already."""
        if self.own:
            path = f"/predictions/{self._random.choice(self.own)}/review/"
            typed = {"finding": "no_tumor", "confidence": "low", "comment": "Motion artifact.", "version": "0"}
            self.post(path, {"action": "save", **typed}, expect=(200, 409))
            self.post(path, {"action": "sign", **typed, "version": "1"}, expect=(200, 409))

    def report(self) -> None:
        """PDF, FHIR, DICOM, CSV and the file itself."""
        if self.own:
            number = self._random.choice(self.own)
            for kind in ("report", "fhir", "dicom"):
                self.get(f"/predictions/{number}/{kind}/")
            if case := self._case_of([number]):
                self.get(f"{case}report/")
                self.get(f"{case}export/?format=json")
            self.get("/history/export/?format=csv")

    def _case_of(self, numbers: list[int]) -> str:
        if not numbers:
            return ""
        page = self.get(f"/predictions/{self._random.choice(numbers)}/").text
        found: list[str] = re.findall(r'href="(/cases/\d+/)"', page)
        return found[0] if found else ""

    # Keeping order

    def delete_case(self) -> None:
        """Delete, restore, and delete again for good, with everything in the case."""
        if len(self.own) > 10 and (case := self._case_of(self.own[:5])):
            gone = {int(n) for n in _PREDICTION.findall(self.get(case).text)} & set(self.own)
            self._ledger.record_deletion(gone)
            self.get(f"{case}delete/")
            self.post(f"{case}delete/")
            self.get("/trash/")
            self.post(f"{case}restore/")
            self.post(f"{case}delete/")
            self.own = [number for number in self.own if number not in gone]
            self._sent = self._sent[-3:]

    def look_after_account(self) -> None:
        self.get("/sessions/")
        made = self.post("/tokens/", {"name": "soak", "scope": ["read"], "days": "30"}).text
        for number in re.findall(r"/tokens/(\d+)/revoke/", made):
            self.post(f"/tokens/{number}/revoke/")

    def administer(self) -> None:
        for table in _ADMIN:
            self.get(f"/admin/{table}/")
        self.get("/audit/")
        self.get("/audit/export/?format=csv")
        self.get("/api/docs/")


def pages(number: int) -> list[str]:
    """Addresses of each kind of page that the administrator reads. number: id of a prediction."""
    of_result = [f"/predictions/{number}/{part}" for part in ("", "slices/", "similar/", "report/", "fhir/")]
    fixed = ["/upload/", "/upload/rows/", "/queue/", "/trash/", "/sessions/", "/audit/", "/history/export/?format=csv"]
    lists = [f"/history/?{urlencode(query)}" for query in _LISTS]
    return [*lists, *fixed, *of_result, f"/status/?view=upload&id={number}", *(f"/admin/{table}/" for table in _ADMIN)]


Action = Callable[[Person], None]
ACTIONS: dict[Action, int] = {
    Person.upload_picture: 6,
    Person.upload_dicom: 2,
    Person.upload_drawing: 1,
    Person.upload_series: 2,
    Person.upload_volume: 1,
    Person.upload_again: 2,
    Person.upload_broken: 3,
    Person.clear_list: 1,
    Person.read_worklist: 8,
    Person.read_result: 8,
    Person.write_note: 1,
    Person.review: 3,
    Person.report: 2,
    Person.delete_case: 2,
    Person.look_after_account: 1,
    Person.mistype_password: 1,
    Person.log_out: 1,
}
"""What a person does in one round, and how many times."""


def rounds(person: Person, rng: random.Random) -> list[Action]:
    """One round's actions in random order."""
    actions = [action for action, times in ACTIONS.items() for _ in range(times)]
    if person.name == ADMINISTRATOR:
        actions += [Person.administer] * 3
    rng.shuffle(actions)
    return actions
