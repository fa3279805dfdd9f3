"""Column names of the lake's tables and of the files that people bring.

Canonical names are lower case. Amazon Personalize's names (``USER_ID`` …) are the same words in
upper case and match because names are compared without regard to case.
"""

USER_ID, ITEM_ID, EVENT_TYPE, TS = "user_id", "item_id", "event_type", "ts"
VALUE, EVENT_ID, SESSION_ID, ATTRIBUTES = "value", "event_id", "session_id", "attributes"

# The lake's events table, in this order: strings, ts int64 µs UTC, value float64 (may be null),
# event_id (null: derived from the content), session_id and attributes (JSON text) may be null.
EVENTS = (USER_ID, ITEM_ID, EVENT_TYPE, TS, VALUE, EVENT_ID, SESSION_ID, ATTRIBUTES)

# Other names under which a file may bring them, compared in lower case without separators.
ALIASES: dict[str, tuple[str, ...]] = {
    USER_ID: ("userid", "user", "customerid", "customer", "visitorid", "memberid", "shopperid"),
    ITEM_ID: ("itemid", "item", "productid", "product", "stockcode", "sku", "articleid"),
    TS: ("timestamp", "ts", "time", "datetime", "date", "eventtime", "invoicedate", "createdat"),
    EVENT_TYPE: ("eventtype", "event", "type", "action"),
    VALUE: ("eventvalue", "value", "quantity", "qty", "rating", "weight"),
    EVENT_ID: ("eventid",),
    SESSION_ID: ("sessionid", "session", "visitid"),
}
