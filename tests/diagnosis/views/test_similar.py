"""The panel of similar past cases, and its page for those without script."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import Prediction
from diagnosis.models.prediction import State
from tests.embeddings import embed
from tests.factories import CaseFactory, ScanFactory

Make = Callable[..., Prediction]


def panel(client: Client, prediction: Prediction) -> str:
    response = client.get(f"/predictions/{prediction.pk}/similar/", headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode().strip()


def test_the_result_page_fetches_it_once_it_stands(as_user: Client, make: Make) -> None:
    address = 'hx-get="/predictions/{}/similar/"'
    done = make()
    assert address.format(done.pk) in as_user.get(f"/predictions/{done.pk}/").content.decode()
    for state in (State.QUEUED, State.RUNNING, State.REFUSED, State.FAILED, State.CANCELED):
        other = make(state=state)
        assert address.format(other.pk) not in as_user.get(f"/predictions/{other.pk}/").content.decode()


def test_each_shows_image_case_outcome_and_similarity(as_user: Client, make: Make, user: User) -> None:
    asked = embed(make())
    similar = embed(make(case=CaseFactory(owner=user, reference="OLD-1")), 0.87)
    body = panel(as_user, asked)
    assert f'src="/scans/{similar.scan_id}/thumbnail/"' in body
    assert f'href="/predictions/{similar.pk}/"' in body and "OLD-1" in body
    assert "87 % similar" in body and "Tumor" in body and "0.93" in body and "glioma" in body
    assert "does not mean that the finding is the same" in body


def test_dissimilar_scans_are_not_shown(as_user: Client, make: Make) -> None:
    asked = embed(make())
    embed(make(), -0.4)
    assert "looks enough like this one" in panel(as_user, asked)


def test_without_any_it_says_what_will_come(as_user: Client, make: Make, other_user: User) -> None:
    asked = embed(make())
    embed(make(owner=other_user))
    assert "looks enough like this one" in panel(as_user, asked)


def test_a_model_whose_floor_was_not_measured_says_so(as_user: Client, make: Make) -> None:
    asked = embed(make())
    embed(make(), 0.9)
    assert asked.model_version is not None
    asked.model_version.manifest.pop("similarity")
    asked.model_version.save()
    body = panel(as_user, asked)
    assert "nobody has measured how similar unrelated scans look" in body
    assert "similar-list" not in body and "looks enough like" not in body


def test_an_older_result_has_no_panel(as_user: Client, make: Make) -> None:
    assert panel(as_user, make()) == ""
    assert panel(as_user, make(state=State.FAILED, model_version=None)) == ""


def test_without_script_it_is_a_page(as_user: Client, make: Make) -> None:
    asked, similar = embed(make()), embed(make())
    body = as_user.get(f"/predictions/{asked.pk}/similar/").content.decode()
    assert '<h1 id="similar-title">' in body and '<h2 id="similar-title">' in panel(as_user, asked)
    assert "<html" in body and f"/predictions/{similar.pk}/" in body
    assert "Research use" in body
    assert "Nothing to compare" in as_user.get(f"/predictions/{make().pk}/similar/").content.decode()


def test_owners_are_named_to_who_sees_others_cases(client: Client, reader: User, make: Make) -> None:
    asked = embed(make())
    embed(make(), 0.5)
    client.force_login(reader)
    assert "ada" in panel(client, asked)


def test_hostile_names_are_escaped(as_user: Client, make: Make) -> None:
    asked = embed(make())
    embed(make(name="<script>x</script>.png"))
    shown = panel(as_user, asked)
    assert "&lt;script&gt;x&lt;/script&gt;.png" in shown and "<script>x" not in shown


def test_others_results_are_not_found(as_user: Client, client: Client, make: Make, other_user: User) -> None:
    theirs = embed(make(owner=other_user))
    assert as_user.get(f"/predictions/{theirs.pk}/similar/").status_code == 404
    assert as_user.post(f"/predictions/{theirs.pk}/similar/").status_code == 405
    assert Client().get(f"/predictions/{theirs.pk}/similar/").status_code == 302


def test_the_panel_costs_nine_queries_however_full(
    as_user: Client, make: Make, user: User, django_assert_num_queries: object
) -> None:
    asked = embed(make())
    for number in range(8):
        embed(make(scan=ScanFactory(case=CaseFactory(owner=user))), (number + 1) / 10)
    with django_assert_num_queries(9):  # type: ignore[operator]  # session, user, the result, four of the search, audit
        panel(as_user, asked)
