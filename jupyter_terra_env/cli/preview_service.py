"""`jupyter terra-env preview --serve`: from the command's line to the running service."""

import argparse
import asyncio
import logging
import os
import re
import signal
import sys

from jupyter_terra_env.cli.output import complain, say, say_json
from jupyter_terra_env.rules.bucket_names import broken_rule, bucket_name
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.open_links import OpenLinks
from jupyter_terra_env.safe_log import keep_safe
from jupyter_terra_env.server.preview_headers import OWN_FRAMES, checked_frames
from jupyter_terra_env.server.preview_service.listener import Listener
from jupyter_terra_env.wiring.preview_service import PreviewPlan
from jupyter_terra_env.wiring.preview_service import serve as run_service

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?")
_LOOPBACK = "127.0.0.1"
_CACHE_MB = 64
_PLAIN = (
    "warning: {} is reached from other machines, and this service speaks plain HTTP: put a proxy with TLS in front, or "
    "readers' tokens and notebooks travel unencrypted."
)
_TRUSTING = "warning: --trust-proxy: everyone who reaches {} reads with the credentials of this service."


def serve(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0, when it has ended on request.

    Raises:
        SettingsError: an argument is wrong or missing, or the address cannot be listened on.
    """
    plan = _plan(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    keep_safe(plan.log)
    asyncio.run(_until_signal(plan, as_json=arguments.json))
    return 0


def _plan(arguments: argparse.Namespace) -> PreviewPlan:
    if not arguments.bucket:
        raise SettingsError("--serve needs --bucket BUCKET: only buckets that are named may be read.")
    if arguments.host and not arguments.trust_proxy:
        raise SettingsError("--host goes with --trust-proxy.")
    return PreviewPlan(
        buckets=frozenset(_bucket(text) for text in arguments.bucket),
        ip=arguments.ip or _LOOPBACK,
        port=arguments.port or 0,
        user_project=arguments.user_project,
        hosts=frozenset(_host(text) for text in arguments.host or ()) if arguments.trust_proxy else None,
        frames=checked_frames("--frame-ancestors", arguments.frame_ancestors)
        if arguments.frame_ancestors is not None
        else OWN_FRAMES,
        origins=frozenset(_origin(text) for text in arguments.allow_origin or ()),
        links=None if arguments.open_url is None else OpenLinks("--open-url", arguments.open_url),
        cache_bytes=(arguments.cache_mb or _CACHE_MB) << 20,
        log=logging.getLogger("jupyter_terra_env.previews"),
    )


async def _until_signal(plan: PreviewPlan, *, as_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def on_start(listener: Listener) -> None:
        if plan.hosts is not None:
            complain(_TRUSTING.format(listener.url))
        if not listener.is_loopback:
            complain(_PLAIN.format(listener.url))
        if as_json:
            start = {"url": listener.url, "port": listener.port, "pid": os.getpid()}
            say_json({**start, "buckets": sorted(plan.buckets), "trusts_proxy": plan.hosts is not None}, indent=None)
        else:
            say(f"Previews of {', '.join(sorted(plan.buckets))}: {listener.url}/preview/BUCKET/OBJECT (Ctrl-C ends)")

    await run_service(plan, stop=stop, on_start=on_start)


def _bucket(text: str) -> str:
    rule = broken_rule(text)
    if rule is not None:
        raise SettingsError(f"--bucket: expected gs://BUCKET or BUCKET, got {text!r}: {rule}.")
    return bucket_name(text)


def _host(text: str) -> str:
    name = text.lower()
    if not _HOST.fullmatch(name):
        raise SettingsError(f"--host: expected a host name such as previews.example.org, got {text!r}.")
    return name


def _origin(text: str) -> str:
    origin = text.lower()
    if not _ORIGIN.fullmatch(origin):
        raise SettingsError(f"--allow-origin: expected a site such as https://app.example.org, got {text!r}.")
    return origin
