"""Tokens of signed URLs: the vectors of the wire, clients' own tokens, and what is refused."""

import hashlib
import hmac
from urllib.parse import quote, urlsplit

import pytest
from pyuploadcare.secure_url import (
    AkamaiSecureUrlBuilderWithAclToken,
    AkamaiSecureUrlBuilderWithUrlToken,
)

from storages_app.models import Project
from storages_app.projects import signed_urls
from storages_app.projects.errors import (
    NoUrlSecret,
    UrlTokenExpired,
    UrlTokenInvalid,
    UrlTokenNotYet,
    UrlTokenRequired,
)
from tests.factories import make_project

pytestmark = pytest.mark.django_db

UUID = "52da3bfc-7cd8-4861-8b05-126fef7a6994"
OTHER = "11111111-7cd8-4861-8b05-126fef7a6994"
SECRET = "73636b61519adede42191efe1e73f02a67c7b692e3765f90c250c230be095211"
EXPIRES = 1_633_997_100
NOW = EXPIRES - 60
ACL_SIGNATURE = "81852547d9dbd9eefd24bee2cada6eab02244b9013533bc8511511923098df72"
URL_SIGNATURE = "25c485fd7f85c19704013673c80d2a86df1b4241fb44cdfa7b7762cb27ef3f57"


@pytest.fixture
def project() -> Project:
    project = make_project(requires_signed_urls=True)
    project.seal_url_secret(SECRET)
    project.save()
    return project


def check(project, token, path=f"/{UUID}/", *, address="192.0.2.1", now=NOW):
    asked = signed_urls.Asked(path, address, now)
    return signed_urls.check(project=project, token=token, asked=asked)


def signed(text, *, more="", secret=SECRET):
    message = (text + more).encode()
    signature = hmac.new(bytes.fromhex(secret), message, hashlib.sha256).hexdigest()
    return f"{text}~hmac={signature}"


def url_token(path):
    """As the wire signs the address itself."""
    return signed(f"exp={EXPIRES}", more=f"~url={quote(path, safe='').lower()}")


class TestVectors:
    def test_of_an_acl(self, project):
        token = f"exp={EXPIRES}~acl=/{UUID}/~hmac={ACL_SIGNATURE}"
        assert check(project, token) == EXPIRES
        assert signed_urls.sign_acl(secret=SECRET, acl=f"/{UUID}/", expires_at=EXPIRES) == token

    def test_of_an_address(self, project):
        assert check(project, f"exp={EXPIRES}~hmac={URL_SIGNATURE}") == EXPIRES


class TestTokensOfPyuploadcare:
    """Whole addresses of the unmodified client, whose clock is the real one."""

    def check(self, project, url):
        parts = urlsplit(url)
        token = parts.query.removeprefix("token=")
        path = parts.path
        assert check(project, token, path, now=0) > 1_700_000_000

    @pytest.mark.parametrize("wildcard", [True, False])
    @pytest.mark.parametrize(
        "handle",
        [UUID, f"{UUID}~2", f"{UUID}/-/resize/640x/-/format/webp", f"{UUID}~12/nth/0"],
    )
    def test_by_acl(self, project, handle, wildcard):
        builder = AkamaiSecureUrlBuilderWithAclToken("files.example.com", SECRET)
        self.check(project, builder.build(handle, wildcard=wildcard))

    @pytest.mark.parametrize(
        "handle",
        [UUID, f"{UUID}/", f"{UUID}/-/scale_crop/100x100/10,20/", f"{UUID}~2/", f"{UUID}~2"],
    )
    def test_by_address(self, project, handle):
        builder = AkamaiSecureUrlBuilderWithUrlToken("files.example.com", SECRET)
        self.check(project, builder.build(handle))


