"""The prose of every error, by code. ``{value}`` is shortened to one line before it gets here.

A message says what is wrong, what is permitted and, where it is not plain, what to do.
Each section belongs to one package; a test holds the whole table in one golden file.
"""

from endcap.domain.control_messages import CONTROL_MESSAGES
from endcap.domain.deploy_messages import DEPLOY_MESSAGES
from endcap.domain.filter_messages import FILTER_MESSAGES
from endcap.domain.store_messages import STORE_MESSAGES

MESSAGES: dict[str, str] = {
    **STORE_MESSAGES,
    **FILTER_MESSAGES,
    **DEPLOY_MESSAGES,
    **CONTROL_MESSAGES,
    # domain: requests and values
    "missing_member": "Missing {field}",
    "k_out_of_range": "{field} must be between 1 and {most}",
    "not_an_integer": "{field} must be a whole number, not {value!r}",
    "not_a_number": "{field} must be a finite number, not {value!r}",
    "not_a_string": "{field} must be a string, not {value!r}",
    "empty_id": "{field} must not be empty",
    "id_too_long": "{field} must be at most {most} characters, it has {length}",
    "id_unprintable": "{field} must not hold control characters: {value!r}",
    "bad_choice": "{field} must be one of {permitted}, not {value!r}",
    "bad_time": "{field} must be an ISO 8601 time like 2025-08-16T18:30:00Z, not {value!r}",
    "time_out_of_range": "{field} must lie between 1970 and one day from now, not {value!r}",
    "bad_attribute": "attribute {field!r} must be text, a number, true, false, or a list of texts",
    "too_many_attributes": "{field} has {count} attributes; at most {most} are permitted",
    # settings
    "bad_setting": "{field} must be {permitted}, not {value!r}",
    "unknown_setting": "{field} is not a setting of Endcap; did you mean {nearest}?",
    # access: keys, tokens, rates, origins
    "key_missing": "A key is needed: send it as X-Api-Key, or as Authorization: Bearer KEY",
    "key_unknown": "The key is not known",
    "key_revoked": "The key was revoked",
    "key_expired": "The key has expired",
    "key_replaced": "The key was replaced, and its time of grace is over; use the new one",
    "token_malformed": "The token is not a signed JSON Web Token",
    "token_algorithm": "The token must be signed with RS256 or ES256",
    "token_key_unknown": "The token names a signing key that its issuer does not publish",
    "token_forged": "The signature of the token is wrong",
    "token_claim_missing": "The token lacks the claim {permitted}",
    "token_expired": "The token has expired",
    "token_early": "The token is not valid yet",
    "token_issuer": "The token comes from another issuer",
    "token_audience": "The token is meant for another audience",
    "issuer_unreachable": "The signing keys of the token's issuer could not be read yet; try again",
    "scope_missing": "This needs the scope {permitted}, which the key or token does not have",
    "over_rate": "More than {rate:g} requests per second; try again in {retry_after_s} s",
    "origin_refused": "Pages of this origin may not ask here; ENDCAP_CORS_ORIGINS lists those that "
    "may",
    "open_to_network": "--host {value} can be reached from elsewhere, and no key is asked for; "
    "make a key with 'endcap keys create --name NAME' and set ENDCAP_AUTH=required",
    "gateway_not_in_front": "ENDCAP_AUTH=gateway is for functions behind an API gateway; a server "
    "asks for keys itself: set ENDCAP_AUTH=required, or open on this machine alone",
    "function_open": "a function must not be open: set ENDCAP_AUTH=gateway where the gateway in "
    "front asks for tokens or keys, else required",
    "not_behind_gateway": "{field} must be gateway, not {value!r}: this function may not read "
    "keys, the API gateway in front of it asks for them",
    "offers_elsewhere": "{field} are not answered here: record without it, then ask "
    "GET /v1/offers?customer_id=",
    "token_unbound": "{field} must be set when ENDCAP_JWKS is: a token is only taken from one "
    "issuer and for one audience",
    "token_extra_missing": "ENDCAP_JWKS needs the extra endcap[jwt], which is not installed",
    "otel_extra_missing": "ENDCAP_OTEL=on needs the extra endcap[otel], which is not installed",
    "token_keys_unreadable": "{field} holds no usable RSA or P-256 key: {reason}",
    "unknown_key": "there is no key {value!r}; endcap keys list names them",
    "key_ended": "the key {value!r} was revoked or has expired; make a new one",
    "bad_scope": "a scope is one of {permitted}, not {value!r}",
    "bad_key_name": "a key's name must be 1 to {most} printable characters, not {value!r}",
    "bad_duration": "{field} must be a number of minutes, hours or days like 30m, 12h or 90d, not "
    "{value!r}",
    # data
    "damaged_manifest": "{field} is not a manifest of the lake; restore it from a backup, or "
    "remove it to go back to the one before",
    "lake_version_gone": "the lake has no version {value} that can still be read (kept: {kept}); "
    "ENDCAP_LAKE_HOURS says how long versions are kept, and a purge drops them all",
    "too_many_event_types": "{field} has {count} different values; at most {most} are permitted",
    "no_such_file": "there is no file, folder or match for {field}",
    "not_a_file": "{field} is not a file or a folder",
    "empty_file": "{field} is empty",
    "empty_folder": "{field} holds no file that can be imported ({permitted}, plain or .gz)",
    "damaged_file": "{field} is damaged: {reason}",
    "wrong_encoding": "{field} is not UTF-8 ({value}); save it as UTF-8 or give --encoding",
    "unknown_encoding": "there is no text encoding {value!r}; examples: utf-8, latin-1, cp1252",
    "bad_delimiter": "a delimiter is one character, not {value!r}",
    "bad_header": "the first line of {field} must name its columns, not {value!r}",
    "duplicate_column": "{file} has more than one column {field!r}",
    "no_objects": "{field} holds no JSON object",
    "unmapped_column": "no column of {file} is {field}; it has {columns}; say which one is meant, "
    "for example {command}",
    "ambiguous_column": "{field} may be any of {columns} in {file}; say which one is meant, "
    "for example {command}",
    "bad_mapping": "a mapping is written NAME=COLUMN, like user_id=CustomerID, not {value!r}",
    "bad_mapping_file": '{field} is no mapping: {reason}; write lines like user_id = "CustomerID"',
    "bad_keep": "{value!r} is no SQL expression over the columns of the file: {reason}",
    "rejected_row": "{file}, line {line}, column {field!r}: {reason} ({value!r}); nothing was "
    "imported",
    "import_running": "the same files are being imported by another process",
    "count_out_of_range": "{field} must be a whole number from {least} to {most}, not {value}",
    "too_many_events": "{field} must be at most {most} for that many users and days, not {value}",
    "start_out_of_range": "{field} must be a day from 1970-01-01 on whose period ends before "
    "the year 10000",
    "folder_not_writable": "cannot write to {value}: {why}; choose a folder you own",
    "files_exist": "{value} holds {names} already; choose another folder, or replace them with "
    "--force",
    # data: ETL
    "unknown_table": "{field}: there is no table {value!r}; there are {permitted}",
    "bad_date": "{field} must be a day like 2026-01-31, or two of them like "
    "2026-01-01..2026-01-31, not {value!r}",
    "etl_running": "another run of the ETL writes to {field}; wait until it is done",
    "etl_out_of_memory": "the statement needs more than the {value} MB of {field}; raise it, or "
    "use --engine spark",
    "tables_damaged": "{field} is damaged or was written by somebody else; remove the folder of "
    "the tables, and endcap etl makes them anew from the lake",
    "job_argument_missing": "the job needs {field} with {permitted}",
    "spark_lacks_s3": "{field}: this Spark cannot reach {value}: it lacks Hadoop's S3 file system "
    "(the jar hadoop-aws and what it needs); Glue and EMR bring it along, and without --engine "
    "spark none is needed",
    "bad_factors": "{field}, or how they are fitted, cannot be used: {reason}",
    "factors_need_spark": "{field} {value} is made on Spark alone: add --engine spark",
    "spark_extra_missing": "--engine spark needs the extra endcap[spark]: {value} is not installed",
    "tables_missing": "the tables in {value} hold no {field} yet; make them with endcap etl",
    "java_missing": "Spark needs Java 17: {reason}; install it, or set JAVA_HOME to where it is",
    "spark_unreachable": "no Spark master answers at {value}: {reason}",
    "spark_failed": "Spark could not run the statement of {field}: {reason}",
    # features
    "features_need_times": "features need the times of events: {field} holds only their order",
    "features_unreadable": "the product table in {value} cannot be read: {reason}; train again",
    # engine
    "bad_snapshot": "the snapshot {field} cannot be used: {value}",
    "lake_behind_snapshot": "the lake holds the log up to offset {value}, the snapshot up to "
    "{least}; append the log to the lake first",
    # models
    "bad_vectors": "{field} must be an array of numbers of shape {most}, not {value}",
    "vector_not_finite": "{field} row {value} holds a number that is infinite or NaN",
    "vectors_unreadable": "the vector index in {value} cannot be read: {reason}; build it again",
    "embeddings_unreadable": "the embeddings in {value} cannot be read: {reason}; fit them again",
    "newcomers_unreadable": "what newcomers want cannot be read in {value}: {reason}; train again",
    "content_unreadable": "the content index in {value} cannot be read: {reason}; train again",
    # evaluation and statistics
    "level_out_of_range": "{field} must lie between 0 and 1, not {value!r}",
    "successes_out_of_range": "{field} must lie between 0 and {trials}, not {value!r}",
    "lengths_differ": "{field} must have as many values as the other: {expected}, not {value}",
    "split_needs_times": "these events have no times: split them by leave_last or random",
    "split_needs_order": "the order of these events means nothing: split them by random",
    "split_empty": "no events {side} the split at {value}; choose a time after {least} and up to "
    "{most}",
    "share_out_of_range": "{field} must lie between 0 and 1, not {value!r}",
    "nothing_to_test": "no user has events on both sides of the split: {needs}",
    "bad_lists": "recommender {field} must answer item rows of shape {permitted}, not {value}",
    "bad_rows": "recommender {field} answered item row {value}; permitted are -1 to {most}",
    "length_of_catalogue": "{field} must have one entry for each of the {expected} items, not "
    "{value}",
    "model_unreadable": "the model in {value!r} cannot be read: {reason}; train again or roll back",
    # evaluation
    "benchmark_unreadable": "{field} cannot be read: {reason}",
    "benchmark_empty": "{field} holds no line of data",
    "benchmark_not_a_number": "{field}, line {line}: only whole numbers are permitted: {value!r}",
    "benchmark_no_target": "{field}, line {line}: must be items, a tab and one item: {value!r}",
    # control
    "unknown_version": "{value!r} is not a model version; known: {known}",
    "nothing_to_roll_back": "campaign {value!r} has served no earlier version",
    "bad_group": "a dataset group is named by up to 63 letters, digits, - and _, not {value!r}",
    # app
    "preference_not_stored": "The preference could not be stored ({cause}); try again",
    "no_user_records": "{field} holds no record of a user; it must be a JSON array of "
    "objects, or have one object on each line",
    "too_many_users": "{field} holds more than {most} users; run the state machine with the "
    "distributed fan-out",
    "user_without_id": "{field} has none of {permitted}",
    "bad_user_id": "{field} must be a text of 1 to {most} printable characters or a whole number",
    "event_without_user": "{field} must be a text that is not empty",
    "recommendations_missing": "{field} must be a list of item ids",
    "export_differs": "{field} is not what the code says now; write it anew: endcap pipeline "
    "export",
    "no_features": "nothing is known of this {field}: it has no events, or no night has passed "
    "since they came",
    "bad_argument": "{value!r} is no argument of this pipeline, or has no such value; permitted: "
    "{permitted}",
    "unknown_step": "there is no step {value!r}; there are {permitted}",
    "unknown_run": "there is no pipeline run {value!r}; see endcap pipeline runs",
    "key_reused": "this Idempotency-Key was used with another body",
    "nothing_to_evaluate": "there are no events to evaluate on; import some, or post them",
    "nothing_to_train_on": "there are no events to train on; import some, or post them",
    "home_not_writable": "cannot write to {value}: {why}; set ENDCAP_HOME to a folder you own",
    "too_busy": "more changes wait for the disk than {most} {unit}; try again in a moment",
    "bad_record": "the record of the stream cannot be used: {reason}",
    "bad_answer_id": "{value!r} is no answer id: it is damaged or was not made by Endcap",
    "answer_query_differs": "this answer was given to another query: repeat what was asked then, "
    "word for word",
    "answer_trimmed": "the snapshot and the log from offset {value} on, which this answer was made "
    "of, are no longer kept; answers of {since} and later can be repeated "
    "(ENDCAP_KEEP_SNAPSHOTS says how many snapshots are kept)",
    "answer_version_gone": "this answer was made by model version {value!r}, which cannot be "
    "loaded any more ({reason})",
    "answer_forgotten": "this answer cannot be repeated: the user was erased since",
    "answer_events_differ": "this answer was made of events in a table that are no longer there, "
    "or stand there beside others of that time",
    "replay_busy": "another answer is being replayed; try again",
    "no_version_serves": "no model version serves yet, so there are no embeddings to load: "
    "endcap train",
    "no_embeddings": "the model version {value!r} has no embeddings; train a new one",
    # serving
    "duplicate_parameter": "{field} is given {count} times; give it once",
    "bad_encoding": "{field} is not valid UTF-8",
    "query_too_long": "The query string has {length} bytes; at most {most} are permitted",
    "unknown_path": "There is nothing at {value!r}; /docs lists what there is",
    "method_not_permitted": "{value} is not permitted here; permitted: {permitted}",
    "bad_content_type": "Content-Type must be application/json in UTF-8, not {value!r}",
    "empty_body": "The request has no body; send a JSON object",
    "body_too_large": "The body is larger than {most} bytes, which is the most that is permitted",
    "body_too_slow": "The body did not arrive within {most} seconds",
    "bad_json": "The body is not valid JSON: {reason}",
    "nested_too_deep": "The body is nested deeper than {most} levels",
    "not_an_object": "{field} must be a JSON object, not {value!r}",
    "not_a_list": "{field} must be a list, not {value!r}",
    "empty_list": "{field} must hold at least one entry",
    "too_many_entries": "{field} has {count} entries; at most {most} are permitted",
    "number_out_of_range": "{field} is a number outside the permitted range",
    "attribute_too_long": "attribute {field!r} is too long: at most {most} {unit} are permitted",
    "bad_attribute_name": "an attribute's name must be 1 to {most} printable characters: {value!r}",
    "id_differs": "{field} is {value!r} in the body but {expected!r} in the path",
    "unknown_item": "the catalogue has no item {value!r}",
    "no_stored_recommendations": "No stored recommendations",
    "no_http_event": "the event has no {field}: it is no request of API Gateway or a function URL",
    "internal_error": "The server failed; the reason is in its log",
    # model versions as packages
    "no_package": "{value} holds no model version: {permitted} is missing",
    "package_refused": "{field} is not taken from a package: {reason}",
    "package_damaged": "{field} of the package is damaged: {reason}; fetch it again",
    "package_without_ranker": "the version {value!r} has no ranker: it learnt from too few events",
    "package_of_other_items": "the version {value!r} knows no item of this shop; see that it was "
    "trained on this shop's events",
    "archive_refused": "{field!r} is not taken from the archive: {reason}",
    "archive_too_large": "{field} holds more than {most} bytes, or too many files",
    "archive_damaged": "{field} is no readable .tar.gz: {reason}",
    # the training container
    "bad_config": "{field} of the job is no JSON object: {reason}",
    "one_instance_only": "{field} must be 1, not {value}: a recipe learns from all events at once",
    "unknown_channel": "{value!r} is no channel that is read; permitted: {permitted}",
    "bad_channel_mode": "the channel {field} comes in mode {value}; File and FastFile are read",
    "no_channel": "the channel {value} is missing, or holds no files",
    "unknown_hyperparameter": "{field} is no hyper-parameter; did you mean {nearest}?",
    "bad_hyperparameter": "the hyper-parameter {field} must be {permitted}, not {value!r}",
    "hyperparameter_missing": "version and lake_version come together: {field} is missing",
    # serving: the inference container
    "bad_feature_content": "Content-Type must be one of {permitted} in UTF-8, not {value!r}",
    "bad_accept": "Accept must name one of {permitted}, not {value!r}",
    "bad_row_length": "{field} has {value} numbers; the model reads {expected} (docs/features.md)",
    "bad_csv": "{field} holds something that is no number",
    "bad_npy": "The body cannot be read as .npy: {reason}",
    "model_not_loaded": "The model is being loaded; try again",
    "endpoint_busy": "{value} requests wait already; try again in a moment",
    # cli and entrypoints
    "file_exists": "{value} is there already; choose another folder, or --force to replace it",
    "unreadable_file": "cannot read {value}: {reason}",
    "unwritable_file": "cannot write {value}: {reason}",
    "consumer_runs": "another process reads the stream as {value!r} already; give another {field}",
    "port_in_use": "port {value} of {host} is in use; stop what uses it, or give another --port",
    "cannot_listen": "cannot listen on {value}: {why}",
    "cannot_start": "{field} cannot start: {why}",
}
