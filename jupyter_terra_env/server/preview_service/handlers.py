"""What the service answers: a page for one notebook, and whether it is alive."""

import hashlib
import json
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import version as version_of
from typing import Any

from tornado import web
from tornado.iostream import StreamClosedError

from jupyter_terra_env._version import __version__
from jupyter_terra_env.bucket.store import BucketStore, ObjectVersion
from jupyter_terra_env.notebooks.preview.banner import Banner
from jupyter_terra_env.notebooks.preview.content import version_to_show
from jupyter_terra_env.notebooks.preview.pages import Page
from jupyter_terra_env.notebooks.storage.object_versions import Rounds
from jupyter_terra_env.rules.errors import (
    BucketError,
    BucketTrouble,
    ObjectNotFound,
    OperationRefused,
    PreconditionFailed,
    RefusalReason,
)
from jupyter_terra_env.rules.object_addresses import ObjectAddress, why_no_object
from jupyter_terra_env.rules.open_links import OpenLinks
from jupyter_terra_env.server.abandoned_work import AbandonsWork
from jupyter_terra_env.server.http_errors import Refusal, as_http_errors
from jupyter_terra_env.server.preview_headers import preview_headers
from jupyter_terra_env.server.preview_service.access import Access
from jupyter_terra_env.server.preview_service.rendered_pages import RenderedPages
from jupyter_terra_env.server.preview_service.under_way import UnderWay

_SENT_AT_ONCE_BYTES = 256 << 10
_RETRY_SECONDS = 30
_RENDERED_BY = f"{__version__} {version_of('nbconvert')} {version_of('nh3')}"
"""The page of a version is another one with other versions of these."""
_OPERATORS = {
    BucketTrouble.REQUESTER_PAYS: "The bucket {} is requester-pays: ask this service's operator for --user-project.",
    BucketTrouble.USER_PROJECT: "The project to bill for {} was not accepted: ask the operator of this service.",
    BucketTrouble.BUCKET_NOT_FOUND: "The bucket {} does not exist: ask the operator of this service.",
}
"""What a reader can do about causes whose usual sentence names settings of a Jupyter server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the handlers use.

    Attributes:
        buckets: names of the buckets that may be read.
        access: decides who may read.
        pages: renders and keeps pages.
        links: make the links to open a notebook; None for none.
        policy: the pages' ``Content-Security-Policy``.
        now_ms: the buckets' time, epoch milliseconds.
        under_way: counts what is being answered.
        log: the service's log. Names of notebooks, tokens and addresses of people stay out of it.
    """

    buckets: Collection[str]
    access: Access
    pages: RenderedPages
    links: OpenLinks | None
    policy: str
    now_ms: Callable[[], int]
    under_way: UnderWay
    log: logging.Logger


class _Handler(web.RequestHandler):
    """Errors are one sentence of plain text."""

    def initialize(self, parts: Parts) -> None:
        """Take the parts."""
        self.parts = parts

    def set_default_headers(self) -> None:
        """Set what every answer has."""
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        if self.is_of_allowed_page:
            self.set_header("Access-Control-Allow-Origin", self.request.headers["Origin"])
            self.set_header("Access-Control-Expose-Headers", "ETag")

    @property
    def is_of_allowed_page(self) -> bool:
        """Whether a page asks whose scripts may read what is answered (Fetch Standard: CORS protocol)."""
        return self.request.headers.get("Origin", "") in self.settings["preview_origins"]

    def compute_etag(self) -> str | None:
        """None: pages have one of their own, which needs no page."""
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error as a sentence."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        sentence = str(error.log_message) if isinstance(error, Refusal) else f"{self._reason}."
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="previews"')
        if status_code == 503:
            self.set_header("Retry-After", str(_RETRY_SECONDS))
        self.finish(f"{sentence}\n")

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        """Log what is not an answer, without the request, whose address and headers are its sender's own affair."""
        # A reader may leave at any time.
        if not isinstance(value, web.HTTPError | StreamClosedError):
            self.parts.log.error("A request failed.", exc_info=(kind, value, trace))


class HealthHandler(_Handler):
    """``GET /health``: whether the service is alive. It asks no bucket."""

    async def get(self) -> None:
        """Answer."""
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps({"status": "ok", "version": __version__}))

    head = get


class UnknownHandler(_Handler):
    """Everything else."""

    def prepare(self) -> None:
        """Answer 404."""
        raise Refusal(404, "There is only /preview/BUCKET/OBJECT and /health here.", reason="not-found")