class TestAcl:
    @pytest.mark.parametrize(
        "path", ["/", "/-/resize/10x/", "/name.jpg", "/-/json/", "/-/resize/1x/a b.jpg"]
    )
    def test_a_star_covers_what_is_below(self, project, path):
        assert check(project, signed(f"exp={EXPIRES}~acl=/{UUID}/*"), f"/{UUID}{path}")

    @pytest.mark.parametrize("path", ["/-/resize/10x/", "/name.jpg", "", "/ "])
    def test_without_a_star_it_is_one_address(self, project, path):
        with pytest.raises(UrlTokenInvalid):
            check(project, signed(f"exp={EXPIRES}~acl=/{UUID}/"), f"/{UUID}{path}")

    @pytest.mark.parametrize("acl", [f"/{UUID}/*", f"/{UUID}/", "/", f"/{UUID[:-1]}%2a"])
    def test_never_covers_another_file(self, project, acl):
        with pytest.raises(UrlTokenInvalid):
            check(project, signed(f"exp={EXPIRES}~acl={acl}"), f"/{OTHER}/")

    @pytest.mark.parametrize(
        ("acl", "sent"), [("%7e", "%7e"), ("%7e", "~"), ("%7e", "%7E"), ("~", "~")]
    )
    def test_of_a_group_fits_however_its_tilde_arrives(self, project, acl, sent):
        """Some libraries undo the encoding of `~` on the way, or capitalise it."""
        token = signed(f"exp={EXPIRES}~acl=/{UUID}{acl}2/*")
        sent_token = token.replace(f"{UUID}{acl}", f"{UUID}{sent}")
        assert check(project, sent_token, f"/{UUID}~2/nth/0/")

    def test_may_be_percent_encoded_as_a_whole(self, project):
        token = quote(signed(f"exp={EXPIRES}~acl=/{UUID}/*"), safe="")
        assert check(project, token, f"/{UUID}/cat.jpg")

    def test_an_encoded_star_is_none(self, project):
        with pytest.raises(UrlTokenInvalid):
            check(project, signed(f"exp={EXPIRES}~acl=/{UUID}/%2a"))


class TestAddressItself:
    @pytest.mark.parametrize(
        "path", [f"/{UUID}/", f"/{UUID}/-/crop/10x10/1,2/", f"/{UUID}/a b.jpg", f"/{UUID}/ä.jpg"]
    )
    def test_fits_in_both_spellings(self, project, path):
        """Signed as it is written in a browser's bar, or as it goes over the wire."""
        escaped = AkamaiSecureUrlBuilderWithUrlToken("", SECRET)._prepare_path_for_url
        for form in (path, quote(path, safe="/,")):
            assert check(project, signed(f"exp={EXPIRES}", more=f"~url={escaped(form)}"), path)

    def test_signed_without_its_slash_still_fits_where_it_leads(self, project):
        assert check(project, url_token(f"/{UUID}"))

    @pytest.mark.parametrize("path", [f"/{OTHER}/", f"/{UUID}/x", f"/{UUID}/-/resize/10x/", "/"])
    def test_fits_no_other(self, project, path):
        with pytest.raises(UrlTokenInvalid):
            check(project, url_token(f"/{UUID}/"), path)


class TestTime:
    def test_ends_at_its_second(self, project):
        token = signed(f"exp={EXPIRES}~acl=/{UUID}/")
        assert check(project, token, now=EXPIRES - 0.5)
        with pytest.raises(UrlTokenExpired):
            check(project, token, now=EXPIRES)

    def test_begins_where_it_says_so(self, project):
        token = signed(f"st={NOW}~exp={EXPIRES}~acl=/{UUID}/")
        assert check(project, token, now=NOW)
        with pytest.raises(UrlTokenNotYet):
            check(project, token, now=NOW - 1)

    def test_an_expired_one_of_somebody_else_is_only_wrong(self, project):
        with pytest.raises(UrlTokenInvalid):
            check(project, signed(f"exp=1~acl=/{UUID}/", secret="00" * 32))


class TestClientAddress:
    @pytest.mark.parametrize(
        ("bound_to", "address"),
        [("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8:0::1")],
    )
    def test_fits(self, project, bound_to, address):
        token = signed(f"ip={bound_to}~exp={EXPIRES}~acl=/{UUID}/")
        assert check(project, token, address=address)

    @pytest.mark.parametrize("address", ["192.0.2.2", "", "nonsense", "::1"])
    def test_of_somebody_else_is_refused(self, project, address):
        token = signed(f"ip=192.0.2.1~exp={EXPIRES}~acl=/{UUID}/")
        with pytest.raises(UrlTokenInvalid):
            check(project, token, address=address)

    def test_that_is_none_fits_nobody(self, project):
        with pytest.raises(UrlTokenInvalid):
            check(project, signed(f"ip=1.2.3~exp={EXPIRES}~acl=/{UUID}/"), address="1.2.3")


