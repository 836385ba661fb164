"""Buckets in the data folder of the embedded bucket: made by a command, or when the folder is first used."""

import json
from collections.abc import Iterable

from jupyter_terra_env.bucket.embedded.api import EmbeddedBucket
from jupyter_terra_env.bucket.embedded.messages import Request, Response


def make_bucket(engine: EmbeddedBucket, name: str) -> bool:
    """Make a bucket.

    Args:
        engine: the open data folder.
        name: bucket name without ``gs://``.

    Returns:
        False when there is one of this name already.

    Raises:
        OSError: it cannot be made.
    """
    response = _ask(engine, "POST", {"name": name})
    if response.status not in {200, 409}:
        raise OSError(f"the embedded bucket answered {response.status}: {response.body.decode(errors='replace')}")
    return response.status == 200


def make_first_buckets(engine: EmbeddedBucket, names: Iterable[str]) -> None:
    """Make buckets where there are none at all: in a folder that holds others, a new name is likelier an error.

    Raises:
        OSError: one cannot be made.
    """
    if not json.loads(_ask(engine, "GET").body).get("items"):
        for name in names:
            make_bucket(engine, name)


def _ask(engine: EmbeddedBucket, method: str, body: dict[str, str] | None = None) -> Response:
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    return engine.handle(Request(method=method, target="/storage/v1/b?project=embedded", headers=headers, body=content))
