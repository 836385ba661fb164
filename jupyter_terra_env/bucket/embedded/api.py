"""The embedded bucket as one function: a request in, a response out."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from jupyter_terra_env.bucket.embedded import buckets, copies, downloads, listing, objects, resumable, uploads
from jupyter_terra_env.bucket.embedded.ambient import random_id, system_clock
from jupyter_terra_env.bucket.embedded.batches import batch
from jupyter_terra_env.bucket.embedded.database import Database
from jupyter_terra_env.bucket.embedded.errors import ApiError, not_offered
from jupyter_terra_env.bucket.embedded.messages import Request, Response, http_date
from jupyter_terra_env.bucket.embedded.routes import Call, route

DATABASE_NAME = "bucket.sqlite3"
"""The file in a data folder that embedded buckets live in."""

_HANDLERS: MappingProxyType[str, Callable[[Database, Call], Response]] = MappingProxyType(
    {
        "buckets.list": buckets.list_buckets,
        "buckets.insert": buckets.insert,
        "buckets.get": buckets.get,
        "buckets.patch": buckets.patch,
        "buckets.update": buckets.patch,
        "buckets.delete": buckets.delete,
        "buckets.testIamPermissions": buckets.test_iam_permissions,
        "objects.list": listing.list_objects,
        "objects.get": objects.get,
        "objects.download": downloads.download,
        "objects.patch": objects.change,
        "objects.update": objects.change,
        "objects.delete": objects.delete,
        "objects.rewrite": copies.copy,
        "objects.copy": copies.copy,
        "objects.move": copies.move,
        "objects.compose": copies.compose,
        "objects.restore": copies.restore,
        "objects.insert": uploads.insert,
        "objects.insert.start": resumable.start,
        "objects.insert.chunk": resumable.receive,
        "objects.insert.cancel": resumable.cancel,
        "xml.get": downloads.download,
    }
)


class EmbeddedBucket:
    """The GCS JSON API over one SQLite file. Safe to share between threads; processes each open their own."""

    def __init__(
        self,
        database: Path,
        *,
        clock: Callable[[], datetime] = system_clock,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        """Open the database, or create it.

        Args:
            database: The SQLite file; its folder is created, readable by its owner only.
            clock: Returns the present time, aware.
            new_id: Returns an unguessable id, for resumable uploads.

        Raises:
            DatabaseUnusableError: The file is of a newer schema, of another program, or no database.
            OSError: The file cannot be written.
        """
        self._database = Database(database, clock=clock, new_id=new_id)
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database. Requests still being answered finish on their own connections."""
        self._database.close()

    def handle(self, request: Request) -> Response:
        """Answer one request. What it changes is on the disk when this returns."""
        try:
            response = self._answer(request)
        except ApiError as refusal:
            response = refusal.response()
        except sqlite3.OperationalError as error:
            response = ApiError(503, "backendError", f"The database cannot answer: {error}").response()
        if request.method == "HEAD":
            response = response.without_body()
        return self.dated(response)

    def dated(self, response: Response) -> Response:
        """Return the answer with the bucket's time in its Date header."""
        return response.with_header("Date", http_date(self._clock()))

    def _answer(self, request: Request) -> Response:
        call = route(request)
        if call.operation == "batch":
            return batch(request, self.handle)
        handler = _HANDLERS.get(call.operation)
        if handler is None:
            raise not_offered(call.operation)
        return handler(self._database, call)