GOOD = f"exp={EXPIRES}~acl=/{UUID}/~hmac={ACL_SIGNATURE}"


class TestRefused:
    def test_a_missing_one_is_told_apart(self, project):
        with pytest.raises(UrlTokenRequired):
            check(project, "")

    @pytest.mark.parametrize(
        "token",
        [
            "nonsense",
            GOOD.upper(),
            GOOD[:-1],
            GOOD[:-2],
            GOOD + "0",
            GOOD.replace(ACL_SIGNATURE, ACL_SIGNATURE.upper()),
            GOOD.replace(ACL_SIGNATURE, ""),
            GOOD.replace(ACL_SIGNATURE, "0" * 64),
            GOOD.replace(ACL_SIGNATURE, URL_SIGNATURE),
            GOOD.replace(str(EXPIRES), str(EXPIRES + 1)),
            GOOD.replace(str(EXPIRES), f"{EXPIRES}.0"),
            GOOD.replace(str(EXPIRES), f"-{EXPIRES}"),
            GOOD.replace(str(EXPIRES), f"+{EXPIRES}"),
            GOOD.replace(str(EXPIRES), f"{EXPIRES}000000"),
            GOOD.replace(str(EXPIRES), "\u0661\u0662"),
            GOOD.replace(UUID, OTHER),
            GOOD.replace(f"/{UUID}/", "/*"),
            f"{GOOD}~{GOOD}",
            f"~{GOOD}",
            f"st=0~{GOOD}",
            f"ip=192.0.2.1~{GOOD}",
            GOOD.replace("~acl", "~~acl"),
            f"acl=/{UUID}/~hmac={ACL_SIGNATURE}",
            signed(f"acl=/{UUID}/"),
            f"exp={EXPIRES}~acl=~hmac={ACL_SIGNATURE}",
            f"{GOOD}\n",
            f"{GOOD}\0",
            f"{GOOD}\ud800",
            "%ff%fe~hmac=" + "0" * 64,
            "a" * 1_000_000,
            f"exp={EXPIRES}~acl=/{'%7e' * 100_000}~hmac={ACL_SIGNATURE}",
        ],
    )
    def test_what_is_changed_or_no_token_at_all(self, project, token):
        with pytest.raises(UrlTokenInvalid):
            check(project, token)

    def test_a_token_of_another_project(self, project):
        other = make_project()
        signed_urls.make_secret(project=other, actor="a test")
        with pytest.raises(UrlTokenInvalid):
            check(other, GOOD)

    def test_a_token_of_a_former_secret(self, project):
        assert check(project, GOOD)
        signed_urls.make_secret(project=project, actor="a test")
        with pytest.raises(UrlTokenInvalid):
            check(project, GOOD)

    def test_every_token_where_there_is_no_secret(self):
        """The HMAC under an empty key is anybody's to compute."""
        project = make_project(requires_signed_urls=True)
        with pytest.raises(UrlTokenInvalid):
            check(project, signed(f"exp={EXPIRES}~acl=/{UUID}/", secret=""))


class TestRequire:
    def test_is_refused_without_a_secret(self):
        project = make_project()
        with pytest.raises(NoUrlSecret):
            signed_urls.require(project=project, is_required=True, actor="a test")
        assert not Project.objects.get(pk=project.pk).requires_signed_urls

    def test_a_new_secret_is_64_hexadecimal_digits_and_sealed(self):
        project = make_project()
        secret = signed_urls.make_secret(project=project, actor="a test")
        assert len(bytes.fromhex(secret)) == 32
        kept = Project.objects.get(pk=project.pk)
        assert kept.unseal_url_secret() == secret
        assert secret not in kept.sealed_url_secret
        assert secret not in repr(vars(kept))
