"""What a reader does in the reading panel. A refusal shows the page again, with its reason and all that was typed."""

from collections.abc import Mapping
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from diagnosis.access import selectors
from diagnosis.access.users import User
from diagnosis.models import Prediction, Review
from diagnosis.reviews import transitions
from diagnosis.reviews.errors import InvalidOpinion, NotYourReading, ReviewRefused
from diagnosis.views import results, review_panel
from diagnosis.worklist.columns import list_parameter

_RECORDED = {"save": transitions.save_draft, "commit": transitions.commit, "sign": transitions.sign}
_DONE = {
    "save": "Draft saved.",
    "commit": "Committed. This is what the model says.",
    "sign": "Signed.",
    "agree": "Signed, as the model says.",
    "confirm": "Signed.",
    "amend": "Amended. The earlier text stays below.",
    "discard": "Draft deleted.",
}


@require_POST
def review(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """`action`: save, commit, sign, agree (sign what the model says), confirm (sign what was committed), amend or
    discard. Redirects to the result; 400, 403 or 409 with the page if it was refused."""
    found = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    action = request.POST.get("action", "")
    try:
        _act(cast(User, request.user), found, request.POST, action)
    except ReviewRefused as refused:
        status = 400 if isinstance(refused, InvalidOpinion) else 403 if isinstance(refused, NotYourReading) else 409
        panel = review_panel.of(request, found, typed=request.POST, refused=refused)
        return results.page(request, found, panel=panel, status=status)
    messages.success(request, _DONE[action])
    query = request.POST.get("list")
    return redirect(found.get_absolute_url() + (f"?{list_parameter(query)}" if query is not None else ""))


def _act(reader: User, found: Prediction, data: Mapping[str, str], action: str) -> None:
    own = _shown(reader, found, data)
    shown, pixels = review_panel.whole(data.get("version", "")), data.get("pixels", "")
    version = shown or 0
    agreed = review_panel.agreed(found) if action == "agree" else None
    if action in _RECORDED:
        opinion = review_panel.parse(data)
        _RECORDED[action](found, reader=reader, opinion=opinion, version=version, pixels=pixels)
    elif agreed is not None:
        transitions.sign(found, reader=reader, opinion=agreed, version=version, pixels=pixels)
    elif action == "confirm" and own is not None:
        transitions.sign_committed(own, reader=reader)
    elif action == "amend" and own is not None:
        opinion, reason = review_panel.parse(data), data.get("reason", "")
        transitions.amend(own, reader=reader, opinion=opinion, reason=reason, pixels=pixels, beside=found)
    elif action == "discard" and own is not None and transitions.discard_draft(own, reader=reader, version=shown):
        return
    else:
        raise ReviewRefused("nothing_to_do", "Nothing was done: this reading changed meanwhile. The page shows it now.")


def _shown(reader: User, found: Prediction, data: Mapping[str, str]) -> Review | None:
    """The reader's review that the page shows, amended or not by now; a form that names none means the current one."""
    own = Review.objects.filter(scan=found.scan_id, reader=reader)
    named = review_panel.whole(data.get("review", ""))
    return (own.filter(current=True) if named is None else own.filter(pk=named)).first()
