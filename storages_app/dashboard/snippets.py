"""What a program sends, in the languages that people use, with the project's own names in it."""

from dataclasses import dataclass

from django.conf import settings

from storages_app.models import Project


@dataclass(frozen=True)
class Text:
    title: str
    text: str


@dataclass(frozen=True)
class Tab:
    """As templates/dashboard/_grant.html shows it."""

    id: str
    title: str
    texts: tuple[Text, ...]


@dataclass(frozen=True)
class Snippets:
    tabs: tuple[Tab, ...]


_CURL_UPLOAD = """\
curl -F UPLOADCARE_PUB_KEY={public_key} \\
     -F UPLOADCARE_STORE=auto \\
     -F file=@photo.jpg \\
     {upload_url}/base/"""
_CURL_LIST = """\
curl -H "Accept: application/vnd.uploadcare-v0.7+json" \\
     -H "Authorization: Uploadcare.Simple {public_key}:YOUR_SECRET_KEY" \\
     {api_url}/files/"""
_PYTHON = """\
from pyuploadcare import Uploadcare

uploadcare = Uploadcare(
    public_key="{public_key}",
    secret_key="YOUR_SECRET_KEY",
    api_base="{api_url}/",
    upload_base="{upload_url}/",
    cdn_base="{cdn_url}/",
)
with open("photo.jpg", "rb") as photo:
    file = uploadcare.upload(photo)
for file in uploadcare.list_files(limit=10):
    print(file.uuid)"""
_JAVASCRIPT_UPLOAD = """\
import {{ uploadFile }} from "@uploadcare/upload-client";

const file = await uploadFile(data, {{
  publicKey: "{public_key}",
  baseURL: "{upload_url}",
  baseCDN: "{cdn_url}",
}});"""
_JAVASCRIPT_LIST = """\
import {{ listOfFiles, UploadcareAuthSchema }} from "@uploadcare/rest-client";

const authSchema = new UploadcareAuthSchema({{
  publicKey: "{public_key}",
  secretKey: "YOUR_SECRET_KEY",
}});
const page = await listOfFiles({{}}, {{ apiBaseURL: "{api_url}", authSchema }});"""
_PHP_UPLOAD = """\
$request = curl_init("{upload_url}/base/");
curl_setopt_array($request, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_POSTFIELDS => [
        "UPLOADCARE_PUB_KEY" => "{public_key}",
        "UPLOADCARE_STORE" => "auto",
        "file" => new CURLFile("photo.jpg"),
    ],
]);
$uuid = json_decode(curl_exec($request))->file;"""
_PHP_LIST = """\
$request = curl_init("{api_url}/files/");
curl_setopt_array($request, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => [
        "Accept: application/vnd.uploadcare-v0.7+json",
        "Authorization: Uploadcare.Simple {public_key}:YOUR_SECRET_KEY",
    ],
]);
$files = json_decode(curl_exec($request))->results;"""
_HTML = """\
<uc-config ctx-name="uploads" pubkey="{public_key}"
  base-url="{upload_url}" cdn-cname="{cdn_url}"
  source-list="local, url, camera" quality-insights="false"
  use-cloud-image-editor="false"></uc-config>
<uc-file-uploader-regular ctx-name="uploads"></uc-file-uploader-regular>"""

_UPLOAD, _LIST = "Upload a file", "List files, on your server"
_TABS = (
    ("curl", "curl", ((_UPLOAD, _CURL_UPLOAD), (_LIST, _CURL_LIST))),
    ("python", "Python", (("Upload and list, with pyuploadcare", _PYTHON),)),
    ("javascript", "JavaScript", ((_UPLOAD, _JAVASCRIPT_UPLOAD), (_LIST, _JAVASCRIPT_LIST))),
    ("php", "PHP", ((_UPLOAD, _PHP_UPLOAD), (_LIST, _PHP_LIST))),
    ("html", "HTML widget", (("The uploader, with @uploadcare/file-uploader", _HTML),)),
)


def snippets_of(project: Project) -> Snippets:
    """With the public key; in place of a secret stands YOUR_SECRET_KEY."""
    names = {
        "public_key": project.public_key,
        "api_url": settings.API_URL,
        "upload_url": settings.UPLOAD_URL,
        "cdn_url": settings.CDN_URL,
    }
    return Snippets(
        tuple(
            Tab(slug, title, tuple(Text(what, text.format(**names)) for what, text in texts))
            for slug, title, texts in _TABS
        )
    )
