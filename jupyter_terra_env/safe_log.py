"""Makes text safe for a log or a terminal: no secrets, and no characters that control the terminal."""

import logging
import os
import traceback
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from jupyter_terra_env.rules.shown_names import shown_lines

EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
_SHORTEST_SECRET = 8
_HIDDEN = "[hidden]"
_OTHERS = (
    "tornado.access",
    "tornado.application",
    "tornado.general",
    "asyncio",
    "urllib3.connectionpool",
    "py.warnings",
)
"""Logs of libraries that mention addresses or paths; a filter applies only to the log it was added to."""


class SafeLog(logging.Filter):
    """Rewrites log records.

    Args:
        secrets: texts that must never be in a log.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter.filter``; no record is dropped."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit: logging itself reports them
            return True
        record.msg, record.args = self.safe(message), None
        if record.exc_info and record.exc_info[0] is not None:
            # A formatter takes this instead of formatting the error itself.
            error = record.exc_text or "".join(traceback.format_exception(*record.exc_info))
            record.exc_text = self.safe(error.rstrip("\n"))
        return True

    def safe(self, text: str) -> str:
        """Return a text without the secrets and without control characters."""
        return shown_lines(without(self._secrets, text))


def without(secrets: tuple[str, ...], text: str) -> str:
    """Return a text with its secrets hidden."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def secrets_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets of the environment that an error of the bucket's client may quote: an emulator's token.

    Args:
        environ: environment variables.
    """
    emulator = environ.get(EMULATOR_VARIABLE, "")
    try:
        parts = urlsplit(emulator if "//" in emulator else f"//{emulator}")
        found = (*parts.path.split("/"), parts.password or "", parts.username or "")
    except ValueError:
        return ()
    return tuple(part for part in found if len(part) >= _SHORTEST_SECRET)


def keep_safe(log: logging.Logger | logging.LoggerAdapter[Any]) -> None:
    """Rewrite everything that goes to a process's log.

    Args:
        log: the process's own log; libraries log to its handlers, or to standard error if there are none.
    """
    own = log.logger if isinstance(log, logging.LoggerAdapter) else log
    safe = SafeLog(secrets_in(os.environ))
    filtered: list[logging.Filterer | None] = [own, *map(logging.getLogger, _OTHERS), *own.handlers]
    for each in (*filtered, *logging.getLogger().handlers, logging.lastResort):
        if each is not None:
            _replace(each, safe)


def _replace(filtered: logging.Filterer, safe: SafeLog) -> None:
    for former in [each for each in filtered.filters if isinstance(each, SafeLog)]:
        filtered.removeFilter(former)
    filtered.addFilter(safe)
