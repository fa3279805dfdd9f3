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
    # Jobs: imports, deletions, what became of a process.
    "no_import_roots": "files of this machine are not read, because {field} is empty; set it to "
    "the folders that jobs may read and write, with : between them, and restart the server",
    "outside_import_roots": "{value!r} is not below a folder that ENDCAP_IMPORT_ROOTS lists; move "
    "it there, or add its folder to that setting and restart the server",
    "schema_column_missing": "{file} has no column {field}, which the schema requires; its columns "
    "are: {columns}",
    "unreadable_format": "{field} is a file of {value}; a dataset takes CSV with a header, and "
    "Parquet",
    "nothing_to_import": "the files hold no rows",
    "mostly_refused": "{refused} of {rows} rows do not fit the schema, so that none was taken in; "
    "the first: {problems}",
    "job_failed": "an error inside of Endcap: {value}; the job's folder below control/jobs in "
    "ENDCAP_HOME has what it printed",
    "job_vanished": "its process ended {value} times without an answer; the last words: {reason}",
    "group_is_served": "the dataset group {value!r} is the one that this server was started for; "
    "start it for another group first",
    # operations of the control plane
    "bad_next_token": "{field} is none that this list gave: ask with the same members as before, "
    "or without {field} for the first page",
    "not_ready": "the {kind} {value!r} is {status}; wait until it is {permitted}",
    "dataset_type_refused": "{field} must be one of {permitted}, not {value!r}; actions are not "
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
    "version_of_counts": "the version {value!r} holds counts for a recipe of the Personalize API; "
    "only what was trained for personal answers can serve",
    "no_such_items": "no item that was learnt from is permitted by {value!r}",
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
    "schema_mark": "categorical and textual of the schema's field {field} must be true or false, "
    "not {value!r}",
    "schema_narrower": "the new schema must keep the field {value!r} as it is: fields can only "
    "be added, and these must permit null",
    "schema_not_nullable": "the new schema's field {value!r} must permit null: what is there has "
    "no value for it",
    "in_use": "the {kind} {value!r} is in use by {users}; {todo}",
    "lacks_dataset": "the dataset group {value!r} has no dataset of type {permitted}; make it "
    "first",
    "no_such_recipe": "{field}: there is no recipe {value!r}; ListRecipes names them",
    "recipe_refused": "{field}: the recipe {value!r} is not offered: {reason}",
    "recipe_missing": "recipeArn is needed, or performAutoML",
    "recipe_of_domain": "{field}: {value!r} is a recipe of the domain {permitted}: take it for a "
    "recommender in a dataset group of that domain",
    "recipe_of_no_domain": "{field}: {value!r} is no recipe of the domain {permitted}; "
    "ListRecipes with that domain names them",
    "group_of_no_domain": "{field}: the dataset group {value!r} was made without a domain; "
    "recommenders need one with a domain, here solutions and campaigns serve",
    "bad_event_threshold": "{field} must be a number as text, not {value!r}",
    "unknown_training_column": "{field}: the dataset has no column {value!r}; it has {permitted}",
    "training_column_needed": "{field}: the column {value!r} cannot be left out",
    "version_not_active": "the solution version {value!r} is {status}; one that is ACTIVE is "
    "needed",
    "no_active_version": "the solution {value!r} has no version that is ACTIVE",
    "update_without_full": "trainingMode UPDATE needs a version of the solution that was trained "
    "in mode FULL and is ACTIVE; {value!r} has none",
    "update_of_recipe": "trainingMode UPDATE is not offered for the recipe {value!r}; train FULL",
    "version_name_taken": "the solution has a version of the name {value!r} already",
    "not_stoppable": "the {kind} {value!r} is {status}; only one that is {permitted} can be {todo}",
    "only_batch": "the recipe {value!r} answers in batch segment jobs alone",
    "not_segment": "the recipe {value!r} chooses items, not users; use a batch inference job",
    "campaign_of_other_group": "the solution version {value!r} belongs to another dataset group "
    "than the campaign",
    "tracker_exists": "the dataset group {value!r} has an event tracker already: {found}",
    "bad_location": "{field} must be s3://BUCKET/KEY or file:///FOLDER/FILE, not {value!r}",
    "themes_refused": "{field}: themes are not generated here; leave it out, or BATCH_INFERENCE",
    "too_many_tags": "a resource may have at most {most} tags; this one would have {count}",
    "too_many_tag_keys": "at most {most} keys may be named in one call, not {count}",
    "tag_twice": "the tag {value!r} is given twice",
    "tag_reserved": "the tag {value!r} begins with aws:, which is reserved",
    "not_described": "{field} must be of one of these kinds: {permitted}; not {value!r}",
    "not_taggable": "{field}: a {kind} has no tags",
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
    # batch jobs
    "no_batch_input": "{field}: there is no file at {value!r}",
    "batch_names_clash": "{field}: two files are called {value!r}, and their answers would be too",
    "batch_line": "{field}: {reason}; each line must be one JSON object",
    "batch_member": "{field} must be {permitted}",
    "unknown_recipe": "{field}: there is no recipe {value!r}; ListRecipes names them",
    # The Personalize API in a function
    "no_control_machine": "{value} needs a job, and this function begins none; set {field} to "
    "stepfunctions://control=ARN, a state machine that runs `endcap control-job`, or ask a server",
}
