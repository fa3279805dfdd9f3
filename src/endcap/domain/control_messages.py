"""The prose of the errors of the registry of resources and of the Personalize API.

Part of the table in ``messages.py``, which says how a message is written.
"""

CONTROL_MESSAGES: dict[str, str] = {
    # The wire layer of the Personalize API
    "wire_input": "{count} validation {noun} detected: {problems}",
    "operation_refused": "Endcap does not do {value}: {reason}",
    "unknown_operation": "{field} must name an operation, such as AmazonPersonalize.ListRecipes, "
    "not {value!r}",
    "unknown_wire_path": "nothing answers {value}; below /personalize there is POST / with the "
    "header X-Amz-Target, and {permitted}",
    "personalize_closed": "set {field} to ACCESS_KEY_ID:SECRET, and sign with them: with "
    "ENDCAP_AUTH=required nobody else may call this API",
    "signature_missing": "the header Authorization must hold a signature of version 4: "
    "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…",
    "signature_incomplete": "the signature must be for the service personalize and of the headers "
    "host and x-amz-date, the latter as YYYYMMDDTHHMMSSZ",
    "signature_of_nobody": "the security token included in the request is invalid: "
    "ENDCAP_PERSONALIZE_KEYS names no such access key",
    "signature_expired": "the signature's time is more than 15 minutes from this server's, which "
    "is {now}",
    "signature_wrong": "the request signature we calculated does not match the signature you "
    "provided: look at the secret, and at what changes requests on their way",
    # The registry
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
    "unknown_recipe": "there is no recipe {value!r}; ListRecipes names all",
    # What clients put: events, items, users.
    "unknown_tracker": "{field}: there is no event tracker with the id {value!r} in region "
    "{region}, account {account}; take the trackingId of CreateEventTracker or "
    "DescribeEventTracker, and the region that it was made in",
    "no_tracked_group": "{field}: the dataset group of this event tracker is being deleted",
    "dataset_of_other_type": "{field} must be the ARN of a dataset of type {permitted}, not "
    "{value!r}",
    "event_without_item": "{field}: an event needs the id of its item, as itemId beside eventType "
    "or as itemId in properties",
    "bad_sent_at": "{field} must be a time in seconds since 1970, at most a day ahead of now "
    "({now}), not {value!r}; milliseconds are a thousand times too much",
    "bad_id": "{field} must be a text of 1 to {most} characters without control characters",
    "too_many_put": "{field} has {count} entries, at most {most} may come in one call; send the "
    "others in another",
    "nothing_put": "{field} is empty; name at least one",
    "properties_not_json": "{field} must be a text that holds a JSON object, such as "
    "'{{\"price\": 9.5}}'; it does not read as JSON",
    "properties_not_object": "{field} must be a text that holds a JSON object, such as "
    "'{{\"price\": 9.5}}'; it holds another JSON value",
    "property_unknown": "{field}: the schema has no column for the property {value!r}; its columns "
    "are {permitted}, and each may be written in camelCase",
    "property_type": "{field} holds {value}, permitted is {permitted}",
    "bad_property_name": "{field}: the name of a property must have 1 to {most} characters and no "
    "control character, not {value!r}",
    "too_many_properties": "{field} has {count} properties, at most {most} are permitted without a "
    "schema",
    # Recommendations and rankings.
    "one_of_two": "a request names either {field} or {permitted}, and exactly one of them",
    "not_active": "{field}: {value!r} has the status {status!r}; it must be ACTIVE",
    "recipe_ranks": "{field}: {value} orders a given list; ask GetPersonalizedRanking with "
    "inputList",
    "recipe_ranks_not": "{field}: {value} does not order lists; ask GetRecommendations, or name a "
    "campaign of aws-personalized-ranking",
    "recipe_segments": "{field}: {value} finds users; create a batch segment job",
    "recipe_needs": "{value} needs {field}",
    "results_out_of_range": "{field} must be from 1 to {most}, not {value}",
    "input_too_long": "{field} has {count} items; at most {most} are permitted",
    "filter_of_other_group": "{field}: {value!r} belongs to another dataset group",
    "metadata_disabled": "{field}: the campaign or recommender was not made with {permitted}; "
    "update its configuration",
    "metadata_dataset": "{field} may name columns of ITEMS alone, not of {value!r}",
    "metadata_column": "{field}: the schema of the items has no column {value!r}; it has "
    "{permitted}",
    "too_many_columns": "{field} names {count} columns; at most {most} are permitted",
    "too_many_promotions": "{field} holds {count}; at most {most} is permitted",
    "promotion_lacks": "{field} is required",
}
