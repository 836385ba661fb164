"""JSON answers, trimmed to what the request asked for (GCS JSON API: "Partial response", `fields`)."""

import json
from typing import Any

from jupyter_terra_env.bucket.embedded.errors import invalid
from jupyter_terra_env.bucket.embedded.messages import Resource, Response
from jupyter_terra_env.bucket.embedded.routes import Call

_Selection = dict[str, "_Selection"]
"""Names to keep; an empty selection keeps everything below."""


def json_answer(call: Call, resource: Resource) -> Response:
    """Answer 200 with a resource, or with the part of it that `fields` selects.

    Raises:
        ApiError: 400 when `fields` cannot be read.
    """
    fields = call.query.get("fields")
    selected = _selected(resource, _parsed(fields)) if fields else resource
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    if isinstance(resource.get("etag"), str):
        headers["ETag"] = resource["etag"]
    return Response(status=200, headers=headers, body=json.dumps(selected).encode())


def no_content() -> Response:
    """Answer 204."""
    return Response(status=204)


def _parsed(fields: str) -> _Selection:
    """Read `items(name,metadata/a),nextPageToken`."""
    root: _Selection = {}
    open_groups: list[_Selection] = [root]
    current, word = root, ""
    for character in f"{fields},":
        if character not in "(),/":
            word += character
            continue
        if word:
            current = current.setdefault(word.strip(), {})
        word = ""
        match character:
            case "(":
                open_groups.append(current)
            case ")":
                current = _closed(open_groups, fields)
            case ",":
                current = open_groups[-1]
            case _:
                pass
    if len(open_groups) != 1:
        raise invalid(f"Invalid field selection {fields}")
    return root


def _closed(open_groups: list[_Selection], fields: str) -> _Selection:
    if len(open_groups) == 1:
        raise invalid(f"Invalid field selection {fields}")
    return open_groups.pop()


def _selected(value: Any, selection: _Selection) -> Any:
    if not selection or "*" in selection:
        return value
    if isinstance(value, list):
        return [_selected(item, selection) for item in value]
    if isinstance(value, dict):
        kept = {name: below for name, below in selection.items() if name in value}
        return {name: _selected(value[name], below) for name, below in kept.items()}
    return value
