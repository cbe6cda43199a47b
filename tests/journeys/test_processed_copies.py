"""Processed images leave as they are served: by REST, in jobs of many, by auto-copy."""

import hashlib
import json
from io import BytesIO
from typing import Any

import pytest
import requests
from PIL import Image

from tests.pictures import camera_jpeg, two_halves
from tests.rig.installation import Installation, Project
from tests.rig.processes import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

CHAIN = "-/crop/300x200/50,40/-/resize/120x/"


def in_key(effects: str) -> str:
    """spec/UPLOADCARE 4.5, once more and on its own."""
    steps = effects.split("-/")[1:]
    return "".join(".-" + step.strip("/").replace("/", "_") for step in steps)


def upload(installation: Installation, project: Project, content: bytes, name: str) -> str:
    answer = requests.post(
        f"{installation.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": (name, content)},
        timeout=60,
    )
    answer.raise_for_status()
    uploaded: str = answer.json()["file"]
    return uploaded


def ask(installation: Installation, project: Project, path: str, **body: Any) -> requests.Response:
    headers = {
        "Accept": "application/vnd.uploadcare-v0.7+json",
        "Authorization": f"Uploadcare.Simple {project.public_key}:{project.secret_key}",
    }
    return requests.post(f"{installation.url}{path}", json=body, headers=headers, timeout=60)


def served(installation: Installation, file_uuid: str, effects: str) -> requests.Response:
    """What a program without an Accept header of its own is given."""
    address = f"{installation.files_url}/{file_uuid}/{effects}"
    answer = requests.get(address, headers={"Accept": "*/*"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def in_bucket(installation: Installation, key: str) -> tuple[bytes, str, dict[str, str]]:
    """The bytes, the content type and our metadata of an object, by boto3."""
    client = installation.bucket.client()
    try:
        found = client.get_object(Bucket=installation.bucket.bucket, Key=key)
        return found["Body"].read(), found["ContentType"], found["Metadata"]
    finally:
        client.close()


def noisy_png() -> bytes:
    body = BytesIO()
    two_halves(640, 480).effect_spread(40).save(body, "PNG")
    return body.getvalue()


class TestRemoteCopy:
    @pytest.mark.parametrize(
        ("effects", "content_type", "size"),
        [
            (CHAIN, "image/jpeg", (120, 80)),
            ("-/preview/100x100/-/format/webp/", "image/webp", (75, 100)),
            ("-/scale_crop/64x64/center/-/format/png/", "image/png", (64, 64)),
        ],
    )
    def test_the_bucket_holds_the_bytes_that_the_file_host_serves(
        self, installation, project, effects, content_type, size
    ):
        installation.connect_bucket(project, prefix="made/")
        file_uuid = upload(installation, project, camera_jpeg(640, 480), "My roof (1).jpg")
        source = f"{installation.files_url}/{file_uuid}/{effects}roof.jpg"
        answer = ask(installation, project, "/files/remote_copy/", source=source, target="demo")
        assert answer.status_code == 201, answer.text
        key = f"made/{file_uuid}/Myroof1{in_key(effects)}.jpg"
        result = f"s3://{installation.bucket.bucket}/{key}"
        assert answer.json() == {"type": "url", "result": result}
        assert "X-Ucdash-Copy" not in answer.headers
        body, type_, metadata = in_bucket(installation, key)
        shown = served(installation, file_uuid, effects)
        assert body == shown.content
        assert (type_, shown.headers["Content-Type"]) == (content_type, content_type)
        assert Image.open(BytesIO(body)).size == size
        assert metadata["sha256"] == hashlib.sha256(body).hexdigest()
        assert metadata["uuid"] == file_uuid

    def test_again_is_200_and_bytes_that_cannot_be_made_are_a_400_with_the_reason(
        self, installation, project
    ):
        installation.connect_bucket(project)
        file_uuid = upload(installation, project, noisy_png(), "noise.png")
        order = {"source": f"{file_uuid}/{CHAIN}", "target": "demo"}
        first = ask(installation, project, "/files/remote_copy/", **order)
        second = ask(installation, project, "/files/remote_copy/", **order)
        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()

        no_image = upload(installation, project, b"only words", "words.txt")
        refused = ask(
            installation,
            project,
            "/files/remote_copy/",
            source=f"{no_image}/{CHAIN}",
            target="demo",
        )
        assert refused.status_code == 400
        assert "are not images" in refused.json()["detail"]


def test_a_local_copy_has_the_bytes_and_the_type_of_the_result(installation, project):
    file_uuid = upload(installation, project, noisy_png(), "noise.png")
    effects = f"{CHAIN}-/format/webp/"
    answer = ask(installation, project, "/files/local_copy/", source=f"{file_uuid}/{effects}")
    assert answer.status_code == 201, answer.text
    result = answer.json()["result"]
    assert (result["mime_type"], result["original_filename"]) == ("image/webp", "noise.png")
    copied = served(installation, result["uuid"], "")
    assert copied.content == served(installation, file_uuid, effects).content
    assert copied.headers["Content-Type"] == "image/webp"


def test_renditions_of_auto_copy_and_of_a_job_are_what_the_file_host_serves(installation, project):
    webp = "-/preview/50x50/-/format/webp/"
    rule = json.dumps({"renditions": [CHAIN, webp]})
    installation.connect_bucket(project, "--auto-copy", "--auto-copy-rule", rule, prefix="auto/")
    file_uuid = upload(installation, project, noisy_png(), "noise.png")
    copies = f"storages_app_copyjob WHERE key LIKE 'auto/{file_uuid}/%' AND state = 'done'"
    wait_until(lambda: installation.count(copies) == 3, within=60, what="original and renditions")
    for key, effects, content_type in (
        (f"auto/{file_uuid}/noise{in_key(CHAIN)}.png", CHAIN, "image/png"),
        (f"auto/{file_uuid}/noise{in_key(webp)}.png", webp, "image/webp"),
    ):
        body, type_, _ = in_bucket(installation, key)
        assert body == served(installation, file_uuid, effects).content
        assert type_ == content_type

    effects = "-/resize/33x/"
    order = {"target": "demo", "what": "all", "effects": effects}
    answer = ask(installation, project, "/api/v1/bulk-jobs/", **order)
    assert answer.status_code == 201, answer.text
    wait_until(lambda: installation.count(copies) == 4, within=60, what="the job's copy")
    body, _, _ = in_bucket(installation, f"auto/{file_uuid}/noise.-resize_33x.png")
    assert body == served(installation, file_uuid, effects).content
