"""Forms about custom storages; their rules are those of custom_storages.addresses."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from storages_app.custom_storages import addresses, grants
from storages_app.custom_storages.key_patterns import clean_pattern
from storages_app.dashboard.forms.base import DashboardForm, word_for
from storages_app.models import CustomStorage
from storages_app.objectstores.providers import Provider, provider

_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
_PUBLIC_MODES = [
    (CustomStorage.PublicMode.PRIVATE, "Only you"),
    (CustomStorage.PublicMode.POLICY, "Anyone, by bucket policy"),
    (CustomStorage.PublicMode.ACL, "Anyone, by ACL (as in Uploadcare)"),
]


class StorageSettingsForm(DashboardForm):
    """All that may change on a storage that is there, with the fields of its own way in.

    An empty secret keeps the one in use. Another provider or way in is another storage.
    """

    # When the settings were what the page shows; a page that is older saves nothing.
    as_of = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(
        label="Storage name",
        max_length=64,
        help_text="Used in the API as target: letters, digits, - and _, up to 64.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    endpoint_url = forms.CharField(
        label="Endpoint",
        max_length=255,
        help_text="For example https://s3.example.com.",
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "url"}),
    )
    region = forms.CharField(max_length=60, required=False, widget=forms.TextInput(attrs=_PLAIN))
    account_id = forms.CharField(
        label="Account id", max_length=64, required=False, widget=forms.TextInput(attrs=_PLAIN)
    )
    bucket = forms.CharField(
        max_length=255,
        help_text="Another bucket is taken only if the copies made so far are in it.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    prefix = forms.CharField(  # type: ignore[assignment]  # Form.prefix is for formsets
        max_length=512,
        required=False,
        help_text="A folder for new copies, such as uploads/. Old copies stay where they are.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    access_key_id = forms.CharField(
        label="Access key id", max_length=200, widget=forms.TextInput(attrs=_PLAIN)
    )
    # A password field renders no value: the secret never goes back into a page.
    secret_access_key = forms.CharField(
        label="Secret access key",
        max_length=1100,
        required=False,
        help_text="Empty keeps the secret in use. No page shows it again.",
        widget=forms.PasswordInput(attrs=_PLAIN | {"autocomplete": "new-password"}),
    )
    role_arn = forms.CharField(
        label="Role ARN", max_length=2048, widget=forms.TextInput(attrs=_PLAIN)
    )
    uses = forms.MultipleChoiceField(
        label="What it is used for",
        required=False,
        choices=[(use.slug, word_for(use)) for use in grants.ALL_USES if not use.always],
        widget=forms.CheckboxSelectMultiple,
    )
    public_mode = forms.ChoiceField(
        label="Who may read the copies", choices=_PUBLIC_MODES, widget=forms.RadioSelect
    )
    storage_class = forms.ChoiceField(label="Storage class", required=False)
    encryption = forms.ChoiceField(
        required=False,
        choices=[
            ("", "The bucket's own"),
            ("AES256", "Keys of the service (SSE-S3)"),
            ("aws:kms", "A key in KMS (SSE-KMS)"),
        ],
    )
    kms_key_id = forms.CharField(
        label="KMS key",
        max_length=512,
        required=False,
        help_text="Its id, ARN or alias; only with encryption by a KMS key.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    key_pattern = forms.CharField(
        label="Naming pattern",
        max_length=512,
        required=False,
        help_text="The name that each new copy gets below the prefix.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    on_clash = forms.ChoiceField(
        label="When another file has the name already",
        choices=CustomStorage.OnClash.choices,
        widget=forms.RadioSelect,
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        storage: CustomStorage,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=_initial(storage) | (initial or {}))
        self.storage = storage
        chosen = provider(storage.provider)
        for name in _fields_to_leave_out(storage, chosen):
            del self.fields[name]
        has_mode = {"private": True, "policy": chosen.has_bucket_policy, "acl": chosen.has_acl}
        self.fields["public_mode"].choices = [  # type: ignore[attr-defined]
            (mode, label)
            for mode, label in _PUBLIC_MODES
            if has_mode[mode] or mode == storage.public_mode
        ]
        if "storage_class" in self.fields:
            classes = dict.fromkeys([*chosen.storage_classes, storage.storage_class])
            self.fields["storage_class"].choices = [  # type: ignore[attr-defined]
                ("", "The bucket's own"),
                *((name, name) for name in classes if name),
            ]

    @classmethod
    def retyped(cls, data: QueryDict, *, storage: CustomStorage) -> "StorageSettingsForm":
        """What was typed so far, not yet judged; the secret has to be typed again."""
        names = {*cls.base_fields} & {*data} - {"secret_access_key"}
        typed: dict[str, Any] = {name: data[name] for name in names}
        typed["uses"] = data.getlist("uses")
        return cls(storage=storage, initial=typed)

    def clean_name(self) -> str:
        return self.clean_by(addresses.clean_name, "name")

    def clean_endpoint_url(self) -> str:
        return self.clean_by(addresses.clean_endpoint, "endpoint_url")

    def clean_region(self) -> str:
        return self.clean_by(addresses.clean_region, "region")

    def clean_account_id(self) -> str:
        return self.clean_by(addresses.clean_account_id, "account_id")

    def clean_bucket(self) -> str:
        return self.clean_by(addresses.clean_bucket, "bucket")

    def clean_prefix(self) -> str:
        return self.clean_by(addresses.clean_prefix, "prefix")

    def clean_access_key_id(self) -> str:
        return self.clean_by(addresses.clean_access_key_id, "access_key_id")

    def clean_secret_access_key(self) -> str:
        return self.clean_by(addresses.clean_secret, "secret_access_key")

    def clean_role_arn(self) -> str:
        return self.clean_by(addresses.clean_role_arn, "role_arn")

    def clean_key_pattern(self) -> str:
        return self.clean_by(clean_pattern, "key_pattern")

    def clean_kms_key_id(self) -> str:
        return self.clean_by(addresses.clean_kms_key, "kms_key_id")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._require_newest(cleaned.pop("as_of", ""))
        is_kms = cleaned.get("encryption") == "aws:kms"
        if cleaned.get("kms_key_id") and not is_kms:
            self.add_error("kms_key_id", "Choose encryption by a KMS key, or empty this field.")
        return cleaned

    def _require_newest(self, as_of: str) -> None:
        """Every field is sent, so an old page would ask for the old bucket or key again."""
        now = self.storage.access_changed_at.isoformat()
        if as_of and as_of != now:
            self.data = MultiValueDict({**dict(self.data.lists()), "as_of": [now]})  # type: ignore[attr-defined]
            raise forms.ValidationError(
                "The settings were changed since this page was opened. Compare what you typed with "
                "the storage's page, then save again.",
                code="changed_meanwhile",
            )

    @property
    def secret(self) -> str:
        return str(self.cleaned_data.get("secret_access_key", ""))

    @property
    def storage_fields(self) -> dict[str, Any]:
        """What the service takes beside the secret; what says the same as before is left out."""
        values = {**self.cleaned_data}
        values.pop("secret_access_key", None)
        key = values.pop("kms_key_id", "")
        if "encryption" in values:
            mode = values["encryption"]
            values["encryption"] = {"mode": mode, "kms_key_id": key} if mode else {}
            if _encryption(self.storage) == (mode, key):
                del values["encryption"]
        if {*values["uses"]} == {*self.initial["uses"]}:
            del values["uses"]
        return values


def _encryption(storage: CustomStorage) -> tuple[str, str]:
    return (
        str(storage.encryption.get("mode", "")),
        str(storage.encryption.get("kms_key_id", "")),
    )


def _initial(storage: CustomStorage) -> dict[str, Any]:
    names = {*StorageSettingsForm.base_fields} - {"secret_access_key", "kms_key_id", "as_of"}
    mode, key = _encryption(storage)
    uses = [use for use in storage.uses or grants.DEFAULT_USES if use not in grants.ALWAYS]
    values = {name: getattr(storage, name) for name in names}
    as_of = storage.access_changed_at.isoformat()
    return values | {"encryption": mode, "kms_key_id": key, "uses": uses, "as_of": as_of}


def _fields_to_leave_out(storage: CustomStorage, chosen: Provider) -> set[str]:
    """What this provider does not have, and what belongs to other ways in."""
    left_out: set[str] = set()
    if not chosen.types_endpoint:
        left_out.add("endpoint_url")
    if not chosen.has_account_id:
        left_out.add("account_id")
    if not chosen.storage_classes and not storage.storage_class:
        left_out.add("storage_class")
    if storage.identity != CustomStorage.Identity.ACCESS_KEY:
        left_out |= {"access_key_id", "secret_access_key"}
    if storage.identity != CustomStorage.Identity.ROLE:
        left_out.add("role_arn")
    return left_out


class DisconnectForm(DashboardForm):
    """The name has to be typed, so that nobody disconnects the wrong storage; not of a draft."""

    name = forms.CharField(
        label="Type the name of the storage", widget=forms.TextInput(attrs=_PLAIN)
    )

    def __init__(self, *args: Any, storage: CustomStorage, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.storage = storage
        if storage.is_draft:
            del self.fields["name"]

    def clean_name(self) -> str:
        typed = str(self.cleaned_data["name"]).strip()
        if typed != self.storage.name:
            raise forms.ValidationError(f"That is not “{self.storage.name}”. Nothing was changed.")
        return typed
