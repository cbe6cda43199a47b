"""Groups and their archives behind gunicorn, made and read by an unmodified client."""

import io
import zipfile
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

import pytest

from tests import pictures
from tests.api.test_web_server import peak_mb
from tests.rig.clients import official_client

pytestmark = pytest.mark.real

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def client(installation):
    with official_client(installation, installation.create_project("Groups")) as client:
        yield client


@pytest.fixture
def file_host(installation):
    connection = HTTPConnection(urlsplit(installation.files_url).netloc, timeout=30)
    yield connection
    connection.close()


@pytest.fixture
def upload(client, tmp_path):
    def directly(content, name):
        path = tmp_path / name
        path.write_bytes(content)
        with path.open("rb") as source:
            return client.upload(source, store=True, size=1)  # or large ones come in parts

    return directly


def get(file_host, path):
    file_host.request("GET", path)
    return file_host.getresponse()


def test_a_group_is_made_and_read_by_the_official_client(client, upload, file_host):
    files = [upload(b"first", "a.txt"), upload(b"second", "a.txt")]
    group = client.create_file_group(files)
    assert len(group) == 2
    assert [file.uuid for file in group] == [file.uuid for file in files]
    assert client.file_group(group.id).is_stored
    assert client.list_file_groups().count() == 1
    path = urlsplit(group.cdn_url).path
    assert get(file_host, f"{path}nth/1/").read() == b"second"
    with zipfile.ZipFile(io.BytesIO(get(file_host, f"{path}archive/zip/").read())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.txt": b"first",
            "a (2).txt": b"second",
        }
    group.delete()
    assert get(file_host, path).status == 404
    assert [file.is_stored for file in files] == [True, True]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_large_archive_costs_no_memory(client, upload, file_host, installation, kind):
    files = [upload(bytes([n]) * (40 * MEGABYTE), f"{n}.bin") for n in range(4)]
    path = urlsplit(client.create_file_group(files).cdn_url).path
    get(file_host, f"{path}nth/0/").read()
    before = peak_mb(installation)
    answer = get(file_host, f"{path}archive/{kind}/")
    n_read = 0
    while piece := answer.read(MEGABYTE):
        n_read += len(piece)
    assert n_read > 160 * MEGABYTE
    assert before > 0
    assert peak_mb(installation) - before <= 16


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_breaks_off_is_seen_to_be_broken(
    client, upload, file_host, installation, kind
):
    files = [upload(b"x" * 100_000, "a.txt"), upload(b"lost", "b.txt")]
    path = urlsplit(client.create_file_group(files).cdn_url).path
    lost = files[1].uuid
    (installation.data_dir / "uploads" / lost[:2] / lost).unlink()
    answer = get(file_host, f"{path}archive/{kind}/")
    with pytest.raises(IncompleteRead):
        answer.read()


@pytest.mark.browser
def test_what_the_list_links_to_is_shown_or_saved_by_a_browser(client, upload, page):
    files = [upload(pictures.png(20, 10), "a.png"), upload(b"second", "b.txt")]
    group = client.create_file_group(files)
    page.goto(group.cdn_url)
    assert page.get_by_role("heading").inner_text() == "2 files"
    for name in ("b.txt", "zip", "tar"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name, exact=True).click()
        wanted = "b.txt" if name == "b.txt" else f"{group.id}.{name}"
        assert download.value.suggested_filename == wanted
        assert download.value.failure() is None
    page.get_by_role("link", name="a.png").click()
    assert page.evaluate("document.images[0].naturalWidth") == 20
