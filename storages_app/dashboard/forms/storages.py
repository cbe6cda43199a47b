"""Forms about custom storages; their rules are those of custom_storages.addresses."""

from typing import Any

from django import forms

from storages_app.custom_storages import addresses
from storages_app.custom_storages.key_patterns import check_pattern
from storages_app.dashboard.forms.base import DashboardForm
from storages_app.models import CustomStorage
from storages_app.models.custom_storages import provider_choices
from storages_app.objectstores.providers import provider


def _clean_pattern(text: str) -> str:
    pattern = text.strip()
    check_pattern(pattern)
    return pattern


_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class StorageForm(DashboardForm):
    """Where copies go and with which rights; the secret is write-only."""

    name = forms.CharField(
        label="Storage name",
        max_length=64,
        help_text="Used in the API as target: letters, digits, - and _, up to 64.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    provider = forms.ChoiceField(choices=provider_choices, initial="aws")
    endpoint_url = forms.CharField(
        label="Endpoint",
        max_length=255,
        required=False,
        help_text="Not for Amazon S3. For example https://s3.example.com.",
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "url"}),
    )
    region = forms.CharField(
        max_length=60,
        required=False,
        help_text="For example eu-central-1. Empty means the provider's usual one.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    bucket = forms.CharField(
        max_length=255,
        help_text="Lower-case letters, digits, dots and hyphens.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    prefix = forms.CharField(  # type: ignore[assignment]  # Form.prefix is for formsets
        max_length=512,
        required=False,
        help_text="A folder for the copies, such as uploads/. Empty means the whole bucket.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    access_key_id = forms.CharField(
        label="Access key id", max_length=200, widget=forms.TextInput(attrs=_PLAIN)
    )
    # A password field renders no value: the secret never goes back into a page.
    secret_access_key = forms.CharField(
        label="Secret access key",
        max_length=1100,
        help_text="Kept sealed; no page shows it again.",
        widget=forms.PasswordInput(attrs=_PLAIN | {"autocomplete": "new-password"}),
    )
    public_mode = forms.ChoiceField(
        label="Who may read the copies",
        choices=[
            (CustomStorage.PublicMode.PRIVATE, "Only you (private)"),
            (CustomStorage.PublicMode.POLICY, "Anyone, by bucket policy"),
            (CustomStorage.PublicMode.ACL, "Anyone, by ACL (as in Uploadcare)"),
        ],
        initial=CustomStorage.PublicMode.PRIVATE,
        widget=forms.RadioSelect,
    )
    key_pattern = forms.CharField(
        label="Naming pattern",
        max_length=512,
        initial="${default}",
        help_text="${default} is ${uuid}/${auto_filename}. Also: ${filename} ${effects} ${ext}.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    auto_copy = forms.BooleanField(
        label="Copy each new file here by itself",
        required=False,
        help_text="New files from now on. Files that are here already can be copied later.",
    )

    def clean_name(self) -> str:
        return self.clean_by(addresses.clean_name, "name")

    def clean_endpoint_url(self) -> str:
        return self.clean_by(addresses.clean_endpoint, "endpoint_url")

    def clean_region(self) -> str:
        return self.clean_by(addresses.clean_region, "region")

    def clean_bucket(self) -> str:
        return self.clean_by(addresses.clean_bucket, "bucket")

    def clean_prefix(self) -> str:
        return self.clean_by(addresses.clean_prefix, "prefix")

    def clean_key_pattern(self) -> str:
        return self.clean_by(_clean_pattern, "key_pattern")

    def clean_access_key_id(self) -> str:
        return self.clean_by(addresses.clean_access_key_id, "access_key_id")

    def clean_secret_access_key(self) -> str:
        return self.clean_by(addresses.clean_secret, "secret_access_key")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        chosen = provider(cleaned["provider"]) if cleaned.get("provider") else None
        if chosen and chosen.needs_endpoint and cleaned.get("endpoint_url") == "":
            self.add_error("endpoint_url", f"{chosen.name} needs the address of its S3 service.")
        if chosen and not cleaned.get("region") and "region" not in self.errors:
            cleaned["region"] = chosen.default_region
        return cleaned

    @property
    def secret(self) -> str:
        return str(self.cleaned_data["secret_access_key"])

    @property
    def storage_fields(self) -> dict[str, Any]:
        """What the services take beside the secret."""
        return {name: v for name, v in self.cleaned_data.items() if name != "secret_access_key"}


class StorageSettingsForm(StorageForm):
    """The same for a storage that is there; an empty secret keeps the one in use."""

    field_order = list(StorageForm.base_fields)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        secret = self.fields["secret_access_key"]
        secret.required = False
        secret.help_text = "Empty keeps the secret in use."

    @classmethod
    def of(cls, storage: CustomStorage) -> "StorageSettingsForm":
        names = set(cls.base_fields) - {"secret_access_key"}
        return cls(initial={name: getattr(storage, name) for name in names})


class DisconnectForm(DashboardForm):
    """The name has to be typed, so that nobody disconnects the wrong storage."""

    name = forms.CharField(
        label="Type the name of the storage", widget=forms.TextInput(attrs=_PLAIN)
    )

    def __init__(self, *args: Any, storage: CustomStorage, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.storage = storage

    def clean_name(self) -> str:
        typed = str(self.cleaned_data["name"]).strip()
        if typed != self.storage.name:
            raise forms.ValidationError(f"That is not “{self.storage.name}”. Nothing was changed.")
        return typed
