"""The prose of the errors of filters. Part of the table in ``messages.py``, which says how a
message is written. ``line`` and ``column`` count from 1, ``offset`` from 0."""

FILTER_MESSAGES: dict[str, str] = {
    "filter_syntax": "{field}, line {line}, column {column}: {permitted} is expected, not "
    "{value!r}",
    "filter_unclosed": "{field}, line {line}, column {column}: the {permitted} that begins here "
    "has no end",
    "filter_number": "{field}, line {line}, column {column}: {value!r} is beyond the numbers that "
    "are permitted",
    "filter_date": "{field}, line {line}, column {column}: {value!r} is no date like 2026-01-31 "
    "or time like 2026-01-31T18:30:00Z",
    "filter_too_long": "{field} has {length} characters; at most {most} are permitted",
    "filter_too_deep": "{field}, line {line}, column {column}: parentheses and NOT are nested "
    "deeper than {most} levels",
    "filter_too_many": "{field}, line {line}, column {column}: more than {most} {unit}",
    "filter_datasets": "{field}, line {line}, column {column}: {value} stands in an expression "
    "that speaks of {permitted}; write an expression of its own, joined by |",
    "filter_entities": "{field}, line {line}, column {column}: {value} stands in a filter of "
    "{permitted}; one filter chooses items or users, not both",
    "filter_of_users": "{field} chooses users (UserID): such a filter is for batch segments; here "
    "it must choose items (ItemID)",
    "filter_of_items": "{field} chooses items (ItemID); here it must choose users (UserID)",
    "filter_unknown_column": "{field}: there is no column {value!r}; there are {permitted}",
    "filter_column_type": "{field}: the column {value!r} is {permitted}; {reason}",
    "filter_value_missing": "the filter needs a value for ${field}",
    "filter_value_unknown": "the filter has no parameter ${field}; it has {permitted}",
    "filter_value": "the value of ${field} must be {permitted}, not {value!r}",
    "filter_values_many": "the value of ${field} has more than {most} entries",
    "filter_values_json": "{field} must be a JSON object of names and values, not {value!r}",
    "filter_needs_item": "the filter speaks of CurrentItem, and no item is asked about; ask for "
    "related items",
    "filter_option": "{field} must be NAME=VALUE, not {value!r}",
    "filter_without_text": "{field} is given without a filter",
}
