"""API tokens, without their keys: a key is shown once, when its token is made."""

from rest_framework import serializers

from diagnosis.models import ApiToken
from diagnosis.models.api_token import Scope


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """What a token is for, what it allows, and until when."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.values))

    class Meta:
        model = ApiToken
        fields = ("id", "name", "hint", "scopes", "created", "expires", "last_used")
        read_only_fields = fields
