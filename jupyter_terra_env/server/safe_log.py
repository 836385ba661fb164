"""What reaches the log: no secret, and no character by which a name could steer the terminal that shows it."""

import logging
import os
import traceback
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tornado.log import access_log, app_log, gen_log

from jupyter_terra_env.rules.shown_names import shown_lines

EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
_SHORTEST_SECRET = 8
_HIDDEN = "[hidden]"


class SafeLog(logging.Filter):
    """Rewrites what is logged.

    Args:
        secrets: texts that never may be in a log.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """See ``logging.Filter.filter``: nothing is left out."""
        record.msg, record.args = self.safe(record.getMessage()), None
        if record.exc_info and record.exc_info[0] is not None:
            # A formatter takes this instead of formatting the error itself.
            record.exc_text = self.safe("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
        return True

    def safe(self, text: str) -> str:
        """A text without the secrets and without such characters."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return shown_lines(text)


def secrets_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets that the environment holds and an error of the bucket's client may quote: an emulator's token.

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
    """Have everything that goes to a server's log rewritten.

    Args:
        log: the server's; Jupyter makes tornado's logs its children.
    """
    own = log.logger if isinstance(log, logging.LoggerAdapter) else log
    safe = SafeLog(secrets_in(os.environ))
    for logger in (own, app_log, access_log, gen_log):
        if isinstance(logger, logging.Logger):
            for former in [each for each in logger.filters if isinstance(each, SafeLog)]:
                logger.removeFilter(former)
            logger.addFilter(safe)
