"""The wizard "Connect S3 bucket": each step, its refusals, and the way without scripts."""

import html
import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from storages_app.bulk_copies.errors import NothingChosen
from storages_app.custom_storages import hand_offs, services
from storages_app.models import BulkJob, ConnectionTest, CustomStorage, Finding, HandOff
from tests.dashboard.conftest import new_client
from tests.factories import make_connection_test, make_file

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
PRINCIPAL = "arn:aws:iam::999900001111:user/ucdash"
ROLE = "arn:aws:iam::111122223333:role/ucdash-photos"
WHERE = {
    "provider": "aws",
    "name": "photos",
    "bucket": "acme-photos",
    "prefix": "uploads",
    "region": "eu-central-1",
    "account_id": "",
    "endpoint_url": "",
}


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def text_of(page):
    """What is read of a page, in one line."""
    without_code = re.sub(r"</?code[^>]*>", "", page.text)
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", without_code).split()))


def path_of(response):
    return urlsplit(response["Location"]).path


@pytest.fixture
def operator(settings):
    """This installation has an AWS identity."""
    settings.AWS_PRINCIPAL_ARN = PRINCIPAL
    settings.AWS_ACCESS_KEY_ID = "AKIAOPERATOR"
    settings.AWS_SECRET_ACCESS_KEY = "the operator's own secret"


class TestSteps:
    @pytest.mark.parametrize(
        ("page", "number", "title"),
        [
            ("setup_where", 1, "Where"),
            ("setup_uses", 2, "What for"),
            ("setup_access", 3, "Access"),
            ("setup_bucket", 4, "Bucket policy / ACL checklist"),
            ("setup_test", 5, "Test and finish"),
        ],
    )
    def test_each_names_itself_in_title_heading_and_row_of_steps(
        self, page, number, title, project, draft, as_owner
    ):
        opened = as_owner.get(address(page, project, draft.pk))
        assert f"{title}, step {number} of 5" in " ".join(opened.text.split())
        assert re.search(r'<h1 id="step" tabindex="-1">\s*' + re.escape(title), opened.text)
        current = re.search(r'<a href="([^"]*)"\s*aria-current="step">', opened.text)
        assert current
        assert current[1] == address(page, project, draft.pk) + "#step"

    def test_steps_that_were_reached_are_links_and_the_others_are_not(
        self, project, draft, as_owner
    ):
        CustomStorage.objects.update(setup_step=3)
        page = as_owner.get(address("setup_where", project, draft.pk)).text
        for reached in ("where", "uses", "access"):
            assert address(f"setup_{reached}", project, draft.pk) + "#step" in page
        for later in ("bucket", "test"):
            assert address(f"setup_{later}", project, draft.pk) not in page

    @pytest.mark.parametrize("page", ["setup_bucket", "setup_test", "setup_checklist"])
    def test_a_step_that_was_not_reached_leads_to_the_furthest(
        self, page, project, draft, as_owner
    ):
        CustomStorage.objects.update(setup_step=2)
        response = as_owner.get(address(page, project, draft.pk))
        assert response["Location"] == address("setup_uses", project, draft.pk) + "#step"

    def test_the_draft_goes_on_where_it_was_left(self, project, draft, as_owner):
        CustomStorage.objects.update(setup_step=3)
        response = as_owner.get(address("setup", project, draft.pk))
        assert path_of(response) == address("setup_access", project, draft.pk)

    @pytest.mark.parametrize("page", ["setup", "setup_where", "setup_test"])
    def test_a_connected_storage_has_no_wizard(self, page, project, storage, as_owner):
        response = as_owner.get(address(page, project, storage.pk))
        assert response["Location"] == address("storage", project, storage.pk)

    @pytest.mark.parametrize("page", ["setup_where", "setup_uses", "setup_access", "setup_test"])
    def test_no_page_has_the_secret_or_its_end(self, page, project, draft, as_owner):
        services.change(custom_storage=draft, actor="somebody", secret=SECRET)
        opened = as_owner.get(address(page, project, draft.pk)).text
        for kept in (SECRET, SECRET[-4:], draft.sealed_secret, "••••"):
            assert kept not in opened


@pytest.mark.parametrize("odd", ["nul\x00", "\ud7ff\u202e", "x" * 100_000, "${{}}%s"])
@pytest.mark.parametrize(
    "page",
    [
        *("connect", "setup_where", "setup_uses", "setup_access", "setup_merge"),
        *("setup_hand_off", "setup_tick", "setup_bucket", "setup_test"),
    ],
)
def test_no_text_makes_a_step_fail(page, odd, project, draft, as_owner):
    fields = (
        *("provider", "name", "bucket", "prefix", "region", "account_id", "endpoint_url"),
        *("uses", "public_mode", "access_key_id", "secret_access_key", "role_arn", "policy"),
        *("identity", "line", "on", "once", "key_pattern", "on_clash", "kms_key_id"),
    )
    target = address(page, project, *([] if page == "connect" else [draft.pk]))
    for do in ("", "read", "use", "show", "way", "make", "connect", "save", "test", odd):
        typed = dict.fromkeys(fields, odd) | {"do": do}
        assert as_owner.post(target, typed).status_code in {200, 302}
        only_valid = WHERE | {"uses": ["copies"], "do": do, "name": odd, "bucket": odd}
        assert as_owner.post(target, only_valid).status_code in {200, 302}


