"""Two admins who act on model versions at the same moment. Needs PostgreSQL, on which the verification suite runs this
file."""

from django.contrib.auth.models import User
from django.db import transaction

from diagnosis.inference import model_versions
from diagnosis.models import AuditEvent, ModelVersion
from tests.factories import ModelVersionFactory, UserFactory
from tests.overlapping import Meanwhile, overlapping

pytestmark = overlapping


def test_two_activations_leave_the_later_one_active(admin: User) -> None:
    ModelVersionFactory(active=True)
    first, second = ModelVersionFactory(), ModelVersionFactory()
    other = UserFactory()
    with transaction.atomic():
        model_versions.activate(version=first, actor=admin)
        meanwhile = Meanwhile(lambda: model_versions.activate(version=second, actor=other))
    meanwhile.result()
    assert ModelVersion.objects.get(active=True) == second
    activated = AuditEvent.objects.filter(action="model.activated").order_by("id")
    assert list(activated.values_list("actor", "target_id")) == [
        (admin.username, str(first.pk)),
        (other.username, str(second.pk)),
    ]
