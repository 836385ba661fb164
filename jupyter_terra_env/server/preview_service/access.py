"""With whose credentials a reader's request asks the bucket."""

import re
from collections.abc import Collection, Mapping
from typing import Protocol
from urllib.parse import urlsplit

from jupyter_terra_env.bucket.store import BucketStore
from jupyter_terra_env.bucket.threaded import BucketThreads
from jupyter_terra_env.server.http_errors import Refusal

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]{1,8192}=*)", re.IGNORECASE)
"""RFC 6750; Google's access tokens have up to 2,048 bytes."""
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Access(Protocol):
    """Decides who may read, and with which credentials.

    Attributes:
        not_accepted: what a reader is answered if the bucket does not accept these credentials: a sentence.
        varies_by: the request header that the answer depends on; empty for none.
    """

    not_accepted: str
    varies_by: str

    def store(self, bucket: str, headers: Mapping[str, str]) -> BucketStore:
        """The bucket as this reader may use it.

        Args:
            bucket: bucket name without ``gs://``.
            headers: the request's.

        Raises:
            Refusal: the reader may not.
        """


class CallersToken:
    """Each reader's own Google token: the bucket decides. It is used for this reader's requests, and kept nowhere.

    Args:
        threads: make the requests.
        user_project: project to bill; None for none.
    """

    not_accepted = "The bucket did not accept your token: it is wrong or has expired. Sign in again."
    varies_by = "Authorization"

    def __init__(self, threads: BucketThreads, user_project: str | None) -> None:
        self._threads = threads
        self._user_project = user_project

    def store(self, bucket: str, headers: Mapping[str, str]) -> BucketStore:
        """See ``Access.store``."""
        found = _BEARER.fullmatch(headers.get("Authorization", "").strip())
        if found is None:
            raise Refusal(
                401,
                "Sign in: this service needs your Google access token, in the header 'Authorization: Bearer TOKEN'.",
                reason="no-token",
            )
        return self._threads.bucket(bucket, self._user_project, token=found[1])


class TrustedProxy:
    """The service's own credentials, for everyone whom a proxy in front has let through.

    A page of another site could have a browser on this machine resolve a name of its own to this address, and then read
    as if it were a page of this service. So the host that was asked for has to be one that is known.

    Args:
        threads: make the requests.
        user_project: project to bill; None for none.
        hosts: names of the hosts that the proxy passes on, in lower case; local names are always known.
    """

    not_accepted = "This service's own credentials are not accepted by the bucket: ask its operator."
    varies_by = ""

    def __init__(self, threads: BucketThreads, user_project: str | None, hosts: Collection[str]) -> None:
        self._threads = threads
        self._user_project = user_project
        self._hosts = _LOCAL_NAMES | set(hosts)

    def store(self, bucket: str, headers: Mapping[str, str]) -> BucketStore:
        """See ``Access.store``."""
        if _host_name(headers.get("Host", "")) not in self._hosts:
            raise Refusal(403, "This service is not known by this host name (--host names it).", reason="unknown-host")
        return self._threads.bucket(bucket, self._user_project)


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:  # brackets without an address
        return ""
