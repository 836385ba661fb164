"""The service's port, and its end: what is being answered is finished first."""

import ipaddress

from tornado import httpserver, netutil, web

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.server.preview_service.under_way import UnderWay

GRACE_SECONDS = 10.0
"""How long an end waits for answers that are under way."""
_IDLE_SECONDS = 120
_MOST_HEADER_BYTES = 32 << 10


class Listener:
    """Listens on a port.

    Args:
        ip: address to listen on.
        port: TCP port; 0 for any free one.

    Attributes:
        ip: as given.
        port: the port it listens on.
        is_loopback: whether only this machine can reach it.

    Raises:
        SettingsError: the address cannot be listened on.
    """

    def __init__(self, ip: str, port: int) -> None:
        self.ip = ip
        try:
            self.is_loopback = ip == "localhost" or ipaddress.ip_address(ip).is_loopback
            self._sockets = netutil.bind_sockets(port, ip)
        except (OSError, ValueError) as error:
            raise SettingsError(f"--ip, --port: cannot listen on {ip}, port {port}: {error}") from error
        self.port: int = self._sockets[0].getsockname()[1]
        self._server: httpserver.HTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"http://{host}:{self.port}"

    def start(self, application: web.Application) -> None:
        """Begin to answer."""
        self._server = httpserver.HTTPServer(
            application,
            max_body_size=0,
            max_header_size=_MOST_HEADER_BYTES,
            idle_connection_timeout=_IDLE_SECONDS,
            body_timeout=_IDLE_SECONDS,
        )
        self._server.add_sockets(self._sockets)

    async def close(self, under_way: UnderWay) -> None:
        """Accept no more, let answers finish, for some seconds, and end all connections.

        Args:
            under_way: what is being answered.
        """
        if self._server is None:
            for socket in self._sockets:
                socket.close()
            return
        self._server.stop()
        await under_way.end(GRACE_SECONDS)
        await self._server.close_all_connections()
