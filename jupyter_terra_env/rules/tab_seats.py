"""Which of several tabs of one notebook edits it. Protocol: docs/protocol/tabs.md."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The seat of one notebook.

    Attributes:
        tabs: ids of all tabs that show it, in the order in which they came.
        editor: the tab that edits; None: the seat is empty.
        asked_by: the tab that asks for it.
        refused: the tab that asked and was told no.
    """

    tabs: tuple[str, ...] = ()
    editor: str | None = None
    asked_by: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatView:
    """The seat as one tab is told of it.

    Attributes:
        edits: this tab has it.
        free: nobody has it.
        asked: this tab has it, and another asks for it.
        others: how many other tabs there are.
        refused: this tab has asked for it, and the other cannot save.
    """

    edits: bool
    free: bool
    asked: bool
    others: int
    refused: bool


def enter(seat: Seat, tab: str, *, wants: bool) -> Seat:
    """A tab shows the notebook.

    Args:
        seat: as it is.
        tab: its id, which no other tab has.
        wants: it was just opened, or had the seat before its connection was lost.
    """
    editor = tab if wants and seat.editor is None else seat.editor
    return replace(seat, tabs=(*seat.tabs, tab), editor=editor)


def leave(seat: Seat, tab: str) -> Seat:
    """A tab is gone."""
    asked_by = None if seat.asked_by == tab else seat.asked_by
    left = replace(
        seat,
        tabs=tuple(other for other in seat.tabs if other != tab),
        asked_by=asked_by,
        refused=None if seat.refused == tab else seat.refused,
    )
    return replace(left, editor=asked_by, asked_by=None) if seat.editor == tab else left


def ask(seat: Seat, tab: str) -> Seat:
    """A tab wants to edit."""
    if tab not in seat.tabs or seat.editor == tab:
        return seat
    if seat.editor is None:
        return replace(seat, editor=tab, refused=None)
    return replace(seat, asked_by=tab, refused=None)


def give_up(seat: Seat, tab: str) -> Seat:
    """The tab that edits has saved everything, and gives the seat to whoever asks for it."""
    return replace(seat, editor=seat.asked_by, asked_by=None) if seat.editor == tab and seat.asked_by else seat


def keep(seat: Seat, tab: str) -> Seat:
    """The tab that edits cannot save, and keeps the seat."""
    return replace(seat, asked_by=None, refused=seat.asked_by) if seat.editor == tab else seat


def wait_is_over(seat: Seat, tab: str) -> Seat:
    """The tab that asked has waited long enough for an answer."""
    return replace(seat, editor=tab, asked_by=None) if seat.asked_by == tab else seat


def view(seat: Seat, tab: str) -> SeatView:
    """What one tab is told."""
    return SeatView(
        edits=seat.editor == tab,
        free=seat.editor is None,
        asked=seat.editor == tab and seat.asked_by is not None,
        others=len(seat.tabs) - (tab in seat.tabs),
        refused=seat.refused == tab,
    )
