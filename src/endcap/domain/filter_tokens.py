"""A filter's text in tokens with their places, and the errors that name a place."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from endcap.domain.errors import InvalidInput

MOST_TEXT = 4096
WORD, NAME, TEXT, NUMBER, PARAMETER, SYMBOL, END = (
    "word", "name", "text", "number", "parameter", "symbol", "end",
)  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<word>[^\W\d]\w*)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<name>`[^`]+`)
      | \$(?P<parameter>[^\W\d]\w*)
      | (?P<symbol><=|>=|!=|[<>=().,|+-])""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"\s*")
_ESCAPED = re.compile(r"""\\(["'\\])""")


class Token(NamedTuple):
    """``value``: without quotes, $ and escapes. ``offset``: characters before it."""

    kind: str
    value: str
    offset: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords (in capitals) or symbols, whatever its case."""
        if self.kind == SYMBOL:
            return self.value in words
        return self.kind == WORD and self.value.upper() in words

    def shown(self) -> str:
        return "the end" if self.kind == END else self.value


class Source(NamedTuple):
    """The text, and what errors call it."""

    text: str
    field: str

    def error(self, code: str, offset: int, **facts: Any) -> InvalidInput:
        before = self.text[:offset]
        line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
        return InvalidInput(
            code, field=self.field, line=line, column=column, offset=offset, **facts
        )

    def unexpected(self, found: Token, permitted: str) -> InvalidInput:
        return self.error("filter_syntax", found.offset, value=found.shown(), permitted=permitted)


def tokens_of(source: Source) -> list[Token]:
    """The last one is an END.

    Raises InvalidInput: filter_too_long, filter_unclosed, filter_syntax.
    """
    text = source.text
    if len(text) > MOST_TEXT:
        raise InvalidInput("filter_too_long", field=source.field, length=len(text), most=MOST_TEXT)
    found: list[Token] = []
    at = _space(text, 0)
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _strange(source, at)
        kind = str(match.lastgroup)
        found.append(Token(kind, _value(kind, match[kind]), at))
        at = _space(text, match.end())
    found.append(Token(END, "", len(text)))
    return found


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _value(kind: str, raw: str) -> str:
    if kind == TEXT:
        return _ESCAPED.sub(r"\1", raw[1:-1])
    return raw[1:-1] if kind == NAME else raw


def _strange(source: Source, at: int) -> InvalidInput:
    quotes = {'"': "text", "'": "text", "`": "name"}
    if (begun := source.text[at]) in quotes:
        return source.error("filter_unclosed", at, value=begun, permitted=quotes[begun])
    permitted = "a keyword, field, value or operator"
    return source.unexpected(Token(SYMBOL, source.text[at], at), permitted)
