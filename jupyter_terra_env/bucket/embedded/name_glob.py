"""The glob patterns of `matchGlob` (GCS: "Object listing: filter by glob").

A name is matched by following all ways through the pattern at once, one character at a time: the time is that of the
pattern's length times the name's, for any pattern and name. Regular expressions would try the ways one after another.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from jupyter_terra_env.bucket.embedded.errors import ApiError, invalid

LONGEST_GLOB = 1024
"""Characters; an object's name has no more bytes."""
_DEEPEST = 32
_REMEMBERED = 4096
_TOKEN = re.compile(r"\*\*|\*|\?|\[[!^]?[^\]]+\]|[{},]|\\.|.", re.DOTALL)

_Test = Callable[[str], bool]


@dataclass(slots=True)
class _State:
    """A place in the pattern: where it leads without a character, and where with one that passes the test."""

    freely: list[int] = field(default_factory=list)
    test: _Test | None = None
    then: int = 0


class NameGlob:
    """A pattern: `*` and `?` stop at "/", `**` does not, `[abc]` is a set and `{a,b}` a choice.

    Raises:
        ApiError: 400 when it is too long or too deep, braces do not balance or a set is malformed.
    """

    def __init__(self, glob: str) -> None:
        self._states: list[_State] = []
        self._end = self._new(_State())
        tokens = _TOKEN.findall(glob)
        if len(glob) > LONGEST_GLOB:
            raise invalid(f"A matchGlob has {LONGEST_GLOB} characters at most.")
        try:
            self._start = self._read(tokens)
        except (re.error, ValueError):
            raise _malformed(glob) from None
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def matches(self, name: str) -> bool:
        """Whether the whole of a name matches."""
        here = self._reached({self._start})
        for character in name:
            here = self._step(here, character)
            if not here:
                return False
        return self._end in here

    def _read(self, tokens: list[str]) -> int:
        """Build the states of a whole pattern, from its end to its start.

        Raises:
            ValueError: braces do not balance.
        """
        start, following = self._end, [self._end]
        choices: list[list[int]] = []
        for token in reversed(tokens):
            if token == "}":  # noqa: S105 - a brace
                choices.append([])
                following.append(start)
                if len(choices) > _DEEPEST:
                    raise ValueError("too deep")
            elif token == "{":  # noqa: S105 - a brace
                start = self._new(_State(freely=[*choices.pop(), start])) if choices else self._unbalanced()
                following.pop()
            elif token == "," and choices:  # noqa: S105 - a comma
                choices[-1].append(start)
                start = following[-1]
            else:
                start = self._before(token, start)
        return self._unbalanced() if choices else start

    def _before(self, token: str, following: int) -> int:
        """The state of one token that other states follow."""
        if token in {"*", "**"}:
            number = self._new(_State(freely=[following], test=_any if token == "**" else _no_slash))  # noqa: S105
            self._states[number].then = number
            return number
        return self._new(_State(test=_test_of(token), then=following))

    def _new(self, state: _State) -> int:
        self._states.append(state)
        return len(self._states) - 1

    @staticmethod
    def _unbalanced() -> int:
        raise ValueError("braces do not balance")

    def _step(self, here: frozenset[int], character: str) -> frozenset[int]:
        known = self._known.get((here, character))
        if known is None:
            passed = {self._states[number].then for number in here if self._passes(number, character)}
            known = self._reached(passed)
            if len(self._known) < _REMEMBERED:
                self._known[here, character] = known
        return known

    def _passes(self, number: int, character: str) -> bool:
        test = self._states[number].test
        return test is not None and test(character)

    def _reached(self, numbers: set[int]) -> frozenset[int]:
        """These states and all that follow them without a character."""
        reached, left = set(numbers), list(numbers)
        while left:
            for number in self._states[left.pop()].freely:
                if number not in reached:
                    reached.add(number)
                    left.append(number)
        return frozenset(reached)


def _malformed(glob: str) -> ApiError:
    return invalid(f"Invalid matchGlob: {glob[:100]!r}.")


def _any(_: str) -> bool:
    return True


def _no_slash(character: str) -> bool:
    return character != "/"


def _test_of(token: str) -> _Test:
    """What a character has to pass for one token.

    Raises:
        re.error: a set is malformed.
    """
    if token == "?":  # noqa: S105 - a question mark
        return _no_slash
    if token.startswith("[") and len(token) > 1:
        inside = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
        one_of = re.compile(f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]", re.DOTALL)
        return lambda character: one_of.fullmatch(character) is not None
    literal = token[1:] if token.startswith("\\") and len(token) > 1 else token
    return lambda character: character == literal
