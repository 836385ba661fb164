"""Tokens of this machine's service account, for services that are not Cloud Storage."""

import asyncio
import threading
from typing import Any

import google.auth
import google.auth.exceptions
from google.auth.transport.requests import Request

# Leonardo only checks who calls: a token with these scopes gives access to no bucket and no machine.
_SCOPES = (
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
)


class AccessTokens:
    """Gets tokens, and caches each until it expires."""

    def __init__(self) -> None:
        self._credentials: Any = None
        # Google's credentials are not thread-safe.
        self._guard = threading.Lock()

    async def token(self, *, refresh: bool = False) -> str:
        """Return a token.

        Args:
            refresh: whether the cached token was refused.

        Raises:
            ConnectionError: none can be obtained now.
        """
        return await asyncio.to_thread(self._token, refresh=refresh)

    def _token(self, *, refresh: bool) -> str:
        try:
            with self._guard:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=_SCOPES)
                if refresh or not self._credentials.valid:
                    self._credentials.refresh(Request())
                return str(self._credentials.token)
        except google.auth.exceptions.GoogleAuthError as error:
            raise ConnectionError(f"There is no access token ({type(error).__name__}).") from error
