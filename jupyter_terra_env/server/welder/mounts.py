"""Where Welder's API is reached: within Jupyter, with Jupyter's authentication, and on a port of its own, without any.

There is no login to a Welder: Leonardo's proxy has judged the caller, and it listens where only that proxy, kernels and
terminals reach it.
"""

import ipaddress
import json
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import httpserver, netutil, web

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.welder.api import MOST_BODY_BYTES, WelderApi
from jupyter_terra_env.server.welder.errors import Answer

WELDER_SETTING = "jupyter_terra_env_welder"
_OWN_SITES = frozenset({"none", "same-origin"})
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets without an address
        return ""


async def _answer(handler: web.RequestHandler, api: WelderApi, path: str) -> None:
    request = handler.request
    answer = await api.answer(str(request.method), path.strip("/"), request.body, dict(request.headers))
    _send(handler, answer)


def _send(handler: web.RequestHandler, answer: Answer) -> None:
    handler.set_status(answer.status)
    if answer.body is None:
        handler.clear_header("Content-Type")
        handler.finish()
        return
    handler.set_header("Content-Type", "application/json")
    handler.finish(json.dumps(answer.body))


class JupyterWelderHandler(APIHandler):
    """``BASE_URL/welder/…``: authenticated as Jupyter does, authorised as contents."""

    auth_resource = "contents"

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """Answer a call."""
        await _answer(self, self.settings[WELDER_SETTING], path)

    @web.authenticated
    @authorized
    async def post(self, path: str) -> None:
        """Answer a call."""
        await _answer(self, self.settings[WELDER_SETTING], path)

    @web.authenticated
    @authorized
    async def delete(self, path: str) -> None:
        """Answer a call."""
        await _answer(self, self.settings[WELDER_SETTING], path)


class LocalizeHandler(APIHandler):
    """``POST BASE_URL/api/localize``: how older pages bring files here (terra-docker: jupyter_localize_extension)."""

    auth_resource = "contents"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer 200 with an empty body once everything is on the disk; ``async`` changes nothing but the wait."""
        answer = await self.settings[WELDER_SETTING].localize_by_destination(self.request.body)
        _send(self, answer)


class PortHandler(web.RequestHandler):
    """The same calls on a port of their own.

    On a loopback address the Host header has to be a local name (a foreign name could be made to point here), and a
    request of another site's page is refused: bodies come as ``text/plain``, so any page could send them. Browsers name
    such requests in ``Sec-Fetch-Site`` (W3C Fetch Metadata). ``Origin`` does not count: proxies pass it on, and Welder
    ignores it. The proxy judges what it forwards; a page cannot set ``X-Forwarded-For`` without a preflight request.
    """

    def initialize(self, api: WelderApi, *, is_loopback: bool) -> None:
        """Take the parts."""
        self._api = api
        self._is_loopback = is_loopback

    def prepare(self) -> None:
        """Refuse a foreign host, and web pages of other sites."""
        if not self._is_loopback:
            return
        if _host_name(self.request.host) not in _LOCAL_NAMES:
            raise web.HTTPError(403, "This address is not one of this machine's own.")
        headers = self.request.headers
        if headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES and "X-Forwarded-For" not in headers:
            raise web.HTTPError(403, "Web pages of other sites may not use this address.")

    def check_xsrf_cookie(self) -> None:
        """Welder's API has no cookies to check."""

    async def get(self, path: str) -> None:
        """Answer a call."""
        await _answer(self, self._api, path)

    async def post(self, path: str) -> None:
        """Answer a call."""
        await _answer(self, self._api, path)

    async def delete(self, path: str) -> None:
        """Answer a call."""
        await _answer(self, self._api, path)

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ARG002 - as Tornado calls it
        """Answer an error as text without details."""
        self.set_header("Content-Type", "text/plain; charset=UTF-8")
        self.finish(f"{status_code}: {self._reason}")


class WelderPort:
    """A listener of its own for Welder's API.

    Args:
        port: TCP port; 0 for any free one.
        ip: address to listen on.

    Attributes:
        port: the port it listens on.

    Raises:
        SettingsError: the address cannot be listened on.
    """

    def __init__(self, port: int, ip: str) -> None:
        try:
            self._is_loopback = ip == "localhost" or ipaddress.ip_address(ip).is_loopback
            self._sockets = netutil.bind_sockets(port, ip)
        except (OSError, ValueError) as error:
            raise SettingsError(f"TerraEnvApp.welder_port: cannot listen on {ip}, port {port}: {error}") from error
        self.port: int = self._sockets[0].getsockname()[1]
        self._server: httpserver.HTTPServer | None = None

    def start(self, api: WelderApi) -> None:
        """Begin to answer."""
        options = {"api": api, "is_loopback": self._is_loopback}
        application = web.Application([(r"/(.*)", PortHandler, options)], log_function=lambda _: None)
        self._server = httpserver.HTTPServer(
            application, max_buffer_size=MOST_BODY_BYTES, idle_connection_timeout=120, body_timeout=60
        )
        self._server.add_sockets(self._sockets)

    async def close(self) -> None:
        """Stop listening, and end the connections there are."""
        if self._server is None:
            for socket in self._sockets:
                socket.close()
            return
        self._server.stop()
        await self._server.close_all_connections()


WELDER_HANDLERS = [(r"/welder/(.*)", JupyterWelderHandler), (r"/api/localize", LocalizeHandler)]
