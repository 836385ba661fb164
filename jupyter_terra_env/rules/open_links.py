"""The links of a preview that open the notebook for work, made from the operator's template."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from jupyter_terra_env.rules.addresses import is_plain_address
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.object_addresses import ObjectAddress
from jupyter_terra_env.rules.workspace import Mode

_LABELS = {Mode.EDIT: "Open in Edit", Mode.PLAYGROUND: "Open in Playground"}
_FIELD = re.compile(r"\{([^{}]*)\}")
_HOST_WITH_FIELD = re.compile(r"https?://[^/?#]*\{")
_FIELDS = ("bucket", "object", "name", "mode")


class OpenLinks:
    """Makes the links.

    Args:
        setting: what errors call the template.
        template: an address with ``{mode}`` (``edit`` or ``playground``), and ``{object}`` (the object's name) or
            ``{name}`` (its last component), optionally ``{bucket}``.

    Raises:
        SettingsError: the template is no such address.
    """

    def __init__(self, setting: str, template: str) -> None:
        fields = _FIELD.findall(template)
        unknown = [field for field in fields if field not in _FIELDS]
        if unknown:
            known = ", ".join(f"{{{field}}}" for field in _FIELDS)
            raise SettingsError(f"{setting}: {{{unknown[0]}}} is unknown; known are {known}.")
        if "mode" not in fields or {"object", "name"}.isdisjoint(fields):
            raise SettingsError(f"{setting}: it needs {{mode}}, and {{object}} or {{name}}.")
        # Pages of Terra are named in the fragment, which is no worse than a path here.
        example = _FIELD.sub("x", template).replace("#", "/", 1)
        if not is_plain_address(example) or _HOST_WITH_FIELD.match(template):
            raise SettingsError(f"{setting}: expected an address such as https://HOST/open/{{object}}?mode={{mode}}.")
        self._template = template

    def of(self, address: ObjectAddress) -> Mapping[str, str]:
        """The addresses that open an object, by what the links say."""
        return {label: self._filled(address, mode) for mode, label in _LABELS.items()}

    def _filled(self, address: ObjectAddress, mode: Mode) -> str:
        values = {"bucket": address.bucket, "object": address.object_name, "name": address.name, "mode": mode.value}
        return _FIELD.sub(lambda field: quote(values[field[1]], safe=""), self._template)
