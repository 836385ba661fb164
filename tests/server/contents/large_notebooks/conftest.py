"""A server in which the size from which on notebooks count as large can be moved, and what it answers to the letter."""

import json
import re
import sys
from dataclasses import dataclass

import pytest
from tornado.httpclient import HTTPClientError
from workspace_kit import WORKSPACE

_RANDOM_ID = re.compile(rb'"id": "[0-9a-f]{8}"|"id": "[a-z]+-[a-z]+-[a-z]+"')


@dataclass(frozen=True)
class Letter:
    """An answer to the letter."""

    code: int
    headers: dict
    body: bytes

    @property
    def model(self):
        return json.loads(self.body)

    def without_random_ids(self):
        """Jupyter makes up ids for old notebooks; their length differs, and so does what is computed from it."""
        headers = {name: value for name, value in self.headers.items() if name not in {"Etag", "Content-Length"}}
        return Letter(self.code, headers, _RANDOM_ID.sub(b'"id": "?"', self.body))


@pytest.fixture
def letters(jp_fetch):
    """Ask for a notebook of the edit folder: ``await letters("GET", "a.ipynb", …)``."""

    async def ask(method, name, body=None, headers=None, **params):
        try:
            answer = await jp_fetch(
                *("api", "contents", WORKSPACE, "edit", name),
                method=method,
                body=body,
                params=params,
                headers=headers or {},
                allow_nonstandard_methods=True,
                request_timeout=60,
            )
        except HTTPClientError as error:
            answer = error.response
        kept = {name: value for name, value in answer.headers.get_all() if name not in {"Date", "Set-Cookie"}}
        return Letter(answer.code, kept, answer.body)

    return ask


class Sizes:
    """Which notebooks the server takes for large ones, and how many it had converted."""

    def __init__(self, manager):
        self.manager = manager
        self._usual = manager.large_bytes

    def all_are_small(self):
        self.manager.large_bytes = sys.maxsize

    def all_are_large(self):
        self.manager.large_bytes = 0

    def are_as_usual(self):
        self.manager.large_bytes = self._usual

    @property
    def converted(self):
        return self.manager.converter.converted


@pytest.fixture
def sizes(jp_serverapp):
    return Sizes(jp_serverapp.contents_manager)