class TestWhere:
    def test_keeps_a_draft_and_goes_on(self, project, as_owner):
        response = as_owner.post(address("connect", project), WHERE)
        storage = CustomStorage.objects.get()
        assert response["Location"] == address("setup_uses", project, storage.pk) + "#step"
        assert storage.is_draft
        assert (storage.prefix, storage.region, storage.setup_step) == (
            "uploads/",
            "eu-central-1",
            2,
        )
        assert not ConnectionTest.objects.exists()

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("name", "with a space", "needs letters, digits, - and _"),
            ("name", "", "Enter a storage name."),
            ("bucket", "Acme_Photos", "Acme_Photos has the capital letter A"),
            ("bucket", "ab", "has 2 characters"),
            ("bucket", "", "Enter a bucket."),
            ("bucket", "nul\x00", "null characters"),
            ("bucket", "AKIAIOSFODNN7EXAMPLE", "has credentials in it"),
            ("prefix", "a/../b", "“.” or “..” as a folder"),
            ("region", "Mars!", "A region has small letters"),
            ("account_id", "12", "twelve digits"),
            ("provider", "floppy", "“floppy” is not in the list"),
        ],
    )
    def test_says_what_is_wrong_at_its_field_and_keeps_what_was_typed(
        self, field, value, text, project, as_owner
    ):
        typed = WHERE | {field: value}
        page = as_owner.post(address("connect", project), typed)
        assert page.status_code == 200
        assert text in text_of(page)
        assert 'role="alert" tabindex="-1" autofocus' in page.text
        assert f'href="#id_{field}' in page.text
        if field not in {"provider", "name"}:
            assert 'value="photos"' in page.text
        assert not CustomStorage.objects.exists()

    @pytest.mark.parametrize(
        ("provider", "field", "text"),
        [
            ("minio", "endpoint_url", "MinIO needs the address of its S3 service."),
            ("r2", "account_id", "Cloudflare R2 needs your account id."),
            ("b2", "region", "Choose the region of your bucket at Backblaze B2."),
        ],
    )
    def test_asks_for_what_leads_to_the_address(self, provider, field, text, project, as_owner):
        typed = WHERE | {"provider": provider, "region": ""}
        page = as_owner.post(address("connect", project), typed)
        assert text in text_of(page)
        assert f'href="#id_{field}"' in page.text

    def test_the_account_id_of_r2_is_in_the_address_and_comes_back(self, project, as_owner):
        account = "0123456789abcdef0123456789abcdef"
        typed = WHERE | {"provider": "r2", "account_id": account, "region": ""}
        as_owner.post(address("connect", project), typed)
        storage = CustomStorage.objects.get()
        assert storage.endpoint_url == f"https://{account}.r2.cloudflarestorage.com"
        assert storage.account_id == ""
        page = as_owner.get(address("setup_where", project, storage.pk))
        assert f'value="{account}"' in page.text

    def test_an_address_with_the_bucket_in_it_is_shown_as_read_before_it_is_kept(
        self, project, as_owner
    ):
        pasted = "https://acme-photos.s3.eu-central-1.amazonaws.com/holiday/"
        typed = WHERE | {"bucket": pasted, "prefix": "", "region": ""}
        page = as_owner.post(address("connect", project), typed)
        assert "That address has the bucket in it. We read it as endpoint" in text_of(page)
        assert "The fields hold what we read." in text_of(page)
        for field in ('value="acme-photos"', 'value="holiday/"', 'value="eu-central-1"'):
            assert field in page.text
        assert not CustomStorage.objects.exists()
        read = WHERE | {"prefix": "holiday/"}
        assert as_owner.post(address("connect", project), read).status_code == 302

    @pytest.mark.parametrize(
        "typed",
        [
            {"bucket": "s3://acme-photos"},
            {"bucket": "r2://acme-photos", "account_id": "0" * 32},
            {"prefix": "arn:aws:s3:::acme-photos/uploads/*"},
            {"provider": "other", "endpoint_url": "https://s3.example.com/acme-photos"},
            {"provider": "other", "endpoint_url": "https://s3.eu-central-1.wasabisys.com"},
            {"region": "eu-west-1", "bucket": "https://s3.eu-central-1.amazonaws.com/acme-photos"},
        ],
    )
    def test_nothing_is_kept_of_what_was_read_elsewhere_than_typed(self, typed, project, as_owner):
        page = as_owner.post(address("connect", project), WHERE | typed)
        assert "The fields hold what we read." in text_of(page)
        assert not CustomStorage.objects.exists()

    def test_an_endpoint_left_over_from_another_service_does_no_harm(self, project, as_owner):
        typed = WHERE | {"endpoint_url": "https://s3.example.com"}
        assert as_owner.post(address("connect", project), typed).status_code == 302
        storage = CustomStorage.objects.get()
        assert (storage.provider, storage.endpoint_url) == ("aws", "")

    def test_leaving_a_field_tells_that_two_fields_contradict_each_other(self, project, as_owner):
        typed = {"provider": "other", "do": "read", "bucket": "one"}
        typed |= {"endpoint_url": "https://s3.example.com/another"}
        page = as_owner.post(address("connect", project), typed).text
        assert "The endpoint field says bucket" in page.partition('id="reading"')[2]

    def test_leaving_a_field_shows_the_reading_and_what_is_wrong_but_not_what_is_missing(
        self, project, as_owner
    ):
        typed = {"provider": "other", "do": "read", "bucket": "s3://acme-photos/up", "name": "a b"}
        page = as_owner.post(address("connect", project), typed)
        assert "We read it as bucket acme-photos, prefix up/." in text_of(page)
        assert 'value="use">Use this' in page.text
        assert "needs letters, digits, - and _" in text_of(page)
        assert "required" not in text_of(page)
        assert "needs the address" not in text_of(page)
        assert not CustomStorage.objects.exists()

    def test_use_this_fills_the_fields(self, project, as_owner):
        typed = {"provider": "other", "do": "use", "bucket": "s3://acme-photos/up", "name": "mine"}
        page = as_owner.post(address("connect", project), typed)
        for field in ('value="acme-photos"', 'value="up/"', 'value="mine"'):
            assert field in page.text

    @pytest.mark.parametrize(
        ("provider", "shown", "hidden"),
        [
            ("aws", ["account_id"], ["endpoint_url"]),
            ("minio", ["endpoint_url"], ["account_id"]),
            ("r2", ["account_id", "endpoint_url"], []),
            ("wasabi", [], ["account_id", "endpoint_url"]),
        ],
    )
    def test_shows_the_fields_and_traps_of_the_chosen_service(
        self, provider, shown, hidden, project, as_owner
    ):
        typed = {"provider": provider, "do": "read", "name": "kept"}
        page = as_owner.post(address("connect", project), typed)
        for field in shown:
            assert f'id="id_{field}"' in page.text
        for field in hidden:
            assert f'id="id_{field}"' not in page.text
        assert 'value="kept"' in page.text
        assert 'class="bullets"' in page.text
        assert 'role="alert"' not in page.text

    def test_an_account_id_left_over_from_another_service_does_no_harm(self, project, as_owner):
        typed = WHERE | {
            "provider": "minio",
            "account_id": "0" * 32,
            "endpoint_url": "https://s3.example.com",
        }
        assert as_owner.post(address("connect", project), typed).status_code == 302
        assert CustomStorage.objects.get().account_id == ""

    def test_a_taken_name_is_said_at_its_field(self, project, storage, as_owner):
        page = as_owner.post(address("connect", project), WHERE | {"name": storage.name})
        assert "This project already has a storage called photos." in text_of(page)
        assert CustomStorage.objects.count() == 1

    def test_a_draft_may_keep_its_own_name(self, project, draft, as_owner):
        typed = WHERE | {"name": draft.name, "prefix": "elsewhere"}
        response = as_owner.post(address("setup_where", project, draft.pk), typed)
        assert response.status_code == 302
        draft.refresh_from_db()
        assert (draft.prefix, draft.setup_step) == ("elsewhere/", 5)

    def test_a_refusal_of_the_service_is_shown(self, project, as_owner, monkeypatch):
        def refuse(**kwargs):
            raise services.NameTaken("Somebody was faster.")

        monkeypatch.setattr(services, "create_draft", refuse)
        page = as_owner.post(address("connect", project), WHERE)
        assert "Somebody was faster. Choose another name." in text_of(page)

    @pytest.mark.usefixtures("operator")
    def test_another_service_takes_only_what_it_has(self, project, draft, as_owner):
        services.change(custom_storage=draft, actor="a", identity="role", public_mode="acl")
        typed = WHERE | {"provider": "minio", "endpoint_url": "https://s3.example.com"}
        assert as_owner.post(address("setup_where", project, draft.pk), typed).status_code == 302
        draft.refresh_from_db()
        assert (draft.identity, draft.public_mode) == ("access_key", "private")

    def test_a_region_that_the_bucket_told_is_shown(self, project, draft, as_owner):
        CustomStorage.objects.update(provider="aws", region="eu-central-1", endpoint_url="")
        before = text_of(as_owner.get(address("setup_where", project, draft.pk)))
        assert "Empty: we find it." in before
        make_connection_test(draft, findings=[("Bucket", "passed", "required")])
        page = text_of(as_owner.get(address("setup_where", project, draft.pk)))
        assert "found: eu-central-1" in page
        assert "Empty: we find it." not in page


