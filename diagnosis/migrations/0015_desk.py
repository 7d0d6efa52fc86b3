import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce
from django.db.models.lookups import GreaterThan

TYPES = [("glioma", "Glioma"), ("meningioma", "Meningioma"), ("pituitary", "Pituitary"), ("other", "Other")]


def share(kind: str) -> Coalesce:
    return Coalesce(Cast(KT(f"type_probabilities__{kind}"), models.FloatField()), 0.0)


def exceeds(kind: str, *others: str) -> Q:
    return Q(*(GreaterThan(share(kind), share(other)) for other in others))


LISTED_TYPE = models.Case(
    When(Q(type_probabilities__isnull=True) | Q(uncertain=True) | ~Q(outcome="tumor"), then=Value("")),
    When(exceeds("glioma", "meningioma", "pituitary", "other"), then=Value("glioma")),
    When(exceeds("meningioma", "pituitary", "other"), then=Value("meningioma")),
    When(exceeds("pituitary", "other"), then=Value("pituitary")),
    When(GreaterThan(share("other"), 0.0), then=Value("other")),
    default=Value(""),
)

TRIAGE = models.Func(
    F("worklist_status"),
    template="CASE %(expressions)s WHEN 'tumor' THEN 0 WHEN 'uncertain' THEN 0 WHEN 'no_tumor' THEN 1"
    " WHEN 'active' THEN 3 ELSE 2 END",
    output_field=models.IntegerField(),
)


class Migration(migrations.Migration):
    """Assignments, saved views and page sizes; the type and the triage order of the worklist."""

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("diagnosis", "0014_reviews"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Assignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to="diagnosis.case",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to="auth.group",
                    ),
                ),
                (
                    "assigned_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "constraints": [
                    models.UniqueConstraint(fields=("user", "case"), name="assignment_once_per_user"),
                    models.UniqueConstraint(fields=("group", "case"), name="assignment_once_per_group"),
                    models.CheckConstraint(
                        condition=Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False),
                        name="assignment_to_user_or_group",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                (
                    "query",
                    models.CharField(
                        blank=True, help_text="As in the worklist's URL, without a page.", max_length=1000
                    ),
                ),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "constraints": [
                    models.UniqueConstraint(fields=("user", "name"), name="saved_view_name_once_per_user"),
                    models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WorklistPreference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("page_size", models.PositiveSmallIntegerField(choices=[(25, "25"), (50, "50"), (100, "100")])),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="worklist_preference",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(page_size__in=(25, 50, 100)), name="worklist_page_size_offered"),
                ],
            },
        ),
        migrations.AddField(
            model_name="prediction",
            name="listed_type",
            field=models.GeneratedField(
                db_persist=True,
                expression=LISTED_TYPE,
                help_text="What the worklist states as the type: none where the model is uncertain.",
                output_field=models.CharField(choices=TYPES, max_length=10),
            ),
        ),
        migrations.AddIndex("prediction", models.Index(TRIAGE, F("id"), name="prediction_triage")),
        migrations.AddIndex("prediction", models.Index(fields=["listed_type", "id"], name="prediction_listed_type")),
    ]
