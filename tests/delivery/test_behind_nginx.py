"""nginx sends the files, set up as the docs say: readers meet the same file host."""

import pytest
import requests

from tests import pictures
from tests.rig import nginx
from tests.rig.fixtures import need
from tests.rig.installation import Installation

pytestmark = pytest.mark.real

CONTENT = bytes(range(256)) * 1_000
# What each of the two says of itself, or of this one request.
OWN = {
    "accept-ranges",
    "connection",
    "content-length",
    "date",
    "server",
    "x-accel-redirect",
    "x-uploadcare-request-id",
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    need(nginx.binary() is not None, f"nginx is missing: apt-get install {nginx.PACKAGE}")
    made = Installation(tmp_path_factory.mktemp("behind-nginx"), UCDASH_FILES_SENT_BY="x-accel")
    try:
        made.prepare()
        made.start_web()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def front(installation):
    server = nginx.in_front_of_file_host(installation)
    with nginx.running_nginx(installation.folder / "nginx", server) as address:
        yield address


@pytest.fixture(scope="module")
def project(installation):
    return installation.create_project("Behind nginx")


@pytest.fixture(scope="module")
def upload(installation, project):
    def send(content, name):
        answer = requests.post(
            f"{installation.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (name, content)},
            timeout=30,
        )
        return str(answer.json()["file"])

    return send


@pytest.fixture(scope="module")
def file(upload):
    return upload(CONTENT, "digits.bin")


@pytest.fixture(scope="module")
def photo(upload):
    return upload(pictures.camera_jpeg(), "cat.jpg")


def get(address, **headers):
    return requests.get(address, headers=headers, timeout=30, allow_redirects=False)


def said(answer):
    return {k.lower(): v for k, v in answer.headers.items() if k.lower() not in OWN}


def test_originals_have_all_their_headers_and_their_bytes(front, installation, file):
    ours, theirs = (get(f"{host}/{file}/") for host in (installation.files_url, front))
    assert ours.headers["X-Accel-Redirect"].startswith("/ucdash-originals/")
    assert theirs.content == CONTENT
    assert said(theirs) == said(ours)
    assert theirs.headers["Accept-Ranges"] == "bytes"
    assert theirs.headers["Content-Security-Policy"].endswith("sandbox")
    assert theirs.headers["x-uploadcare-request-id"]


def test_processed_images_too(front, installation, photo):
    address = "-/resize/30x/-/format/auto/"
    ours, theirs = (
        get(f"{host}/{photo}/{address}", Accept="image/webp")
        for host in (installation.files_url, front)
    )
    assert pictures.read(theirs.content).width == 30
    assert said(theirs) == said(ours)
    assert theirs.headers["Vary"] == "Accept"


def test_a_range_is_given_and_a_thousand_are_the_whole(front, file):
    """S081."""
    part = get(f"{front}/{file}/", Range="bytes=1000-1099")
    assert (part.status_code, part.content) == (206, CONTENT[1_000:1_100])
    assert part.headers["Content-Range"] == f"bytes 1000-1099/{len(CONTENT)}"
    assert part.headers["Content-Security-Policy"].endswith("sandbox")
    many = get(f"{front}/{file}/", Range="bytes=" + ",".join(["0-"] * 1_000))
    assert (many.status_code, many.content) == (200, CONTENT)
    behind = get(f"{front}/{file}/", Range="bytes=999999-")
    assert behind.status_code == 416
    assert behind.headers["X-Content-Type-Options"] == "nosniff"


def test_conditions_are_kept(front, file):
    first = get(f"{front}/{file}/")
    tag = first.headers["ETag"]
    assert get(f"{front}/{file}/", **{"If-None-Match": tag}).status_code == 304
    assert get(f"{front}/{file}/", **{"If-None-Match": '"other"'}).status_code == 200
    assert get(f"{front}/{file}/", **{"If-Match": tag}).content == CONTENT
    assert get(f"{front}/{file}/", **{"If-Match": '"other"'}).status_code == 412
    for condition, status in ((tag, 206), ('"other"', 200)):
        answer = get(f"{front}/{file}/", **{"Range": "bytes=0-1", "If-Range": condition})
        assert answer.status_code == status
    head = requests.head(f"{front}/{file}/", timeout=30)
    assert head.headers["Content-Length"] == str(len(CONTENT))


def test_nobody_reaches_a_folder_by_its_address(front, installation, file):
    for folder in ("uploads", "ucdash-originals", "ucdash-renditions"):
        answer = get(f"{front}/{folder}/{file[:2]}/{file}")
        assert answer.status_code == 404
        assert CONTENT not in answer.content
    tricked = get(f"{front}/{file}/", **{"X-Accel-Redirect": "/ucdash-originals/../db.sqlite3"})
    assert tricked.content == CONTENT


def test_a_deleted_file_is_gone_at_once(front, installation, upload, project):
    """S080."""
    file = upload(b"soon gone", "soon.txt")
    assert get(f"{front}/{file}/").content == b"soon gone"
    answer = requests.delete(
        f"{installation.url}/files/{file}/storage/",
        headers={
            "Accept": "application/vnd.uploadcare-v0.7+json",
            "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
        },
        timeout=30,
    )
    assert answer.status_code == 200
    gone = get(f"{front}/{file}/")
    assert gone.status_code == 404
    assert gone.headers["Cache-Control"] == "no-store"