class TestUses:
    def test_keeps_the_ticks_and_goes_on(self, project, draft, as_owner):
        CustomStorage.objects.update(setup_step=2)
        response = as_owner.post(
            address("setup_uses", project, draft.pk),
            {"uses": ["restore", "backup"], "public_mode": "private"},
        )
        assert response["Location"] == address("setup_access", project, draft.pk) + "#step"
        draft.refresh_from_db()
        assert draft.uses == ["backup", "copies", "restore"]
        assert draft.setup_step == 3

    def test_public_copies_are_for_public_links(self, project, draft, as_owner):
        as_owner.post(address("setup_uses", project, draft.pk), {"public_mode": "policy"})
        draft.refresh_from_db()
        assert draft.uses == ["copies", "public_links"]
        assert draft.public_mode == "policy"

    def test_public_links_to_private_copies_are_refused(self, project, draft, as_owner):
        page = as_owner.post(
            address("setup_uses", project, draft.pk),
            {"uses": ["public_links"], "public_mode": "private"},
        )
        assert "Public links need copies that anyone may read" in text_of(page)
        draft.refresh_from_db()
        assert draft.uses == ["copies", "verify"]

    def test_what_the_services_refuse_is_told_and_nothing_is_kept(self, project, draft, as_owner):
        CustomStorage.objects.update(identity="role")  # of an instance that had an AWS identity
        page = as_owner.post(
            address("setup_uses", project, draft.pk), {"uses": ["backup"], "public_mode": "private"}
        )
        assert "This instance has no AWS identity" in text_of(page)
        draft.refresh_from_db()
        assert draft.uses == ["copies", "verify"]

    def test_the_rights_grow_with_the_ticks_and_nothing_is_kept(self, project, draft, as_owner):
        shown = {}
        for uses in ([], ["verify"], ["verify", "remove"]):
            typed = {"do": "show", "uses": uses, "public_mode": "acl"}
            page = text_of(as_owner.post(address("setup_uses", project, draft.pk), typed))
            shown[len(uses)] = re.search(r"Rights this needs: ([\w, ]+?) s3:", page)[1]
        assert shown[0] == "PutObject, AbortMultipartUpload, PutObjectAcl"
        assert shown[1] == "PutObject, AbortMultipartUpload, GetObject, PutObjectAcl"
        assert shown[2] == "PutObject, AbortMultipartUpload, GetObject, DeleteObject, PutObjectAcl"
        draft.refresh_from_db()
        assert draft.uses == ["copies", "verify"]

    def test_says_what_public_by_acl_means(self, project, draft, as_owner):
        typed = {"do": "show", "public_mode": "acl"}
        page = text_of(as_owner.post(address("setup_uses", project, draft.pk), typed))
        assert "Public copies by ACL (as in Uploadcare): turn off the two ACL settings" in page

    def test_a_service_without_policies_and_acls_offers_private_copies_only(
        self, project, draft, as_owner
    ):
        CustomStorage.objects.update(
            provider="r2", endpoint_url="https://" + "0" * 32 + ".r2.cloudflarestorage.com"
        )
        page = as_owner.get(address("setup_uses", project, draft.pk))
        assert "neither bucket policies nor ACLs" in text_of(page)
        assert 'value="public_links"' not in page.text
        refused = as_owner.post(address("setup_uses", project, draft.pk), {"public_mode": "policy"})
        assert refused.status_code == 200
        assert "is not in the list" in text_of(refused)

    def test_an_unknown_use_is_refused(self, project, draft, as_owner):
        typed = {"uses": ["everything"], "public_mode": "private"}
        page = as_owner.post(address("setup_uses", project, draft.pk), typed)
        assert "is not in the list" in text_of(page)


