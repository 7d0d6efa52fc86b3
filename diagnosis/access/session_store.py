"""Django's sessions in the database (SESSION_ENGINE), which end for requests under way without failing them."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError


class SessionStore(db.SessionStore):
    """A session that ends during a request, in another window or by an administrator, stays ended.

    Django would answer 400 instead of what the request did: an upload that is stored would seem refused. The next
    request has no session.
    """

    def save(self, must_create: bool = False) -> None:
        try:
            super().save(must_create)
        except UpdateError:
            if self.session_key and self.exists(self.session_key):
                raise  # it is there and could not be written
