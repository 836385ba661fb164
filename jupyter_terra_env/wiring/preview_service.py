"""Builds the service that shows previews without a Jupyter Server, and runs it."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_terra_env.bucket.clock import BucketClock, machine_clock
from jupyter_terra_env.bucket.connection import EMBEDDED_BUCKET_VARIABLE, Connection
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.notebooks.untrusted.cage import Cage
from jupyter_terra_env.rules.addresses import require_safe_address
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.open_links import OpenLinks
from jupyter_terra_env.safe_log import EMULATOR_VARIABLE
from jupyter_terra_env.server.preview_headers import OWN_FRAMES, policy_for
from jupyter_terra_env.server.preview_service.access import Access, CallersToken, TrustedProxy
from jupyter_terra_env.server.preview_service.handlers import Parts, application
from jupyter_terra_env.server.preview_service.listener import Listener
from jupyter_terra_env.server.preview_service.rendered_pages import RenderedPages
from jupyter_terra_env.server.preview_service.under_way import UnderWay

REQUESTS_AT_ONCE = 16
"""Of a kind: readers wait for one short request each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPlan:
    """What is to be run.

    Attributes:
        buckets: names of the buckets that may be read.
        ip: address to listen on.
        port: TCP port; 0 for any free one.
        user_project: project to bill for requester-pays buckets; None for none.
        hosts: names of the hosts that a trusted proxy passes on; None if each reader brings a token instead.
        frames: the ``frame-ancestors`` directive: which pages may show a preview in a frame.
        origins: of pages whose scripts may read previews with a token, such as ``https://app.example.org``.
        links: make the links to open a notebook; None for none.
        cache_bytes: the size of all pages that are kept.
        log: the service's log.
    """

    buckets: frozenset[str]
    ip: str
    port: int
    user_project: str | None = None
    hosts: frozenset[str] | None = None
    frames: str = OWN_FRAMES
    origins: frozenset[str] = frozenset()
    links: OpenLinks | None = None
    cache_bytes: int
    log: logging.Logger


async def serve(plan: PreviewPlan, *, stop: asyncio.Event, on_start: Callable[[Listener], None]) -> None:
    """Serve until it is to stop.

    Args:
        plan: what is to be run.
        stop: set when it is to stop.
        on_start: called once it listens.

    Raises:
        SettingsError: it cannot listen there; an embedded bucket is to check tokens, of which it knows none; or tokens
            would go to an emulator unencrypted.
    """
    connection = _connection(plan)
    listener = Listener(plan.ip, plan.port)
    clock = BucketClock(local_ms=machine_clock(), log=plan.log)
    threads = BucketThreads(connection, monotonic=time.monotonic, clock=clock)
    cage = Cage(plan.log)
    pages = RenderedPages(cage, most_bytes=plan.cache_bytes)
    under_way = UnderWay()
    parts = Parts(
        buckets=plan.buckets,
        access=_access(plan, threads),
        pages=pages,
        links=plan.links,
        policy=policy_for(plan.frames, leaves_frames=plan.links is not None),
        now_ms=clock.now_ms,
        under_way=under_way,
        log=plan.log,
    )
    listener.start(application(parts, origins=plan.origins))
    try:
        on_start(listener)
        await stop.wait()
    finally:
        await listener.close(under_way)
        await pages.close()
        await cage.close()
        threads.close()


def _access(plan: PreviewPlan, threads: BucketThreads) -> Access:
    if plan.hosts is None:
        return CallersToken(threads, plan.user_project)
    return TrustedProxy(threads, plan.user_project, plan.hosts)


def _connection(plan: PreviewPlan) -> Connection:
    embedded = os.environ.get(EMBEDDED_BUCKET_VARIABLE, "")
    if embedded and plan.hosts is None:
        raise SettingsError(
            f"{EMBEDDED_BUCKET_VARIABLE}: an embedded bucket in a folder cannot check tokens: add --trust-proxy."
        )
    emulator = os.environ.get(EMULATOR_VARIABLE, "")
    if emulator and plan.hosts is None:
        require_safe_address(EMULATOR_VARIABLE, emulator if "//" in emulator else f"http://{emulator}")
    connection = Connection(concurrency=REQUESTS_AT_ONCE)
    return replace(connection, embedded_directory=Path(embedded).expanduser()) if embedded else connection