class TestAccessByKey:
    def test_keeps_the_key_and_goes_on(self, project, draft, as_owner):
        CustomStorage.objects.update(setup_step=3, access_key_id="")
        response = as_owner.post(
            address("setup_access", project, draft.pk),
            {"access_key_id": " AKIAIOSFODNN7EXAMPLE ", "secret_access_key": f" {SECRET}\n"},
        )
        assert response["Location"] == address("setup_bucket", project, draft.pk) + "#step"
        draft.refresh_from_db()
        assert draft.access_key_id == "AKIAIOSFODNN7EXAMPLE"
        assert draft.unseal_secret() == SECRET
        assert draft.setup_step == 4

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("access_key_id", "", "Enter an access key id."),
            ("access_key_id", "two words", "is one word"),
            ("secret_access_key", "", "Enter a secret access key."),
            ("secret_access_key", "two words", "is one word"),
        ],
    )
    def test_says_what_is_wrong_and_never_echoes_the_secret(
        self, field, value, text, project, draft, as_owner
    ):
        CustomStorage.objects.update(setup_step=3, access_key_id="")
        typed = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET}
        page = as_owner.post(address("setup_access", project, draft.pk), typed | {field: value})
        assert text in text_of(page)
        assert SECRET not in page.text
        draft.refresh_from_db()
        assert draft.setup_step == 3

    def test_an_empty_secret_keeps_the_one_that_is_stored(self, project, draft, as_owner):
        page = as_owner.get(address("setup_access", project, draft.pk))
        assert "A secret is stored; leave empty to keep it." in page.text
        before = draft.unseal_secret()
        as_owner.post(
            address("setup_access", project, draft.pk),
            {"access_key_id": "AKIAANOTHER", "secret_access_key": ""},
        )
        draft.refresh_from_db()
        assert draft.access_key_id == "AKIAANOTHER"
        assert draft.unseal_secret() == before

    def test_says_why_the_other_ways_are_not_offered(self, project, draft, as_owner):
        page = text_of(as_owner.get(address("setup_access", project, draft.pk)))
        assert (
            "This instance has no AWS identity, so it cannot assume a role. The operator can set "
            "one." in page
        )

    def test_a_way_that_is_not_offered_cannot_be_chosen(self, project, draft, as_owner):
        for identity in ("role", "principal", "magic"):
            response = as_owner.post(
                address("setup_access", project, draft.pk), {"do": "way", "identity": identity}
            )
            assert "This instance has no AWS identity" in said(response)[-1]
        draft.refresh_from_db()
        assert draft.identity == "access_key"


@pytest.mark.usefixtures("operator")
class TestAccessByRole:
    @pytest.fixture
    def draft(self, draft, project, as_owner):
        as_owner.post(address("setup_access", project, draft.pk), {"do": "way", "identity": "role"})
        draft.refresh_from_db()
        return draft

    def test_shows_the_external_id_and_the_trust_policy(self, project, draft, as_owner):
        page = as_owner.get(address("setup_access", project, draft.pk)).text
        assert draft.identity == "role"
        assert f'<code id="external-id">{draft.external_id}</code>' in page
        assert "sts:ExternalId" in page
        assert 'aria-pressed="true"' in page
        assert "Secret access key" not in page

    def test_keeps_the_role(self, project, draft, as_owner):
        response = as_owner.post(
            address("setup_access", project, draft.pk), {"role_arn": f"“{ROLE}” "}
        )
        assert response.status_code == 302
        draft.refresh_from_db()
        assert draft.role_arn == ROLE

    def test_s048_nobody_chooses_the_external_id(self, project, draft, as_owner):
        known = draft.external_id
        for page in ("setup_where", "setup_uses", "setup_access", "setup_test"):
            as_owner.post(
                address(page, project, draft.pk),
                WHERE
                | TestFinish.OPTIONS
                | {"public_mode": "private", "role_arn": ROLE, "external_id": "ours", "do": ""},
            )
        draft.refresh_from_db()
        assert draft.role_arn == ROLE
        assert draft.external_id == known

    @pytest.mark.parametrize(
        ("arn", "text"),
        [
            ("", "Enter a role ARN."),
            ("ucdash", "looks like arn:aws:iam::111122223333:role/ucdash"),
            ("arn:aws:iam::111122223333:user/me", "This is the ARN of a user"),
            (
                "arn:aws-cn:iam::111122223333:role/me",
                "This role is in aws-cn; the bucket is in aws.",
            ),
        ],
    )
    def test_refuses_what_is_no_role_of_the_partition(self, arn, text, project, draft, as_owner):
        page = as_owner.post(address("setup_access", project, draft.pk), {"role_arn": arn})
        assert text in text_of(page)
        assert html.escape(arn) in page.text
        assert 'href="#id_role_arn"' in page.text


