"""The prose of the errors of deploying to AWS.

Part of the table in ``messages.py``, which says how a message is written.
"""

DEPLOY_MESSAGES: dict[str, str] = {
    "phase_needs": "the phase {field} needs {value}, which does not stand; add {more}",
    "phase_needed": "the phase {field} cannot go while {value} stands on it",
    "phase_absent": "the phase {field} does not stand; these do: {permitted}",
    "no_price": "{field}: the price of {value} is not in the table; known are {permitted}",
}
