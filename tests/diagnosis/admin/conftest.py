"""People at the admin: a superuser, and staff with the permissions a test gives them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.factories import UserFactory


@pytest.fixture
def as_admin(admin: User) -> Client:
    """A browser in which a superuser is logged in."""
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def as_staff(db: None) -> Callable[..., Client]:
    """`as_staff("view_case", …)`: a browser of a staff member who is no superuser, with these permissions."""

    def login(*codenames: str, **fields: Any) -> Client:
        person = UserFactory(is_staff=True, **fields)
        permissions = Permission.objects.filter(codename__in=codenames)
        assert len(permissions) == len(codenames)
        person.user_permissions.set(permissions)
        client = Client()
        client.force_login(person)
        return client

    return login