@pytest.mark.usefixtures("operator")
class TestAccessByPrincipal:
    @pytest.fixture
    def draft(self, draft, project, as_owner):
        as_owner.post(
            address("setup_access", project, draft.pk), {"do": "way", "identity": "principal"}
        )
        draft.refresh_from_db()
        return draft

    def test_shows_the_principal_and_how_to_prove_ownership(self, project, draft, as_owner):
        page = as_owner.get(address("setup_access", project, draft.pk))
        assert PRINCIPAL in page.text
        assert (
            f"Put an object uploads/.ucdash-proof holding {draft.proof_nonce} into the bucket with "
            "your own rights. It is valid for 24 hours, and we look for it before the first write."
            in text_of(page)
        )

    def test_a_nonce_that_ran_out_is_made_anew_by_a_button_only(self, project, draft, as_owner):
        CustomStorage.objects.update(proof_until=timezone.now() - timedelta(minutes=1))
        page = as_owner.get(address("setup_access", project, draft.pk))
        assert "The nonce has run out" in text_of(page)
        assert draft.proof_nonce not in page.text
        as_owner.post(address("setup_access", project, draft.pk), {"do": "nonce"})
        before = draft.proof_nonce
        draft.refresh_from_db()
        assert draft.proof_nonce != before
        assert draft.proof_nonce in as_owner.get(address("setup_access", project, draft.pk)).text

    def test_check_looks_for_the_proof_alone(self, project, draft, as_owner):
        response = as_owner.post(address("setup_access", project, draft.pk), {"do": "check"})
        assert response["Location"] == address("setup_access", project, draft.pk) + "#proof"
        test = ConnectionTest.objects.get()
        assert (test.kind, test.again) == ("checklist", "proof")
        part = as_owner.get(address("setup_proof", project, draft.pk))
        assert part.status_code == 200
        assert 'aria-busy="true"' in part.text

    def test_with_scripts_the_answer_comes_into_its_place(self, project, draft, as_owner):
        part = as_owner.post(
            address("setup_access", project, draft.pk),
            {"do": "check"},
            headers={"hx-request": "true"},
        )
        assert part.status_code == 200
        assert part.text.lstrip().startswith("<section")
        seen = re.search(r"seen=(\w+)", part.text)[1]
        polled = as_owner.get(address("setup_proof", project, draft.pk), {"seen": seen})
        assert polled.status_code == 204

    def test_what_the_check_found_is_shown(self, project, draft, as_owner):
        self.answer(draft, "failed", title="No proof was found.")
        page = as_owner.get(address("setup_access", project, draft.pk))
        assert "No proof was found." in page.text
        assert as_owner.get(address("setup_proof", project, draft.pk)).status_code == 286

    def test_s047_nobody_says_of_himself_that_the_bucket_is_proved(self, project, draft, as_owner):
        nonce = draft.proof_nonce
        for page in ("setup_access", "setup_bucket", "setup_test"):
            as_owner.post(
                address(page, project, draft.pk),
                TestFinish.OPTIONS
                | {"proved_at": "2026-01-01", "proof_nonce": "ours", "do": "connect"},
            )
        draft.refresh_from_db()
        assert draft.proved_at is None
        assert draft.proof_nonce == nonce
        assert draft.is_draft

    def test_a_proof_that_was_found_is_said(self, project, draft, as_owner):
        CustomStorage.objects.update(proved_at=timezone.now())
        page = as_owner.get(address("setup_access", project, draft.pk))
        assert "Ownership is proved." in text_of(page)

    @staticmethod
    def answer(draft, state, **fields):
        test = ConnectionTest.objects.create(
            custom_storage=draft,
            kind="checklist",
            again="proof",
            asked_by="a",
            state="failed",
            finished_at=timezone.now(),
        )
        Finding.objects.create(
            connection_test=test,
            position=1,
            check_id="proof",
            name="Proof",
            level="required",
            state=state,
            **fields,
        )


class TestGrant:
    def test_has_a_tab_for_each_tool_with_real_names(self, project, draft, as_owner):
        page = as_owner.get(address("setup_access", project, draft.pk)).text
        for tab in ("Policy JSON", "AWS CLI", "Terraform", "Click path"):
            assert f"<span>{tab}</span>" in page
        assert "arn:aws:s3:::acme-draft/uploads/*" in page

    def test_each_text_can_be_downloaded(self, project, draft, as_owner):
        page = as_owner.get(address("setup_access", project, draft.pk)).text
        links = set(re.findall(r'href="([^"]+)"\s+download', page))
        assert len(links) == 3
        for link in links:
            file = as_owner.get(link)
            assert file.status_code == 200
            assert file["Content-Disposition"].startswith('attachment; filename="ucdash-draft')
            assert b"acme-draft" in file.content
            assert draft.access_key_id.encode() not in file.content

    @pytest.mark.parametrize("name", ["passwd", "ucdash-draft.exe", "..%2f..%2fsettings.py"])
    def test_there_is_no_other_file(self, name, project, draft, as_owner):
        base = address("setup_grant_file", project, draft.pk, "name").removesuffix("name")
        assert as_owner.get(base + name).status_code == 404

    def test_other_services_have_other_tools(self, project, draft, as_owner):
        CustomStorage.objects.update(provider="minio", endpoint_url="https://s3.example.com")
        page = as_owner.get(address("setup_access", project, draft.pk)).text
        assert "<span>mc</span>" in page
        assert "Terraform" not in page


