"""Listing objects (GCS JSON API: objects.list).

Names come in the order of their UTF-8 bytes. Items and prefixes both count towards a page, and a prefix is listed
once, on whichever page it comes up: the page token remembers it.
"""

import base64
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from jupyter_terra_env.bucket.embedded.buckets import required_bucket
from jupyter_terra_env.bucket.embedded.database import Database, Transaction
from jupyter_terra_env.bucket.embedded.errors import invalid
from jupyter_terra_env.bucket.embedded.messages import Resource, Response
from jupyter_terra_env.bucket.embedded.name_glob import NameGlob
from jupyter_terra_env.bucket.embedded.resources import object_resource
from jupyter_terra_env.bucket.embedded.responses import json_answer
from jupyter_terra_env.bucket.embedded.routes import Call
from jupyter_terra_env.bucket.embedded.stored_objects import SELECT, StoredObject, from_row

_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the listing: the first name and generation not yet looked at, and the prefix listed last."""

    name: str = ""
    generation: int = 0
    listed_prefix: str = ""

    def token(self) -> str:
        """Return the place as a page token."""
        text = json.dumps([self.name, self.generation, self.listed_prefix])
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def from_token(cls, token: str) -> Self:
        """Read a page token.

        Raises:
            ApiError: 400 when it is not one of ours.
        """
        try:
            name, generation, listed_prefix = json.loads(base64.urlsafe_b64decode(token))
            str(name).encode()
            return cls(str(name), int(generation) % 2**63, str(listed_prefix))
        except (ValueError, TypeError):
            raise invalid(f"Invalid page token: {token!r}.") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a listing asks for."""

    bucket: str
    prefix: str
    delimiter: str
    start: Position
    end_name: str
    page_size: int
    states: tuple[str, ...]
    glob: NameGlob | None
    with_trailing_delimiter: bool

    def group_of(self, name: str) -> str:
        """Return the prefix that stands for `name` in the answer, or nothing if it stands for itself."""
        if not self.delimiter:
            return ""
        end = name.find(self.delimiter, len(self.prefix))
        return name[: end + len(self.delimiter)] if end >= 0 else ""

    def wants(self, name_or_prefix: str) -> bool:
        """Return whether the glob, if any, lets this through."""
        return self.glob is None or self.glob.matches(name_or_prefix)


@dataclass(frozen=True, slots=True)
class Entry:
    """An item or a prefix of the listing, and where to go on after it."""

    found: StoredObject | str
    then: Position | None


def list_objects(database: Database, call: Call) -> Response:
    """Answer objects.list with one page."""
    question = _question(call)
    with database.read() as transaction:
        required_bucket(transaction, call)
        entries: list[Entry] = []
        more = False
        for entry in _entries(transaction, question):
            more = len(entries) == question.page_size
            if more:
                break
            entries.append(entry)
    return json_answer(call, _page(entries, call.request.base_url, more=more))


def _page(entries: list[Entry], base_url: str, *, more: bool) -> Resource:
    items = [object_resource(entry.found, base_url) for entry in entries if isinstance(entry.found, StoredObject)]
    prefixes = [entry.found for entry in entries if isinstance(entry.found, str)]
    page: Resource = {"kind": "storage#objects"}
    if items:
        page["items"] = items
    if prefixes:
        page["prefixes"] = prefixes
    if more and entries[-1].then:
        page["nextPageToken"] = entries[-1].then.token()
    return page


def _question(call: Call) -> Question:
    query = call.query
    if query.flag("versions") and query.flag("softDeleted"):
        raise invalid("versions and softDeleted cannot both be true.")
    states = ("soft-deleted",) if query.flag("softDeleted") else ("live",)
    prefix, glob, token = query.get("prefix") or "", query.get("matchGlob"), query.get("pageToken")
    first = max(prefix, query.get("startOffset") or "")
    resumed = Position.from_token(token) if token else Position()
    return Question(
        bucket=call.bucket,
        prefix=prefix,
        delimiter=query.get("delimiter") or "",
        start=resumed if resumed.name >= first else Position(first),
        end_name=query.get("endOffset") or "",
        page_size=min(query.integer("maxResults") or _LARGEST_PAGE, _LARGEST_PAGE),
        states=("live", "noncurrent") if query.flag("versions") else states,
        glob=NameGlob(glob) if glob else None,
        with_trailing_delimiter=query.flag("includeTrailingDelimiter"),
    )


def _entries(transaction: Transaction, question: Question) -> Iterator[Entry]:
    """Yield all that is left of the listing; a whole group is stepped over at once."""
    position: Position | None = question.start
    while position is not None:
        found = _next(transaction, question, position)
        if found is None:
            return
        group = question.group_of(found.name)
        here = Position(found.name, found.generation, group)
        if group and group != position.listed_prefix and question.wants(group):
            yield Entry(group, here)
        if not group or (question.with_trailing_delimiter and found.name == group):
            position = replace(here, generation=found.generation + 1)
            if question.wants(found.name):
                yield Entry(found, position)
        else:
            position = _after_all_with(group)


def _next(transaction: Transaction, question: Question, position: Position) -> StoredObject | None:
    row = transaction.one(
        f"{SELECT} WHERE bucket = ? AND (name, generation) >= (?, ?) AND state IN (?, ?)"
        " ORDER BY name, generation LIMIT 1",
        *(question.bucket, position.name, position.generation, question.states[0], question.states[-1]),
    )
    if row is None or not row["name"].startswith(question.prefix):
        return None
    return None if question.end_name and row["name"] >= question.end_name else from_row(row)


def _after_all_with(prefix: str) -> Position | None:
    """Return the place after every name that begins with `prefix`, or None if none can come after."""
    while prefix and ord(prefix[-1]) == sys.maxunicode:
        prefix = prefix[:-1]
    if not prefix:
        return None
    following = ord(prefix[-1]) + 1
    return Position(prefix[:-1] + chr(0xE000 if following == 0xD800 else following))
