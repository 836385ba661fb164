"""Price files: the one that comes with this package, and an operator's own of the same form."""

import importlib.resources
import json
from pathlib import Path

from jupyter_terra_env.rules.autopause.prices import NO_PRICES, PriceTable, overridden
from jupyter_terra_env.rules.errors import SettingsError

BUILT_IN = "prices.json"


def built_in() -> PriceTable:
    """Return the table that comes with this package: ``prices.json`` beside this module."""
    text = (importlib.resources.files("jupyter_terra_env.environment") / BUILT_IN).read_text(encoding="utf-8")
    return overridden(NO_PRICES, json.loads(text), setting=BUILT_IN)


def read_prices(file: Path, *, setting: str) -> PriceTable:
    """Return the built-in prices, overridden by an operator's.

    Args:
        file: a JSON file in the form of ``prices.json``.
        setting: the setting that named it, for the error's text.

    Raises:
        SettingsError: it cannot be read, or is wrong.
    """
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{setting}: it cannot be read as JSON ({error}).") from error
    return overridden(built_in(), record, setting=setting)
