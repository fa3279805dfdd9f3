"""Who asks: clients give a user's id, or that of a session which nobody has a name for yet."""

from __future__ import annotations

from endcap.app.shop import Shop
from endcap.domain.sessions import session_user


def asker(shop: Shop, user_id: str) -> str:
    """The user whose history an answer for ``user_id`` is made of: the one of that id where
    anything is known of them, otherwise the anonymous one of the session of that id, if there is
    one. Whoever asks has caught up with the log."""
    state = shop.now.state
    if state.users.row(user_id) < 0 or not (
        len(state.history(user_id).ts) or state.user_attributes(user_id)
    ):
        session = session_user(user_id)
        if len(state.history(session).ts):
            return session
    return user_id
