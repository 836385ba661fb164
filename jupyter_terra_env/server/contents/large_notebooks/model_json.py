"""A model's JSON to the letter as the contents API's handlers write it, around values that are JSON already."""

import json
from collections.abc import Iterator
from typing import Any

from jupyter_client.jsonutil import json_default

from jupyter_terra_env.server.contents.large_notebooks.converter import JsonText


def json_pieces(model: dict[str, Any]) -> Iterator[memoryview]:
    """What ``json.dumps`` writes of a model in which some values are ``JsonText``."""
    between = "{"
    for key, value in model.items():
        yield memoryview(f"{between}{json.dumps(key)}: ".encode("ascii"))
        yield value.text if isinstance(value, JsonText) else memoryview(_dumped(value).encode("ascii"))
        between = ", "
    yield memoryview(b"}")


def json_around(model: dict[str, Any], key: str) -> tuple[str, str]:
    """What ``json.dumps`` writes of a model before and after one key's value."""
    keys = list(model)
    place = keys.index(key)
    before = "".join(f"{json.dumps(other)}: {_dumped(model[other])}, " for other in keys[:place])
    after = "".join(f", {json.dumps(other)}: {_dumped(model[other])}" for other in keys[place + 1 :])
    return f"{{{before}{json.dumps(key)}: ", f"{after}}}"


def _dumped(value: Any) -> str:
    return json.dumps(value, default=json_default)
