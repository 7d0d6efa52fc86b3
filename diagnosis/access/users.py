"""The people of the site, for annotations: somebody with an account, and whoever sends a request."""

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as Person

Visitor = Person | AnonymousUser

__all__ = ["Person", "Visitor"]
