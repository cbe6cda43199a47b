"""The forms of the wizard's steps; addresses are read by custom_storages.doctor."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from storages_app.custom_storages import addresses, doctor, grants
from storages_app.custom_storages.doctor import Reading
from storages_app.custom_storages.errors import AddressRefused
from storages_app.custom_storages.key_patterns import clean_pattern
from storages_app.dashboard.forms.base import DashboardForm, message_of, word_for
from storages_app.models import CustomStorage, Project, Tally
from storages_app.models.custom_storages import provider_choices
from storages_app.objectstores.providers import Provider, all_providers, provider

PublicMode = CustomStorage.PublicMode
_PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
# Beside the lines of the checklist, what a draft remembers that somebody ticked.
COPY_STORED = "copy_stored"
# The fields that the doctor reads, as it calls them.
_READ = {
    "endpoint_url": "endpoint",
    "bucket": "bucket",
    "prefix": "prefix",
    "region": "region",
    "account_id": "account_id",
}


class WhereForm(DashboardForm):
    """Step 1. Any field may hold anything that people paste; `reading` says how it is understood.

    With `is_partial` nothing is missing yet: somebody is still filling it in.
    """

    provider = forms.ChoiceField(
        label="Service", choices=provider_choices, initial="aws", widget=forms.RadioSelect
    )
    name = forms.CharField(
        label="Storage name",
        max_length=64,
        help_text="Used in the API as target: letters, digits, - and _, up to 64.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    bucket = forms.CharField(
        max_length=2048,
        help_text="Its name, or any address of it: a console page, an ARN, s3://…",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    prefix = forms.CharField(  # type: ignore[assignment]  # Form.prefix is for formsets
        max_length=2048,
        required=False,
        help_text="A folder for the copies, such as uploads/. Empty means the whole bucket.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    region = forms.CharField(
        max_length=200, required=False, widget=forms.TextInput(attrs=_PLAIN | {"list": "regions"})
    )
    account_id = forms.CharField(
        label="Account id", max_length=200, required=False, widget=forms.TextInput(attrs=_PLAIN)
    )
    endpoint_url = forms.CharField(
        label="Endpoint",
        max_length=2048,
        required=False,
        widget=forms.TextInput(attrs=_PLAIN | {"inputmode": "url"}),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        project: Project,
        storage: CustomStorage | None = None,
        is_partial: bool = False,
        initial: dict[str, Any] | None = None,
    ) -> None:
        if initial is None and storage is not None:
            initial = _as_typed(storage)
        super().__init__(data, initial=initial)
        self.project, self.storage, self.is_partial = project, storage, is_partial
        self.reading: Reading | None = None
        for name, field in self.fields.items():
            if name != "provider":  # errors come and go while a person fills the form in
                described = f"id_{name}_helptext said-{name}"
                field.widget.attrs["aria-describedby"] = described
            if is_partial:
                field.required = False
        self._word_for(self.chosen)

    def _word_for(self, chosen: Provider) -> None:
        """Labels and hints in the words of the chosen service."""
        default = chosen.default_region
        self.fields["region"].help_text = (
            self._found_region(chosen) or "Empty: we find it."
            if not chosen.needs_endpoint
            else "It is part of the address."
            if chosen.region_needed
            else f"Empty means {default}."
        )
        self.fields["region"].required = False
        self.fields["endpoint_url"].help_text = f"For example {chosen.endpoint_example}."
        account = self.fields["account_id"]
        account.help_text = (
            "The 32 characters in your addresses at the service."
            if chosen.needs_account_id
            else "Twelve digits. Protects against a bucket that changes hands."
        )

    def _found_region(self, chosen: Provider) -> str:
        """Where the bucket itself said that it is, once it was asked."""
        storage = self.storage
        if storage is None or storage.provider != chosen.slug:
            return ""
        asked = storage.connection_tests.filter(created_at__gte=storage.access_changed_at)
        was_there = asked.filter(findings__check_id="bucket", findings__state="passed").exists()
        return f"found: {storage.region or chosen.default_region}" if was_there else ""

    @property
    def chosen(self) -> Provider:
        """The service whose fields are shown."""
        slug = str(self.data.get("provider") if self.is_bound else self.initial.get("provider"))
        found = [one for one in all_providers() if one.slug == slug]
        return found[0] if found else provider("aws")

    @property
    def services(self) -> Sequence[Provider]:
        return all_providers()

    @property
    def shows_endpoint(self) -> bool:
        # R2's jurisdictions have addresses of their own, which no account id leads to.
        return self.chosen.types_endpoint or self.chosen.needs_account_id

    def clean_name(self) -> str:
        if self.is_partial and not self.cleaned_data["name"]:
            return ""
        name = self.clean_by(addresses.clean_name, "name")
        others = CustomStorage.objects.live().filter(project=self.project, name=name)
        if self.storage:
            others = others.exclude(pk=self.storage.pk)
        if others.exists():
            raise forms.ValidationError(f"This project already has a storage called {name}.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "provider" not in cleaned or not _READ.keys() <= cleaned.keys():
            return cleaned
        typed = {name: str(cleaned[field]) for field, name in _READ.items()}
        if not self.shows_endpoint:
            typed["endpoint"] = ""  # left over from another service
        try:
            self.reading = doctor.read(self.chosen.slug, **typed)
        except AddressRefused as error:
            self.refuse(error, self._field_of(error, typed))
        else:
            self._require_whole(self.reading)
        return cleaned

    def _field_of(self, error: AddressRefused, typed: dict[str, str]) -> str | None:
        """The field that is refused on its own; none where two of them contradict each other."""
        for field, name in _READ.items():
            try:
                doctor.read(self.chosen.slug, **{name: typed[name]})
            except AddressRefused as alone:
                if alone.message == error.message:
                    return field
        return None

    def _require_whole(self, reading: Reading) -> None:
        if self.is_partial:
            return
        read_as = provider(reading.provider)
        if not reading.bucket and "bucket" not in self.errors:
            self.add_error("bucket", "The bucket's name is missing.")
        if reading.endpoint_url or not read_as.needs_endpoint:
            return
        if read_as.types_endpoint:
            self.add_error("endpoint_url", f"{read_as.name} needs the address of its S3 service.")
        elif read_as.needs_account_id:
            self.add_error("account_id", f"{read_as.name} needs your account id.")
        else:
            self.add_error("region", f"Choose the region of your bucket at {read_as.name}.")

    @property
    def is_to_be_looked_at(self) -> bool:
        """Whether something was read elsewhere than where it was typed."""
        reading = self.reading
        if reading is None:
            return False
        typed = {name: addresses.tidy(str(self.data.get(name, ""))) for name in _READ}
        endpoint = typed["endpoint_url"].rstrip("/")
        has_moved = (
            reading.provider != self.chosen.slug,
            reading.bucket != typed["bucket"],
            reading.prefix.strip("/") != typed["prefix"].strip("/"),
            self.shows_endpoint and endpoint not in {"", reading.endpoint_url},
        )
        return any(has_moved)

    @property
    def filled(self) -> dict[str, Any]:
        """What the fields hold once the reading is accepted."""
        values = {name: self.data.get(name, "") for name in self.fields}
        if self.reading:
            values |= {name: getattr(self.reading, name) for name in (*_READ, "provider")}
        return values

    @property
    def storage_fields(self) -> dict[str, Any]:
        """What the services take."""
        reading = self.reading
        if reading is None:
            raise ValueError("the form has not been read")
        read_as = provider(reading.provider)
        return {
            "name": self.cleaned_data["name"],
            "provider": read_as.slug,
            "bucket": reading.bucket,
            "prefix": reading.prefix,
            # Amazon's is found by the bucket's own answer.
            "region": reading.region or ("" if read_as.slug == "aws" else read_as.default_region),
            "endpoint_url": reading.endpoint_url,
            # That of R2 is in the endpoint; the column is for the owner of a bucket at Amazon.
            "account_id": "" if read_as.needs_account_id else reading.account_id,
        }


def _as_typed(storage: CustomStorage) -> dict[str, Any]:
    values = {name: getattr(storage, name) for name in WhereForm.base_fields}
    if provider(storage.provider).needs_account_id:
        reading = doctor.read(storage.provider, endpoint=storage.endpoint_url)
        values["account_id"] = reading.account_id
    return values


class UsesForm(DashboardForm):
    """Step 2. What the storage is used for, and who may read the copies."""

    uses = forms.MultipleChoiceField(
        label="Use this storage for", required=False, widget=forms.CheckboxSelectMultiple
    )
    public_mode = forms.ChoiceField(label="Who may read the copies", widget=forms.RadioSelect)

    def __init__(self, data: Any = None, *, storage: CustomStorage) -> None:
        uses = set(storage.uses or grants.DEFAULT_USES)
        initial = {"uses": sorted(uses), "public_mode": storage.public_mode}
        super().__init__(data, initial=initial)
        self.provider = provider(storage.provider)
        modes = [(mode, text) for mode, text, _ in self._modes()]
        self.fields["public_mode"].choices = modes  # type: ignore[attr-defined]
        self.fields["uses"].choices = [  # type: ignore[attr-defined]
            (use.slug, use.label) for use in self._offered()
        ]

    def _offered(self) -> list[grants.Use]:
        can_publish = len(self._modes()) > 1
        return [
            use
            for use in grants.ALL_USES
            if not use.always and (can_publish or use.slug != "public_links")
        ]

    def _modes(self) -> list[tuple[str, str, str]]:
        modes = [
            (
                PublicMode.PRIVATE.value,
                "Only you",
                "Copies are private; links to them are signed and run out. Advised.",
            )
        ]
        if self.provider.has_bucket_policy:
            modes.append(
                (
                    PublicMode.POLICY.value,
                    "Anyone, by bucket policy",
                    "Every copy under the prefix can be read by whoever knows its address.",
                )
            )
        if self.provider.has_acl:
            modes.append(
                (
                    PublicMode.ACL.value,
                    "Anyone, by ACL (as in Uploadcare)",
                    "Each copy is set public by itself. Only if single files must differ.",
                )
            )
        return modes

    @property
    def ticks(self) -> list[tuple[grants.Use, str, bool]]:
        """Each use, what it is called, and whether it is ticked."""
        ticked = self.chosen_uses
        offered = [use for use in grants.ALL_USES if use.always] + self._offered()
        return [(use, word_for(use), use.always or use.slug in ticked) for use in offered]

    @property
    def modes(self) -> list[tuple[str, str, str, bool]]:
        return [
            (mode, label, help_, mode == self.chosen_mode) for mode, label, help_ in self._modes()
        ]

    @property
    def chosen_uses(self) -> list[str]:
        found = self.data.getlist("uses") if isinstance(self.data, QueryDict) else []
        found = found if self.is_bound else self.initial["uses"]
        known = {use.slug for use in self._offered()}
        return [slug for slug in found if slug in known]

    @property
    def chosen_mode(self) -> str:
        mode = self.data.get("public_mode") if self.is_bound else self.initial["public_mode"]
        known = [mode for mode, _, _ in self._modes()]
        return str(mode) if mode in known else known[0]

    @property
    def chosen_word(self) -> str:
        """Who may read the copies, in words."""
        return next(label for _, label, _, is_chosen in self.modes if is_chosen)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        uses, mode = cleaned.get("uses"), cleaned.get("public_mode")
        if uses and "public_links" in uses and mode == PublicMode.PRIVATE:
            self.add_error(
                "public_mode",
                "Public links need copies that anyone may read: choose by bucket policy or by "
                "ACL, or untick Public links.",
            )
        return cleaned

    @property
    def storage_fields(self) -> dict[str, Any]:
        uses = {*self.cleaned_data["uses"], *grants.ALWAYS}
        mode = self.cleaned_data["public_mode"]
        if mode != PublicMode.PRIVATE:
            uses.add("public_links")
        return {"uses": sorted(uses), "public_mode": mode}


class AccessKeyForm(DashboardForm):
    """Step 3, by access key; the secret is write-only."""

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

    def __init__(self, data: Any = None, *, storage: CustomStorage) -> None:
        super().__init__(data, initial={"access_key_id": storage.access_key_id})
        if storage.access_key_id and storage.has_secret:
            secret = self.fields["secret_access_key"]
            secret.required = False
            secret.help_text = "A secret is stored; leave empty to keep it."

    def clean_access_key_id(self) -> str:
        return self.clean_by(addresses.clean_access_key_id, "access_key_id")

    def clean_secret_access_key(self) -> str:
        return self.clean_by(addresses.clean_secret, "secret_access_key")

    @property
    def storage_fields(self) -> dict[str, Any]:
        return {
            "access_key_id": self.cleaned_data["access_key_id"],
            "secret": self.cleaned_data["secret_access_key"],
        }


class RoleForm(DashboardForm):
    """Step 3, by role; also what a colleague reports back."""

    role_arn = forms.CharField(
        label="Role ARN",
        max_length=2048,
        help_text="From the top of the role's page, like arn:aws:iam::111122223333:role/ucdash.",
        widget=forms.TextInput(attrs=_PLAIN),
    )

    def __init__(self, data: Any = None, *, storage: CustomStorage) -> None:
        super().__init__(data, initial={"role_arn": storage.role_arn})
        self.region = storage.region

    def clean_role_arn(self) -> str:
        try:
            return addresses.clean_role_arn(self.cleaned_data["role_arn"], region=self.region)
        except AddressRefused as error:
            raise forms.ValidationError(message_of(error)) from error

    @property
    def storage_fields(self) -> dict[str, Any]:
        return {"role_arn": self.cleaned_data["role_arn"]}


class PrincipalForm(DashboardForm):
    """Step 3, by bucket policy for our principal: nothing to type."""

    def __init__(self, data: Any = None, *, storage: CustomStorage) -> None:
        super().__init__(data)

    @property
    def storage_fields(self) -> dict[str, Any]:
        return {}


AccessForm = AccessKeyForm | RoleForm | PrincipalForm
ACCESS_FORMS: dict[str, type[AccessForm]] = {
    CustomStorage.Identity.ACCESS_KEY: AccessKeyForm,
    CustomStorage.Identity.ROLE: RoleForm,
    CustomStorage.Identity.PRINCIPAL: PrincipalForm,
}


class OptionsForm(DashboardForm):
    """Step 5. How copies are named and written; good defaults everywhere."""

    key_pattern = forms.CharField(
        label="Naming pattern",
        max_length=512,
        required=False,
        help_text="${default} is ${uuid}/${auto_filename}. Also: ${filename} ${effects} ${ext}.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    on_clash = forms.ChoiceField(
        label="When another file has the name already",
        choices=CustomStorage.OnClash.choices,
        widget=forms.RadioSelect,
    )
    storage_class = forms.ChoiceField(label="Storage class", required=False)
    encryption = forms.ChoiceField(label="Encryption", required=False)
    kms_key_id = forms.CharField(
        label="KMS key",
        max_length=2048,
        required=False,
        help_text="Its ARN, id or alias. Empty: the key that Amazon keeps for S3.",
        widget=forms.TextInput(attrs=_PLAIN),
    )
    auto_copy = forms.BooleanField(
        label="Copy each new file here by itself",
        required=False,
        help_text="New files from now on.",
    )

    copy_stored = forms.BooleanField(
        required=False,
        help_text="Counted first. Nothing is copied before you have seen the count.",
    )

    def __init__(self, data: Any = None, *, storage: CustomStorage) -> None:
        initial = {
            "key_pattern": storage.key_pattern,
            "on_clash": storage.on_clash,
            "storage_class": storage.storage_class,
            "encryption": storage.encryption.get("mode", ""),
            "kms_key_id": storage.encryption.get("kms_key_id", ""),
            "auto_copy": storage.auto_copy,
            COPY_STORED: COPY_STORED in storage.ticked,
        }
        super().__init__(data, initial=initial)
        self.n_stored = Tally.objects.of(storage.project)["n_stored"]
        files = "1 file" if self.n_stored == 1 else f"{self.n_stored:,} files"
        self.fields[COPY_STORED].label = f"Copy the {files} already stored"
        service = provider(storage.provider)
        classes = [("", "The bucket's own"), *((name, name) for name in service.storage_classes)]
        self.fields["storage_class"].choices = classes  # type: ignore[attr-defined]
        self.has_kms = service.grant == "aws"
        modes = [("", "The bucket's own"), ("AES256", "Keys of the service (SSE-S3)")]
        if self.has_kms:
            modes.append(("aws:kms", "A key in KMS (SSE-KMS)"))
        self.fields["encryption"].choices = modes  # type: ignore[attr-defined]

    def clean_key_pattern(self) -> str:
        return self.clean_by(clean_pattern, "key_pattern")

    def clean_kms_key_id(self) -> str:
        return self.clean_by(addresses.clean_kms_key, "kms_key_id")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("kms_key_id") and cleaned.get("encryption") != "aws:kms":
            self.add_error("kms_key_id", "A KMS key is used with SSE-KMS only: choose it above.")
        return cleaned

    @property
    def storage_fields(self) -> dict[str, Any]:
        values = dict(self.cleaned_data)
        mode, key_id = values.pop("encryption"), values.pop("kms_key_id")
        values.pop(COPY_STORED)
        encryption = {"mode": mode, "kms_key_id": key_id} if mode else {}
        return values | {"encryption": encryption}
