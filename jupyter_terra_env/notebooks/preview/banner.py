"""What a page says above the notebook: that it is a preview, who is editing, when it was saved, how to open it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.rules.edit_lock import held_until_ms

# Inline: a page that shows no notebook has no style sheet.
_STYLE = (
    "margin:0 0 1em;padding:.5em 1em;border:1px solid #8a8a8a;border-radius:3px;background:#f5f5f5;color:#1f1f1f;"
    "font-family:sans-serif;font-size:13px"
)
_LINK_STYLE = "margin-left:1em;color:#0a5cb0;text-decoration:underline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What is known about a notebook beside its content.

    Attributes:
        saved_at: when its content was last saved, aware; None if it is unknown.
        edited_until: until when the edit lock is held, aware; None if it is free or there is none.
        links: addresses to open the notebook at, by what the links say.
    """

    saved_at: datetime | None = None
    edited_until: datetime | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, version: ObjectVersion, *, now_ms: int, links: Mapping[str, str] | None = None) -> "Banner":
        """What an object's metadata says. No one is named: the lock has only a hash.

        Args:
            version: the object. Its lock is renewed without a save, so the time of the save is its generation's.
            now_ms: the bucket's time, epoch milliseconds.
            links: addresses to open the notebook at; None for none.
        """
        until_ms = held_until_ms(version.metadata, now_ms)
        return cls(
            saved_at=version.created,
            edited_until=None if until_ms is None else datetime.fromtimestamp(until_ms / 1000, UTC),
            links=links or {},
        )

    def markup(self) -> str:
        """The banner in HTML."""
        sentences = ["<strong>Preview</strong>: to be read only, nothing in it runs."]
        if self.saved_at is not None:
            sentences.append(f"Last saved {self.saved_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
        if self.edited_until is not None:
            until = self.edited_until.astimezone(UTC)
            sentences.append(f"Being edited by someone until {until:%H:%M} UTC; this is renewed while it is open.")
        sentences += [
            f'<a href="{escape(address)}" target="_top" rel="noopener noreferrer" style="{_LINK_STYLE}">'
            f"{escape(label)}</a>"
            for label, address in self.links.items()
        ]
        return f'<div role="note" style="{_STYLE}">{" ".join(sentences)}</div>\n'
