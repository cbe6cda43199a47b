"""Projects and their secret keys."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from storages_app.models import Event, Membership, Project, SecretKey
from storages_app.projects import api_keys, services
from storages_app.projects.errors import (
    BadName,
    BadScope,
    ExpireMalformed,
    ExpireRequired,
    PublicKeyTaken,
    SignatureExpired,
    SignatureInvalid,
    SignatureLivesTooLong,
    SignatureRequired,
    UnknownPublicKey,
    WrongSecretKey,
    WrongSignature,
)
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


class TestCreateProject:
    def test_makes_the_owner_a_member_and_the_keys_that_clients_expect(self):
        owner = make_user()
        project = services.create_project(name="Holiday photos", owner=owner)
        assert project.slug == "holiday-photos"
        assert len(project.public_key) == 20
        assert Membership.objects.get(project=project).role == Membership.Role.OWNER
        assert Event.objects.get(project=project).kind == "project.created"

    def test_gives_each_project_a_slug_of_its_own(self):
        slugs = [services.create_project(name="Demo", owner=None).slug for _ in range(3)]
        assert slugs == ["demo", "demo-2", "demo-3"]

    def test_finds_a_slug_for_a_name_without_letters(self):
        assert services.create_project(name="日本", owner=None).slug == "project"

    @pytest.mark.parametrize("name", ["", "   ", "x" * 101, "two\nlines", "nul\0"])
    def test_refuses_a_name_that_cannot_be_shown(self, name):
        with pytest.raises(BadName):
            services.create_project(name=name, owner=None)
        assert not Project.objects.exists()


class TestSecretKeys:
    def test_the_secret_is_twenty_hex_digits_and_stored_sealed(self):
        key, secret = services.create_secret_key(
            project=make_project(), label="server", actor="a test"
        )
        assert len(secret) == 20
        assert int(secret, 16) >= 0
        assert secret not in SecretKey.objects.get(pk=key.pk).sealed_secret
        assert secret not in json.dumps(list(Event.objects.values("subject", "data", "actor")))

    def test_refuses_a_scope_that_does_not_exist(self):
        with pytest.raises(BadScope):
            services.create_secret_key(
                project=make_project(), label="x", actor="a test", scope="root"
            )

    def test_two_live_keys_both_open_and_the_revoked_one_does_not(self):
        project = make_project()
        old, old_secret = services.create_secret_key(project=project, label="old", actor="t")
        new, new_secret = services.create_secret_key(project=project, label="new", actor="t")
        assert (
            api_keys.check_secret(keys=api_keys.find_keys(project.public_key), secret=old_secret)
            == old
        )
        assert (
            api_keys.check_secret(keys=api_keys.find_keys(project.public_key), secret=new_secret)
            == new
        )
        services.revoke_secret_key(key=old, actor="t")
        with pytest.raises(WrongSecretKey):
            api_keys.check_secret(keys=api_keys.find_keys(project.public_key), secret=old_secret)
        assert (
            api_keys.check_secret(keys=api_keys.find_keys(project.public_key), secret=new_secret)
            == new
        )

    def test_revoking_twice_keeps_the_first_time(self):
        key, _ = services.create_secret_key(project=make_project(), label="x", actor="t")
        first = services.revoke_secret_key(key=key, actor="t").revoked_at
        assert services.revoke_secret_key(key=key, actor="t").revoked_at == first
        assert Event.objects.filter(kind="secret_key.deleted").count() == 1

    def test_use_is_noted_at_most_once_a_minute(self, django_assert_num_queries):
        key, _ = services.create_secret_key(project=make_project(), label="x", actor="t")
        api_keys.record_use(key, call="GET /files/")
        key.refresh_from_db()
        first = key.last_used_at
        with django_assert_num_queries(0):
            api_keys.record_use(key, call="GET /files/")
        SecretKey.objects.filter(pk=key.pk).update(last_used_at=first - timedelta(minutes=2))
        key.refresh_from_db()
        api_keys.record_use(key, call="GET /files/")
        key.refresh_from_db()
        assert key.last_used_at >= first

    @pytest.mark.parametrize("public_key", ["", "nobody", "x" * 5_000, "nul\0"])
    def test_unknown_public_keys_find_nothing(self, public_key):
        with pytest.raises(UnknownPublicKey):
            api_keys.find_project(public_key)

    def test_a_removed_project_is_not_found(self):
        project = make_project(removed_at=timezone.now())
        with pytest.raises(UnknownPublicKey):
            api_keys.find_project(project.public_key)


class TestSignatures:
    # spec/UPLOADCARE 2.2: the first vector is the documented one.
    VECTORS = [
        (
            (
                b"GET\nd41d8cd98f00b204e9800998ecf8427e\napplication/json\n"
                b"Mon, 05 Nov 2018 13:14:41 GMT\n/files/?limit=1&stored=true"
            ),
            "3cbc4d2cf91f80c1ba162b926f8a975e8bec7995",
        ),
    ]

    @pytest.mark.parametrize(("message", "signature"), VECTORS)
    def test_the_documented_vector_opens(self, message, signature):
        project = make_project()
        key = SecretKey(project=project, label="vector")
        key.seal_secret("demoprivatekey")
        key.save()
        found = api_keys.check_signature(
            keys=api_keys.find_keys(project.public_key), message=message, signature=signature
        )
        assert found == key
        with pytest.raises(WrongSignature):
            api_keys.check_signature(
                keys=api_keys.find_keys(project.public_key),
                message=message + b" ",
                signature=signature,
            )
        with pytest.raises(WrongSignature):
            api_keys.check_signature(
                keys=api_keys.find_keys(project.public_key), message=message, signature="é"
            )


class TestUploadSignatures:
    # spec/UPLOADCARE 3.9
    VECTORS = [
        (
            "YOUR_SECRET_KEY",
            "1678361640",
            "93b69d086a487fbdfc36172b96a5d7f5afa7cb209e43e5f25890bc037e638584",
        ),
        (
            "project_secret_key",
            "1454903856",
            "d39a461d41f607338abffee5f31da4d4e46535651c87346e76906bf75c064d47",
        ),
    ]

    @staticmethod
    def _project(secret):
        project = make_project()
        key = SecretKey(project=project, label="vector")
        key.seal_secret(secret)
        key.save()
        return project

    @pytest.mark.parametrize(("secret", "expire", "signature"), VECTORS)
    def test_the_documented_vectors_open(self, secret, expire, signature):
        before = datetime.fromtimestamp(int(expire), UTC) - timedelta(hours=1)
        api_keys.check_upload_signature(
            project=self._project(secret), signature=signature, expire=expire, now=before
        )

    @pytest.mark.parametrize(
        ("signature", "expire", "refusal"),
        [  # S057
            ("", "9999999999", SignatureRequired),
            ("abc", "", ExpireRequired),
            ("abc", "tomorrow", ExpireMalformed),
            ("abc", "-1", ExpireMalformed),
            ("abc", "1.5", ExpireMalformed),
            ("abc", "9" * 400, ExpireMalformed),
            ("abc", "1678361640000", ExpireMalformed),  # milliseconds
            ("abc", "[1678361640]", ExpireMalformed),
            ("abc", "١٦٧٨٣٦١٦٤٠", ExpireMalformed),
            ("abc", "60", SignatureExpired),
            ("abc", "9999999999", SignatureInvalid),
        ],
    )
    def test_all_others_are_refused(self, signature, expire, refusal):
        with pytest.raises(refusal):
            api_keys.check_upload_signature(
                project=self._project("YOUR_SECRET_KEY"),
                signature=signature,
                expire=expire,
                now=timezone.now(),
            )

    EXPIRE = "1678361640"
    RIGHT = VECTORS[0][2]
    BEFORE = datetime.fromtimestamp(1678361640, UTC) - timedelta(hours=1)

    def _check(self, project, signature, expire=EXPIRE, now=BEFORE):
        return api_keys.check_upload_signature(
            project=project, signature=signature, expire=expire, now=now
        )

    @pytest.mark.parametrize(
        "wrong",
        [
            RIGHT.upper(),
            RIGHT[:-1],
            RIGHT + "0",
            hmac.new(b"YOUR_SECRET_KEY", EXPIRE.encode(), hashlib.sha1).hexdigest(),
            hmac.new(b"YOUR_SECRET_KEY", EXPIRE.encode(), hashlib.sha512).hexdigest(),
            hmac.new(b"another key", EXPIRE.encode(), hashlib.sha256).hexdigest(),
        ],
        ids=["upper case", "cut", "longer", "sha1", "sha512", "another key"],
    )
    def test_one_form_of_the_right_signature_opens_and_no_other(self, wrong):
        """S057"""
        project = self._project("YOUR_SECRET_KEY")
        assert self._check(project, self.RIGHT)
        with pytest.raises(SignatureInvalid):
            self._check(project, wrong)

    def test_it_covers_the_time(self):
        """S057"""
        with pytest.raises(SignatureInvalid):
            self._check(self._project("YOUR_SECRET_KEY"), self.RIGHT, expire="1678361641")

    @pytest.mark.parametrize("ahead", [timedelta(hours=24, seconds=1), timedelta(days=3650)])
    def test_it_may_not_live_longer_than_a_day(self, ahead, settings):
        """S058"""
        project = self._project("YOUR_SECRET_KEY")
        end = datetime.fromtimestamp(int(self.EXPIRE), UTC)
        assert self._check(project, self.RIGHT, now=end - timedelta(hours=24))
        with pytest.raises(SignatureLivesTooLong):
            self._check(project, self.RIGHT, now=end - ahead)
        settings.SIGNED_UPLOADS_LIVE = ahead
        assert self._check(project, self.RIGHT, now=end - ahead)

    def test_md5_opens_only_where_a_project_wants_it(self):
        """S060"""
        project = self._project("YOUR_SECRET_KEY")
        legacy = hashlib.md5(f"YOUR_SECRET_KEY{self.EXPIRE}".encode()).hexdigest()
        with pytest.raises(SignatureInvalid):
            self._check(project, legacy)
        project.accepts_legacy_signatures = True
        assert self._check(project, legacy)
        assert self._check(project, self.RIGHT)
        with pytest.raises(SignatureInvalid):
            self._check(project, legacy[:-1])

    def test_revoked_keys_and_those_that_may_only_read_sign_nothing(self):
        project = self._project("YOUR_SECRET_KEY")
        keys = SecretKey.objects.filter(project=project)
        keys.update(scope="read")
        with pytest.raises(SignatureInvalid):
            self._check(project, self.RIGHT)
        keys.update(scope="full", revoked_at=timezone.now())
        with pytest.raises(SignatureInvalid):
            self._check(project, self.RIGHT)
        keys.update(revoked_at=None)
        assert self._check(project, self.RIGHT)


class TestCreateProjectCommand:
    def test_prints_what_a_script_needs(self):
        owner = make_user("owner@example.com")
        out = StringIO()
        call_command("create_project", "Demo", "--owner", "Owner@example.com", "--json", stdout=out)
        made = json.loads(out.getvalue())
        project = Project.objects.get(slug=made["slug"])
        assert made["project"] == "Demo"
        assert made["public_key"] == project.public_key
        assert api_keys.check_secret(
            keys=api_keys.find_keys(project.public_key), secret=made["secret_key"]
        )
        assert project.memberships.get().user == owner

    def test_refuses_an_owner_who_has_no_account_and_makes_nothing(self):
        with pytest.raises(CommandError, match=r"nobody@example\.com"):
            call_command("create_project", "Demo", "--owner", "nobody@example.com")
        assert not Project.objects.exists()

    def test_refuses_an_empty_name(self):
        with pytest.raises(CommandError):
            call_command("create_project", " ")


class TestBringBackPublicKey:
    def test_the_project_is_known_by_it_again(self):
        project = make_project()
        services.bring_back_public_key(
            project=project, public_key="0123456789abcdef0123", actor="a test"
        )
        assert api_keys.find_project("0123456789abcdef0123") == project

    @pytest.mark.parametrize("key", ["taken", "", "a b", "x" * 41, "ключ", "a\n"])
    def test_one_that_is_taken_or_is_none_is_refused(self, key):
        make_project(public_key="taken")
        project = make_project()
        with pytest.raises(PublicKeyTaken):
            services.bring_back_public_key(project=project, public_key=key, actor="a test")
        assert not Event.objects.exists()
