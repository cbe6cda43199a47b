"""What the addresses of the APIs are about: the order in which people read the documentation."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Area:
    """Addresses that begin alike; the first area that takes an address has it."""

    name: str
    about: str
    begins: tuple[str, ...]


AREAS = (
    Area(
        "Upload",
        "Files come in. Uploadcare's Upload API: a public key is enough.",
        ("/base/", "/from_url/", "/multipart/", "/info/", "/group/"),
    ),
    Area(
        "Copies",
        "From this instance into a bucket: one file, or many as one job.",
        (
            *("/files/remote_copy/", "/files/local_copy/"),
            *("/api/v1/jobs/", "/api/v1/bulk-jobs/"),
        ),
    ),
    Area("Files", "Files as Uploadcare's REST API knows them.", ("/files/",)),
    Area("Groups", "Files that belong together.", ("/groups/",)),
    Area("Webhooks", "What your server is told.", ("/webhooks/", "/api/v1/webhooks/")),
    Area(
        "Custom storages",
        "Your own buckets: connect one, test it, compare what is in it.",
        ("/api/v1/custom_storages/",),
    ),
    Area("Backup", "All stored files in a bucket, verified.", ("/api/v1/backup/",)),
    Area("Restore", "Back from a backup, or a drill.", ("/api/v1/restores/",)),
    Area(
        "Project", "What a project is, and what was done in it.", ("/project/", "/api/v1/events/")
    ),
    Area(
        "Not available here",
        "Official clients call these; the answer is that of a project without the feature.",
        ("/convert/", "/addons/"),
    ),
)


class NoArea(LookupError):
    """A new address: name it in one of the areas."""


_FIRST_SENTENCE = re.compile(r"(.+?[.:;]) ")
_LONGEST = 90


def name_areas(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """A hook of drf-spectacular: the area of each operation, and what it does in a line.

    Its id is written as Uploadcare writes those of its APIs; Swagger UI takes `_` for a space.
    """
    for path, operations in result["paths"].items():
        area = _area_of(path)
        for operation in operations.values():
            operation["tags"] = [area.name]
            operation["operationId"] = _in_camel_case(operation["operationId"])
            operation.setdefault("summary", _in_a_line(operation.get("description", "")))
    result["tags"] = [{"name": area.name, "description": area.about} for area in AREAS]
    return result


def _area_of(path: str) -> Area:
    for area in AREAS:
        if path.startswith(area.begins):
            return area
    raise NoArea(path)


def operations_of(described: dict[str, Any]) -> list[dict[str, Any]]:
    """The areas of a description with their operations, as the page lists them.

    `anchor` is where Swagger UI shows an operation.
    """
    listed: dict[str, list[dict[str, str]]] = {area.name: [] for area in AREAS}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            (name,) = operation["tags"]
            listed[name].append(
                {
                    "path": path,
                    "method": method.upper(),
                    "summary": operation["summary"],
                    "anchor": f"/{quote(name)}/{operation['operationId']}",
                }
            )
    return [
        {"name": area.name, "about": area.about, "operations": listed[area.name]} for area in AREAS
    ]


def _in_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _in_a_line(description: str) -> str:
    """Without backticks: neither a list nor Swagger UI makes code of them in a line."""
    first = " ".join(description.split("\n\n", maxsplit=1)[0].split()).replace("`", "")
    if len(first) > _LONGEST and (sentence := _FIRST_SENTENCE.match(first)):
        return sentence[1].rstrip(":;")
    return first