class PreviewHandler(AbandonsWork, _Handler):
    """``GET /preview/BUCKET/OBJECT``."""

    async def get(self, bucket: str, object_name: str) -> None:
        """Answer an HTML page, or 304."""
        # First of all: only those who may read learn anything else.
        store = self.parts.access.store(bucket, self.request.headers)
        if bucket not in self.parts.buckets:
            raise Refusal(404, "This service shows nothing of this bucket.", reason="unknown-bucket")
        why = why_no_object(object_name)
        if why is not None:
            raise Refusal(404, f"There is no such notebook: {why}.", reason="not-found")
        address = ObjectAddress(bucket=bucket, object_name=object_name)
        with self.parts.under_way:
            await self.while_connected(self._answer(address, store))

    head = get

    async def options(self, *_: str) -> None:
        """Let a page that may read send a token; others get what any other method gets."""
        if not self.is_of_allowed_page:
            raise web.HTTPError(405)
        self.set_header("Access-Control-Allow-Methods", "GET, HEAD")
        self.set_header("Access-Control-Allow-Headers", "Authorization, If-None-Match")
        self.set_header("Access-Control-Max-Age", "600")
        self.set_status(204)

    async def _answer(self, address: ObjectAddress, store: BucketStore) -> None:
        with as_http_errors(str(address)):
            try:
                rounds = Rounds(address)
                while not await self._answer_newest(address, store):
                    rounds.begin()
            except BucketError as error:
                refusal = self._refusal(error)
                if refusal is None:
                    raise
                raise refusal from error

    async def _answer_newest(self, address: ObjectAddress, store: BucketStore) -> bool:
        """Answer with the newest version; False if it was replaced while it was looked at."""
        version = await version_to_show(store, address, name=str(address))
        banner = self._banner(address, version)
        self._set_headers(_tag(address, version, banner))
        if self.check_etag_header():
            self.set_status(304)
            await self.finish()
            return True
        try:
            page = await self.parts.pages.page(address, version, store)
        except (ObjectNotFound, PreconditionFailed):
            return False
        if page is None:
            raise OperationRefused(RefusalReason.NO_PREVIEW, f"{address} is not a notebook that can be shown.")
        await self._send(page, banner)
        return True

    def _banner(self, address: ObjectAddress, version: ObjectVersion) -> str:
        links = None if self.parts.links is None else self.parts.links.of(address)
        return Banner.of(version, now_ms=self.parts.now_ms(), links=links).markup()

    def _set_headers(self, tag: str) -> None:
        for name, value in preview_headers(self.parts.policy).items():
            self.set_header(name, value)
        # A browser may keep the page, but has to ask each time: permission may have been withdrawn.
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("Etag", f'"{tag}"')
        varies_by = [self.parts.access.varies_by, "Origin" if self.settings["preview_origins"] else ""]
        if any(varies_by):
            self.set_header("Vary", ", ".join(filter(None, varies_by)))

    async def _send(self, page: Page, banner: str) -> None:
        pieces = page.with_banner(banner)
        if not page.is_lasting:
            self.set_status(503)
            self.set_header("Retry-After", str(_RETRY_SECONDS))
            self.set_header("Cache-Control", "no-store")
            self.clear_header("Etag")
        self.set_header("Content-Length", str(sum(map(len, pieces))))
        if self.request.method != "HEAD":
            for piece in pieces:
                for start in range(0, len(piece), _SENT_AT_ONCE_BYTES):
                    self.write(bytes(piece[start : start + _SENT_AT_ONCE_BYTES]))
                    await self.flush()
        await self.finish()

    def _refusal(self, error: BucketError) -> Refusal | None:
        """The answer to a reader for an error whose usual sentence is for the owner of a Jupyter server."""
        if error.trouble is BucketTrouble.NO_CREDENTIALS:
            return Refusal(403, self.parts.access.not_accepted, reason=error.trouble.value)
        if error.trouble in _OPERATORS:
            return Refusal(403, _OPERATORS[error.trouble].format(error.bucket), reason=error.trouble.value)
        return None


def application(parts: Parts, *, origins: Collection[str]) -> web.Application:
    """The service's routes.

    Args:
        parts: what its handlers use.
        origins: of pages whose scripts may read the answers.
    """

    def log_request(handler: web.RequestHandler) -> None:
        """Log an answer: no name, no query, no header of the request."""
        kind = type(handler).__name__.removesuffix("Handler").lower()
        took_ms = handler.request.request_time() * 1000
        parts.log.info("%s %s: %d in %d ms", handler.request.method, kind, handler.get_status(), took_ms)

    options = {"parts": parts}
    routes = [
        (r"/health", HealthHandler, options),
        (r"/preview/([^/]+)/(.+)", PreviewHandler, options),
        (r"/.*", UnknownHandler, options),
    ]
    return web.Application(routes, log_function=log_request, preview_origins=frozenset(origins))


def _tag(address: ObjectAddress, version: ObjectVersion, banner: str) -> str:
    """What a page is known by: the notebook's version, what is said above it, and what renders it."""
    parts = (address.bucket, address.object_name, str(version.generation), banner, _RENDERED_BY)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
