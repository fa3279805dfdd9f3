"""Whose an event is that nobody has put a name to yet: its session's.

A session has a user of its own, by a name that is no shop's: the id of a session may well be the
id of somebody else's account. Once its events are said to be a user's, they are that user's
(``records.Linked``).
"""

from __future__ import annotations

from endcap.domain.records import digest

PREFIX = "session:"
MOST_PLAIN = 248  # characters of a session's id, so that the name is an id that all interfaces take


def session_user(session_id: str) -> str:
    """The user that events of this session are stored under while they are anonymous."""
    if len(session_id) > MOST_PLAIN:
        session_id = digest(session_id).hex()
    return PREFIX + session_id


def is_session(user_id: str) -> bool:
    return user_id.startswith(PREFIX)