class TestMerge:
    FOREIGN = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::acme-draft/theirs/*",
    }

    @pytest.fixture
    def draft(self, draft):
        services.change(custom_storage=draft, actor="a", public_mode="policy")
        return draft

    def pasted(self):
        return json.dumps({"Version": "2012-10-17", "Statement": [self.FOREIGN]})

    def test_keeps_foreign_statements_and_shows_the_difference(self, project, draft, as_owner):
        page = as_owner.post(address("setup_merge", project, draft.pk), {"policy": self.pasted()})
        text = text_of(page)
        assert "Merged. 1 statement added, 0 replaced, 0 removed, 1 kept as it is." in text
        assert "<ins>+" in page.text
        assert text.count("Theirs") >= 3  # what was pasted, the difference, the tabs
        assert CustomStorage.objects.get() == draft

    def test_the_merged_policy_can_be_downloaded(self, project, draft, as_owner):
        file = as_owner.post(
            address("setup_merge", project, draft.pk),
            {"policy": self.pasted(), "do": "download"},
        )
        sids = [statement["Sid"] for statement in json.loads(file.content)["Statement"]]
        assert sids == ["Theirs", "PublicRead"]
        assert file["Content-Disposition"].startswith("attachment")

    @pytest.mark.parametrize("pasted", ["{", "<script>alert(1)</script>", "[]", '{"Statement": 1}'])
    def test_says_what_cannot_be_read_and_keeps_it(self, pasted, project, draft, as_owner):
        page = as_owner.post(address("setup_merge", project, draft.pk), {"policy": pasted})
        assert 'id="policy-error"' in page.text
        assert f">{html.escape(pasted)}</textarea>" in page.text

    def test_is_not_offered_where_nothing_goes_into_the_bucket(self, project, draft, as_owner):
        services.change(custom_storage=draft, actor="a", public_mode="private")
        assert 'id="policy"' not in as_owner.get(address("setup_access", project, draft.pk)).text
        response = as_owner.post(address("setup_merge", project, draft.pk), {"policy": "{}"})
        assert path_of(response) == address("setup_access", project, draft.pk)


class TestChecklist:
    LINES = ("grant", "ownership", "block_public_access")

    def answer(self, draft, **answers):
        test = ConnectionTest.objects.create(
            custom_storage=draft,
            kind="checklist",
            asked_by="a",
            state="passed",
            finished_at=timezone.now(),
        )
        for position, (check_id, (state, title)) in enumerate(answers.items()):
            Finding.objects.create(
                connection_test=test,
                position=position,
                check_id=check_id,
                name=check_id,
                level="advised",
                state=state,
                title=title,
            )
        return test

    def test_looking_changes_nothing_and_asks_for_the_reading_by_post(
        self, project, draft, as_owner
    ):
        page = as_owner.get(address("setup_bucket", project, draft.pk)).text
        assert not ConnectionTest.objects.exists()
        assert 'hx-trigger="submit, load"' in page
        assert "Read the bucket" in page

    def test_reading_is_ordered_by_the_button(self, project, draft, as_owner):
        response = as_owner.post(address("setup_read_bucket", project, draft.pk))
        assert response["Location"] == address("setup_bucket", project, draft.pk) + "#checklist"
        assert ConnectionTest.objects.get().kind == "checklist"
        page = as_owner.get(address("setup_bucket", project, draft.pk)).text
        assert "hx-swap-oob" not in page
        assert 'hx-trigger="every 1s"' in page
        assert "Reading the bucket…" in page
        assert "as they should be" not in page  # nothing is known before it was read
        assert "Reload to see the newest state" in page
        assert as_owner.get(address("setup_checklist", project, draft.pk)).status_code == 200

    def test_lines_tick_themselves_by_what_was_found(self, project, draft, as_owner):
        self.answer(
            draft,
            ownership=("passed", "Object Ownership: BucketOwnerEnforced"),
            block_public_access=("failed", "Block Public Access: 2 of 4 on"),
            encryption=("skipped", "Could not be read."),
        )
        part = as_owner.get(address("setup_checklist", project, draft.pk))
        assert part.status_code == 286
        spoken = '<div id="live" hx-swap-oob="innerHTML">1 of 7 as they should be</div>'
        assert spoken in part.text
        assert spoken not in as_owner.get(address("setup_bucket", project, draft.pk)).text
        text = text_of(part)
        assert "Right Object Ownership: BucketOwnerEnforced" in text
        assert "To change Block Public Access: 2 of 4 on Wanted: 4 of 4 on." in text
        assert "Could not be read. Tick it yourself, the test will tell." in text
        assert 'hx-trigger="submit"' in part.text

    def test_a_setting_that_the_provider_does_not_have_asks_for_nothing(
        self, project, draft, as_owner
    ):
        self.answer(
            draft,
            ownership=("passed", "Object Ownership: BucketOwnerEnforced"),
            block_public_access=("skipped", "The provider has no such setting."),
        )
        text = text_of(as_owner.get(address("setup_checklist", project, draft.pk)))
        assert "1 of 6 as they should be" in text
        assert "Absent Block Public Access The provider has no such setting." in text
        assert "Wanted: 4 of 4 on." not in text

    def test_what_cannot_be_read_is_ticked_by_hand_and_unticked(self, project, draft, as_owner):
        self.answer(draft, versioning=("skipped", "Could not be read."))
        tick = address("setup_tick", project, draft.pk)
        assert as_owner.post(tick, {"line": "versioning", "on": "1"}).status_code == 302
        page = as_owner.get(address("setup_bucket", project, draft.pk)).text
        assert 'aria-checked="true"' in page
        part = as_owner.post(
            tick, {"line": "versioning", "on": "0"}, headers={"hx-request": "true"}
        )
        assert part.status_code == 200
        assert 'aria-checked="true"' not in part.text
        draft.refresh_from_db()
        assert draft.ticked == []

    def test_a_line_that_is_not_there_cannot_be_ticked(self, project, draft, as_owner):
        as_owner.post(address("setup_tick", project, draft.pk), {"line": "x" * 9, "on": "1"})
        draft.refresh_from_db()
        assert draft.ticked == []

    def test_says_why_the_bucket_could_not_be_read(self, project, draft, as_owner):
        self.answer(draft, identity=("failed", "The secret does not fit."))
        page = text_of(as_owner.get(address("setup_bucket", project, draft.pk)))
        assert "The bucket could not be read: The secret does not fit." in page

    def test_a_reading_of_other_settings_says_nothing(self, project, draft, as_owner):
        self.answer(draft, ownership=("passed", "Object Ownership: BucketOwnerEnforced"))
        services.change(custom_storage=draft, actor="a", bucket="another-bucket")
        page = text_of(as_owner.get(address("setup_bucket", project, draft.pk)))
        assert "BucketOwnerEnforced Wanted" not in page
        assert "Right Object Ownership" not in page

    def test_gives_the_advice_for_the_chosen_mode(self, project, draft, as_owner):
        services.change(custom_storage=draft, actor="a", public_mode="policy")
        page = as_owner.get(address("setup_bucket", project, draft.pk))
        assert "Public copies by bucket policy (advised): turn off the two" in text_of(page)
        assert "PublicRead" in page.text

    def test_a_service_is_not_asked_for_what_it_has_not(self, project, draft, as_owner):
        CustomStorage.objects.update(provider="minio", endpoint_url="https://s3.example.com")
        page = text_of(as_owner.get(address("setup_bucket", project, draft.pk)))
        assert "Block Public Access" not in page
        assert "Object Ownership" not in page

    def test_next_goes_to_the_test(self, project, draft, as_owner):
        CustomStorage.objects.update(setup_step=4)
        response = as_owner.post(address("setup_bucket", project, draft.pk))
        assert response["Location"] == address("setup_test", project, draft.pk) + "#step"

    def test_too_many_readings_are_refused_in_words(self, project, draft, as_owner, monkeypatch):
        def refuse(**kwargs):
            raise services.TooManyTests

        monkeypatch.setattr(services, "request_test", refuse)
        response = as_owner.post(address("setup_read_bucket", project, draft.pk))
        assert "very many connection tests" in said(response)[0]


class TestFinish:
    OPTIONS = {
        "key_pattern": "${uuid}/${filename}${ext}",
        "on_clash": "skip",
        "storage_class": "",
        "encryption": "",
        "kms_key_id": "",
    }

    def test_looking_orders_no_test_but_the_page_does_by_post(self, project, draft, as_owner):
        page = as_owner.get(address("setup_test", project, draft.pk)).text
        assert not ConnectionTest.objects.exists()
        assert 'hx-trigger="load"' in page
        assert 'value="connect"' not in page
        assert "Connect anyway" not in page

    def test_the_test_is_ordered_by_the_button_and_comes_back_here(self, project, draft, as_owner):
        response = as_owner.post(address("setup_test", project, draft.pk), {"do": "test"})
        assert response["Location"] == address("setup_test", project, draft.pk) + "#test"
        assert ConnectionTest.objects.get().kind == "test"

    def test_connects_what_has_passed_with_its_options(self, project, draft, as_owner):
        make_connection_test(draft, state="passed")
        page = as_owner.get(address("setup_test", project, draft.pk)).text
        assert 'value="connect"' in page
        response = as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "connect", "auto_copy": "on"},
        )
        assert response["Location"] == address("setup_done", project, draft.pk)
        draft.refresh_from_db()
        assert not draft.is_draft
        assert draft.auto_copy
        assert (draft.key_pattern, draft.on_clash) == ("${uuid}/${filename}${ext}", "skip")

    def test_counts_what_is_stored_already_if_that_was_ticked(self, project, draft, as_owner):
        make_file(project)
        make_connection_test(draft, state="passed")
        page = text_of(as_owner.get(address("setup_test", project, draft.pk)))
        assert "Copy the 1 file already stored" in page
        assert "Who may read the copies: Only you." in page
        as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "connect", "copy_stored": "on"},
        )
        job = BulkJob.objects.get()
        assert job.is_dry_run
        assert job.filter == {"stored": "yes"}
        assert job.custom_storage == draft
        done = as_owner.get(address("setup_done", project, draft.pk))
        assert address("bulk_job", project, job.pk) in done.text

    def test_a_draft_remembers_that_what_is_stored_shall_be_copied(self, project, draft, as_owner):
        make_file(project)
        as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "save", "copy_stored": "on"},
        )
        page = as_owner.get(address("setup_test", project, draft.pk))
        box = re.search(r'<input[^>]*name="copy_stored"[^>]*>', page.text)[0]
        assert "checked" in box
        assert not BulkJob.objects.exists()

    def test_without_stored_files_it_does_not_offer_to_copy_them(self, project, draft, as_owner):
        page = as_owner.get(address("setup_test", project, draft.pk))
        assert "copy_stored" not in page.text

    def test_a_count_that_is_refused_is_told_and_the_storage_connected(
        self, project, draft, as_owner, monkeypatch
    ):
        make_file(project)
        make_connection_test(draft, state="passed")

        def refuse(**_fields):
            raise NothingChosen("No file matches.")

        monkeypatch.setattr("storages_app.bulk_copies.services.request", refuse)
        response = as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "connect", "copy_stored": "on"},
        )
        assert response["Location"] == address("setup_done", project, draft.pk)
        assert "No file matches." in said(response)[0]

    @pytest.mark.parametrize("state", ["", "failed", "running"])
    def test_does_not_connect_what_has_not_passed(self, state, project, draft, as_owner):
        if state:
            make_connection_test(draft, state=state)
        page = as_owner.get(address("setup_test", project, draft.pk)).text
        assert 'value="connect"' not in page
        assert 'value="save"' in page
        refused = as_owner.post(
            address("setup_test", project, draft.pk), self.OPTIONS | {"do": "connect"}
        )
        assert "The connection test has not passed" in text_of(refused)
        draft.refresh_from_db()
        assert draft.is_draft

    def test_options_that_change_access_are_tested_first(self, project, draft, as_owner):
        make_connection_test(draft, state="passed")
        response = as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "connect", "storage_class": "STANDARD_IA"},
        )
        assert response["Location"] == address("setup_test", project, draft.pk) + "#test"
        assert "the test runs anew" in said(response)[0]
        draft.refresh_from_db()
        assert draft.is_draft
        assert draft.storage_class == "STANDARD_IA"
        assert ConnectionTest.objects.waiting().count() == 1

    def test_saves_the_draft_with_its_options(self, project, draft, as_owner):
        response = as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "save", "encryption": "aws:kms", "kms_key_id": " alias/photos "},
        )
        assert response["Location"] == address("storages", project)
        assert "saved as a draft" in said(response)[0]
        draft.refresh_from_db()
        assert draft.encryption == {"mode": "aws:kms", "kms_key_id": "alias/photos"}

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("key_pattern", "${foo}", "Invalid pattern provided"),
            ("on_clash", "explode", "is not in the list"),
            ("storage_class", "FAST", "is not in the list"),
            ("encryption", "rot13", "is not in the list"),
            ("kms_key_id", "two words", "is one word"),
            ("kms_key_id", "alias/photos", "A KMS key is used with SSE-KMS only"),
        ],
    )
    def test_refuses_options_at_their_fields(self, field, value, text, project, draft, as_owner):
        make_connection_test(draft, state="passed")
        page = as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "connect", field: value},
        )
        assert text in text_of(page)
        assert f'href="#id_{field}' in page.text
        draft.refresh_from_db()
        assert draft.is_draft

    def test_the_buttons_ask_until_the_test_has_passed(self, project, draft, as_owner):
        test = make_connection_test(draft, state="failed")
        part = as_owner.get(address("setup_finish", project, draft.pk))
        assert part.status_code == 200
        assert "A required check fails" in text_of(part)
        seen = re.search(r"seen=(\w+)", part.text)[1]
        again = as_owner.get(address("setup_finish", project, draft.pk), {"seen": seen})
        assert again.status_code == 204
        test.delete()
        make_connection_test(draft, state="limited")
        part = as_owner.get(address("setup_finish", project, draft.pk), {"seen": seen})
        assert part.status_code == 286
        assert 'value="connect"' in part.text

    def test_the_pattern_is_previewed_without_being_kept(self, project, draft, as_owner):
        page = as_owner.post(
            address("setup_test", project, draft.pk),
            self.OPTIONS | {"do": "preview", "key_pattern": "${yyyy}/${uuid}"},
        )
        assert page.status_code == 200
        assert 'value="${yyyy}/${uuid}"' in html.unescape(page.text)
        draft.refresh_from_db()
        assert draft.key_pattern == "${default}"

    def test_success_says_where_copies_go_and_what_may_be_taken_away(
        self, project, storage, as_owner
    ):
        page = as_owner.get(address("setup_done", project, storage.pk))
        text = text_of(page)
        assert "“photos” is connected." in text
        assert "New copies go to s3://acme-photos/up/." in text
        assert "Rights you can take away now" in text
        assert "s3:GetBucketOwnershipControls" in text
        assert address("storage_use", project, storage.pk) in page.text
        assert "Turn on auto-copy" in text

    def test_there_is_no_success_page_for_a_draft(self, project, draft, as_owner):
        response = as_owner.get(address("setup_done", project, draft.pk))
        assert path_of(response) == address("setup_test", project, draft.pk)


class TestHandOff:
    def make(self, project, draft, as_owner, **extra):
        page = as_owner.post(address("setup_hand_off", project, draft.pk), {"do": "make"} | extra)
        found = re.search(r'id="link">[^<]*(/h/[\w-]+/)<', page.text)
        return page, found and found[1]

    def test_the_link_is_shown_once(self, project, draft, as_owner):
        page, link = self.make(project, draft, as_owner, once="abc")
        assert link
        assert "no-store" in page["Cache-Control"]
        assert link not in as_owner.get(address("setup_access", project, draft.pk)).text
        again = as_owner.post(
            address("setup_hand_off", project, draft.pk), {"do": "make", "once": "abc"}
        )
        assert "no second was made" in said(again)[0]
        assert HandOff.objects.count() == 1

    def test_a_colleague_without_account_sees_the_grant_and_no_secret(
        self, project, draft, as_owner
    ):
        services.change(
            custom_storage=draft, actor="a", secret=SECRET, access_key_id="AKIAIOSFODNN7EXAMPLE"
        )
        _, link = self.make(project, draft, as_owner)
        stranger = new_client()
        page = stranger.get(link)
        assert page.status_code == 200
        assert page["Referrer-Policy"] == "no-referrer"
        assert page["X-Robots-Tag"] == "noindex, nofollow"
        assert "no-store" in page["Cache-Control"]
        assert "arn:aws:s3:::acme-draft/uploads/*" in page.text
        assert "This page works until" in page.text
        for secret in (SECRET, "AKIAIOSFODNN7EXAMPLE", draft.sealed_secret):
            assert secret not in page.text
        file = stranger.get(re.search(r'href="([^"]+)"\s+download', page.text)[1])
        assert file.status_code == 200
        assert file["Referrer-Policy"] == "no-referrer"
        assert stranger.get(f"{link}passwd").status_code == 404

    def test_reports_back_that_it_is_done(self, project, draft, as_owner):
        _, link = self.make(project, draft, as_owner)
        stranger = new_client()
        response = stranger.post(link)
        assert response["Location"] == f"{link}#reported"
        assert "Reported as done" in text_of(stranger.get(link))
        assert "Reported as done" in text_of(
            as_owner.get(address("setup_access", project, draft.pk))
        )

    @pytest.mark.usefixtures("operator")
    def test_reports_the_role_back(self, project, draft, as_owner):
        as_owner.post(address("setup_access", project, draft.pk), {"do": "way", "identity": "role"})
        _, link = self.make(project, draft, as_owner)
        stranger = new_client()
        refused = stranger.post(link, {"role_arn": "arn:aws:iam::111122223333:user/me"})
        assert "This is the ARN of a user" in text_of(refused)
        assert stranger.post(link, {"role_arn": ROLE}).status_code == 302
        page = text_of(as_owner.get(address("setup_access", project, draft.pk)))
        assert "Role ARN received" in page
        assert ROLE in page
        draft.refresh_from_db()
        assert draft.role_arn == ROLE

    @pytest.mark.usefixtures("operator")
    def test_tells_how_ownership_is_proved(self, project, draft, as_owner):
        as_owner.post(
            address("setup_access", project, draft.pk), {"do": "way", "identity": "principal"}
        )
        _, link = self.make(project, draft, as_owner)
        draft.refresh_from_db()
        assert draft.proof_nonce in new_client().get(link).text

    @pytest.mark.parametrize("method", ["get", "post"])
    @pytest.mark.parametrize("end", ["expired", "replaced", "ended", "disconnected", "connected"])
    def test_a_link_that_has_ended_says_so(self, end, method, project, draft, as_owner):
        _, link = self.make(project, draft, as_owner)
        if end == "expired":
            HandOff.objects.update(expires_at=timezone.now())
        elif end == "replaced":
            self.make(project, draft, as_owner)
        elif end == "ended":
            as_owner.post(address("setup_hand_off", project, draft.pk), {"do": "end"})
        elif end == "disconnected":
            services.disconnect(custom_storage=draft, actor="a")
        else:
            make_connection_test(draft, state="passed")
            services.connect(custom_storage=draft, actor="a")
        page = getattr(new_client(), method)(link)
        assert page.status_code == 410
        assert "This link has ended" in text_of(page)
        assert "acme-draft" not in page.text
        assert page["Referrer-Policy"] == "no-referrer"

    @pytest.mark.parametrize("token", ["wrong", "x" * 500, "%00", "é"])
    def test_a_wrong_link_is_not_found(self, token, db):
        page = new_client().get(f"/h/{token}/")
        assert page.status_code == 404
        assert "There is no such link" in text_of(page)

    def test_another_verb_is_refused(self, project, draft, as_owner):
        _, link = self.make(project, draft, as_owner)
        assert new_client().delete(link).status_code == 405

    def test_needs_no_cookie_and_sets_none(self, project, draft, as_owner):
        _, link = self.make(project, draft, as_owner)
        careful = new_client(enforce_csrf_checks=True)
        page = careful.get(link)
        assert not page.cookies
        # Browsers send this from a page with the policy no-referrer.
        reported = careful.post(link, headers={"origin": "null"})
        assert reported.status_code == 302
        assert not reported.cookies

    def test_a_storage_connected_meanwhile_is_left_alone(
        self, project, draft, as_owner, monkeypatch
    ):
        _, link = self.make(project, draft, as_owner)
        CustomStorage.objects.update(connected_at=timezone.now())
        page = new_client().post(link)
        assert "This storage is connected already" in text_of(page)
        assert HandOff.objects.get().reported_at is None

    def test_a_refusal_to_make_one_is_said(self, project, draft, as_owner, monkeypatch):
        def refuse(**kwargs):
            raise services.StorageGone

        monkeypatch.setattr(hand_offs, "make", refuse)
        response = as_owner.post(address("setup_hand_off", project, draft.pk), {"do": "make"})
        assert "This storage was disconnected." in said(response)[0]
