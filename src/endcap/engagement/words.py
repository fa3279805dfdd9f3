"""Words as people write them, so that ``organic_food``, ``Organic Foods`` and ``organic`` meet."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_STOP = frozenset(("a", "an", "and", "for", "from", "in", "of", "on", "or", "the", "to", "with"))
# Said beside what is meant: of "organic food" the first word is what the customer is after, and
# dog food is not. They count only where nothing else of an interest is known.
GENERAL = frozenset(("article", "food", "good", "item", "product", "stuff", "thing"))
_HISSING = ("sses", "shes", "ches", "xes", "zes", "oes")


def words_of(text: str) -> list[str]:
    """Distinct words in order: case, accents, separators and English plurals do not count."""
    plain = text.casefold()
    if not plain.isascii():
        letters = unicodedata.normalize("NFKD", plain)
        plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    found = (singular(word) for word in _WORD.findall(plain) if word not in _STOP)
    return list(dict.fromkeys(found))


@lru_cache(100_000)
def singular(word: str) -> str:
    """``berries`` → ``berry``, ``boxes`` → ``box``, ``foods`` → ``food``; others as they are."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(_HISSING):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
