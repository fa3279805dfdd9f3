"""The prose of the errors of the registry of resources and of the Personalize API.

Part of the table in ``messages.py``, which says how a message is written.
"""

CONTROL_MESSAGES: dict[str, str] = {
    "bad_arn": "{field} must be an ARN like arn:aws:personalize:us-east-1:123456789012:campaign/"
    "mine, not {value!r}",
    "arn_of_other_kind": "{field} must be the ARN of a {permitted}, not {value!r}",
    "no_resource": "there is no {kind} {value!r}",
    "resource_exists": "there is a {kind} {value!r} already; take another name, or use that one",
    "made_elsewhere": "the {kind} {value!r} was made by a command of Endcap, not by this API, "
    "which reads it and cannot change it",
    # operations of the control plane
    "bad_next_token": "{field} is none that this list gave: ask with the same members as before, "
    "or without {field} for the first page",
    "not_ready": "the {kind} {value!r} is {status}; wait until it is {permitted}",
    "dataset_type_refused": "{field} must be one of {permitted}, not {value!r}: actions are not "
    "kept",
    "schema_of_other_type": "the schema {value!r} describes {kind}, not {permitted}",
    "schema_of_other_domain": "the schema {value!r} is {found}; datasets of this group need one "
    "{needed}",
    "schema_unreadable": "{field} must be an Avro schema in JSON: {reason}",
    "schema_record": '{field} must be an Avro record: an object with "type": "record", a name, and '
    "fields, at least one",
    "schema_name": "the name of the {field}'s record must be Interactions, Items or Users, not "
    "{value!r}",
    "schema_column": "each field of the {field} must be an object with a name of letters, digits "
    "and _ and a type, not {value!r}",
    "schema_column_type": "the type of the schema's field {field} must be {permitted} (or a list "
    "of one of them and null, where it may be absent), not {value!r}",
    "schema_column_twice": "the {field} names the field {value!r} twice; case does not count",
    "schema_lacks": "the {field} of {kind} must have a field {value}",
    "schema_categorical": "{field}: {value} cannot be categorical; only texts that are not "
    "reserved are",
    "schema_not_categorical": "{field}: {value} must be categorical in this domain",
    "schema_textual": "{field}: {value} cannot be textual; only texts of Items that are not "
    "reserved are",
    "schema_no_metadata": "the {field} of {value} must have at least one field beside the id",
    # Training.
    "no_interactions_to_learn_from": "Dataset has fewer than 25 users with at least 2 interactions "
    "each: there is no interaction to learn from of the event type {value}, with the values that "
    "the solution asks for; import or send some, or choose another event type",
    "bad_event_value_threshold": "eventValueThreshold must be a number, not {value!r}",
    "no_such_items": "no item that was learnt from is permitted by {value!r}",
    "unknown_recipe": "there is no recipe {value!r}; ListRecipes names all",
}
