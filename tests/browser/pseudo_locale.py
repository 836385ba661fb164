"""A locale in which every string of the front end is translated, in brackets and longer than in English."""

import json
import re
from pathlib import Path

LOCALE = "eo"  # JupyterLab knows locales by Babel's list; this one has no pack of its own
_TEMPLATE = Path(__file__).parents[2] / "labextension" / "locale" / "jupyter_terra_env.pot"
_PACK = "pseudo_locale_pack"


def as_http_errors(text):
    """A third longer, as German is, with the letters that are no ASCII."""
    return f"⟦{text} {'ë' * (len(text) // 3)}⟧"


def strings():
    """All strings of the template, with the context of those that have one."""
    entries = re.findall(r'(?:^msgctxt (".*")\n)?^msgid (".*")$', _TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(json.loads(context) if context else "", json.loads(text)) for context, text in entries if text != '""']


def install(folder):
    """Make a language pack as JupyterLab finds them; the folder has to be on PYTHONPATH.

    Args:
        folder: where it goes.
    """
    package = folder / _PACK
    messages = package / "locale" / LOCALE / "LC_MESSAGES"
    messages.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    catalog = {
        "": {"domain": "jupyter_terra_env", "language": LOCALE, "version": "1", "plural_forms": "nplurals=1; plural=0;"}
    }
    for context, text in strings():
        catalog[f"{context}\x04{text}" if context else text] = [as_http_errors(text)]
    (messages / "jupyter_terra_env.json").write_text(json.dumps(catalog), encoding="utf-8")
    information = folder / f"{_PACK}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {_PACK}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[jupyterlab.languagepack]\n{LOCALE} = {_PACK}\n")
