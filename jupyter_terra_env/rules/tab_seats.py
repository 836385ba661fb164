"""Decides which of several tabs of one notebook edits it. Protocol: docs/protocol/tabs.md."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The seat of one notebook: the right of one tab to edit it.

    Attributes:
        tabs: ids of all tabs that show it, in the order of their arrival.
        editor: the tab that edits; None if the seat is free.
        asked_by: the tab that requests the seat.
        refused: the tab whose request was refused.
    """

    tabs: tuple[str, ...] = ()
    editor: str | None = None
    asked_by: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatView:
    """The seat from the view of one tab.

    Attributes:
        edits: whether this tab has it.
        free: whether no tab has it.
        asked: whether this tab has it and another requests it.
        others: number of other tabs.
        refused: whether this tab requested it and the other tab could not save.
    """

    edits: bool
    free: bool
    asked: bool
    others: int
    refused: bool


def enter(seat: Seat, tab: str, *, wants: bool) -> Seat:
    """Add a tab that shows the notebook.

    Args:
        seat: the seat so far.
        tab: its unique id.
        wants: whether it was just opened, or had the seat before its connection was lost.
    """
    editor = tab if wants and seat.editor is None else seat.editor
    return replace(seat, tabs=(*seat.tabs, tab), editor=editor)


def leave(seat: Seat, tab: str) -> Seat:
    """Remove a tab that is gone."""
    asked_by = None if seat.asked_by == tab else seat.asked_by
    left = replace(
        seat,
        tabs=tuple(other for other in seat.tabs if other != tab),
        asked_by=asked_by,
        refused=None if seat.refused == tab else seat.refused,
    )
    return replace(left, editor=asked_by, asked_by=None) if seat.editor == tab else left


def ask(seat: Seat, tab: str) -> Seat:
    """Let a tab request the seat."""
    if tab not in seat.tabs or seat.editor == tab:
        return seat
    if seat.editor is None:
        return replace(seat, editor=tab, refused=None)
    return replace(seat, asked_by=tab, refused=None)


def give_up(seat: Seat, tab: str) -> Seat:
    """Let the tab that edits, once it has saved everything, pass the seat to the tab that requests it."""
    return replace(seat, editor=seat.asked_by, asked_by=None) if seat.editor == tab and seat.asked_by else seat


def keep(seat: Seat, tab: str) -> Seat:
    """Let the tab that edits keep the seat because it cannot save."""
    return replace(seat, asked_by=None, refused=seat.asked_by) if seat.editor == tab else seat


def wait_is_over(seat: Seat, tab: str) -> Seat:
    """Give the seat to the tab that requested it and has waited long enough for an answer."""
    return replace(seat, editor=tab, asked_by=None) if seat.asked_by == tab else seat


def view(seat: Seat, tab: str) -> SeatView:
    """Return the view of one tab."""
    return SeatView(
        edits=seat.editor == tab,
        free=seat.editor is None,
        asked=seat.editor == tab and seat.asked_by is not None,
        others=len(seat.tabs) - (tab in seat.tabs),
        refused=seat.refused == tab,
    )
