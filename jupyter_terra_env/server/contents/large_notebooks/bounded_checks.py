"""The check of a notebook against its schema, given up when it takes too long: the notebook is then shown unchecked.

Some content makes the check take time that grows with the square of its size. What was not checked counts as invalid,
and Jupyter shows an invalid notebook with a message. Only for child processes: it uses the process's interval timer.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import nbformat

CHECK_SECONDS = 3.0
"""Processor time of one check."""
_AGAIN_SECONDS = 0.1
"""Some code goes on after any error: it is interrupted again."""


class NotCheckedError(nbformat.ValidationError):
    """The check took too long."""


def bound_checks() -> None:
    """From here on, each check of this process that takes too long raises ``NotCheckedError``."""
    nbformat.validate = _bounded(nbformat.validate)


def _bounded(validate: Callable[..., None]) -> Callable[..., None]:
    @wraps(validate)
    def bounded(*args: Any, **kwargs: Any) -> None:
        with _interrupted():
            validate(*args, **kwargs)

    return bounded


@contextlib.contextmanager
def _interrupted() -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, _interrupt)
    signal.setitimer(signal.ITIMER_PROF, CHECK_SECONDS, _AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def _interrupt(*_: object) -> None:
    raise NotCheckedError(
        f"It could not be compared with the schema of notebooks within {CHECK_SECONDS:.0f} seconds, "
        "because of its unusual structure (metadata.tags, for example). It is shown unchecked."
    )
