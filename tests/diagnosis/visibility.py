"""Who gets a page: the check that tests of single pages share."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.test import Client


def assert_visible(client: Client, address: str, *, to: Iterable[User], not_to: User) -> None:
    """The page opens for those people, is not found by the other, only answers GET, and asks strangers to log in."""
    for person, expected in [*((one, 200) for one in to), (not_to, 404)]:
        client.force_login(person)
        assert client.get(address).status_code == expected
        assert client.post(address).status_code == 405
    client.logout()
    assert client.get(address).status_code == 302
