"""Checks of the caller: a page of another site is refused first, and only who may write takes a lock.

A request that only reads still opens: it takes an edit lock, brings a notebook to the disk, asks the bucket. So it
needs more than the cookie that a browser adds to every request of a foreign page.
"""

from typing import Any

from jupyter_server.base.call_context import CallContext
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async

from jupyter_terra_env.server.status_fields import STATUS_KEY

_OWN_SITES = {"same-origin", "none"}
"""``Sec-Fetch-Site`` (W3C Fetch Metadata): a page of this server, or a typed address. No page can set it."""


def refuse_foreign_pages(handler: JupyterHandler) -> None:
    """Let a request go on unless a page of another site had a browser send it with this person's cookie.

    Args:
        handler: the request's.

    Raises:
        HTTPError: 403.
    """
    if handler.request.headers.get("Sec-Fetch-Site") not in _OWN_SITES:
        handler.check_xsrf_cookie()


_DECIDED = "terra_env_may_write"


async def may_write(handler: Any) -> bool:
    """Whether the authorizer lets the caller write contents.

    Args:
        handler: the request's; None for the server itself.
    """
    if not isinstance(handler, JupyterHandler):
        return True
    decided: bool | None = getattr(handler, _DECIDED, None)
    if decided is None:
        # Once for each request: a listing reads many entries, and an authorizer may ask the network.
        decision = handler.authorizer.is_authorized(handler, handler.current_user, "write", "contents")
        decided = bool(await ensure_async(decision))
        setattr(handler, _DECIDED, decided)
    return decided


async def caller_may_write() -> bool:
    """As ``may_write``, for the request that is being answered."""
    return await may_write(CallContext.get(CallContext.JUPYTER_HANDLER))


def as_readers_see(model: dict[str, Any]) -> dict[str, Any]:
    """A contents model, or a status, for a client that may only read."""
    seen = {**model, "writable": False}
    if seen.get("type") == "directory" and isinstance(seen.get("content"), list):
        seen["content"] = [as_readers_see(entry) for entry in seen["content"]]
    if "writable" in seen.get(STATUS_KEY, {}):
        seen[STATUS_KEY] = {**seen[STATUS_KEY], "writable": False}
    return seen
