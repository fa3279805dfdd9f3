"""The prose of the errors of stores: logs, documents, artifacts, vectors, streams, databases.

Part of the table in ``messages.py``, which says how a message is written.
"""

STORE_MESSAGES: dict[str, str] = {
    # adapters
    "disk_full": "{field} cannot be written: the disk is full; free some space, nothing was lost",
    "log_not_written": "the log in {field} cannot be written: {reason}",
    "log_damaged": "{field} is damaged at offset {value}: the record there does not match its "
    "checksum; restore the file from a backup",
    "log_gap": "{field}: the log breaks off at offset {value} and goes on at {resumes}; "
    "restore the missing file or part from a backup",
    "log_too_short": "the log in {field} ends at offset {end}, before {value}, which was asked "
    "for; restore the log, or what names that offset, from a backup",
    "log_trimmed": "offset {value} of the log in {field} was dropped already; begin with a newer "
    "snapshot",
    "documents_damaged": "{field} is damaged ({reason}); restore it from a backup",
    "documents_busy": "{field} is locked by another process; try again",
    "documents_unusable": "{field} cannot be used: {reason}",
    "document_changed": "{field} has version {standing}, not {value}: it changed meanwhile",
    "bad_key": "{field} is no valid Unicode text: {value!r}",
    "lake_elsewhere": "this process has no lake ({field}); the nightly run does what is left",
    "bad_artifact_name": "{field} must be up to 128 letters, digits, '.', '_' and '-', beginning "
    "with a letter or digit, not {value!r}",
    "bad_staged_file": "{field} is neither a file nor a folder and cannot be published",
    "artifact_exists": "{field} has {value!r} already; published folders never change",
    "artifact_damaged": "{field} is damaged: {reason}; use another version, or restore it",
    "bad_s3_url": "{field} must be an address like s3://bucket/folder, not {value!r}",
    "unknown_bucket": "{field}: there is no bucket {value!r}; make it, or correct the address",
    "s3_denied": "{field}: access is denied ({reason}); give these credentials the right to list, "
    "read, write and delete there",
    "s3_unavailable": "{field} cannot be reached ({reason}); nothing was changed, try again",
    "unknown_artifact": "{field} has no {value!r}",
    "no_vectors": "no version of the vectors in {field} answers yet; load one and switch to it",
    "unknown_vectors": "there is no version {value!r} of the vectors in {field}",
    "vectors_exist": "the vectors in {field} have a version {value!r} already",
    "duplicate_id": "{field} holds {value!r} twice",
    "vector_counts_differ": "{field} must have one entry for each of the {expected} ids, not "
    "{value}",
    "bad_job_name": "a job is named by up to 41 lower-case letters, digits, _ and -, not {value!r}",
    "job_not_started": "the job {field} could not be started: {reason}",
    "unknown_job": "there is no job {value!r}",
    "record_too_large": "{field} must be at most {most} bytes",
    "stream_damaged": "{field} is damaged ({reason}); restore it from a backup",
    "stream_not_written": "the stream {field} did not take {value} records ({reason}); try again",
    "stream_unavailable": "the stream {field} cannot be reached ({reason}); try again",
    "stream_denied": "the stream {field} may not be used with these AWS credentials ({reason})",
    "unknown_stream": "there is no stream {value!r}",
    "unknown_shard": "the stream {field} has no shard {value!r}",
    "bad_position": "{field} is no position in a stream: {value!r}",
    "bad_consumer": "a consumer is named by up to 128 letters, digits, '.', '_' and '-', beginning "
    "with a letter or digit, not {value!r}",
    "aws_not_configured": "no client for {field} can be made ({reason}); set AWS_REGION and the "
    "credentials as for any AWS tool",
    "aws_extra_missing": "{field} needs the extra endcap[aws], which is not installed",
    "dependency_open": "{field} has failed again and again and is left alone for a while; "
    "try again later",
    "dynamodb_throttled": "the table {field} takes no more requests for now ({reason}); try again",
    "still_being_done": "{field}: the same is being done by another call; try again",
    "dynamodb_unavailable": "the table {field} cannot be reached ({reason}); try again",
    "dynamodb_denied": "the table {field} may not be used with these AWS credentials ({reason})",
    "dynamodb_refused": "the table {field} refuses a request of Endcap ({reason}); see that its "
    "key is as docs/dynamodb.md says",
    "dynamodb_contended": "too many write to {field} at once; try again",
    "lease_lost": "another machine took over {field} while this one stood still; what was done "
    "stands, and what is left is done there",
    "log_needs_documents": "{field}={value} keeps the log beside the documents; set "
    "ENDCAP_DOCUMENTS to dynamodb://PREFIX as well",
    "no_table": "{field} has no table {value!r}; endcap dynamodb makes those that are missing",
    "dynamodb_not_chosen": "{field} is not set: documents lie in the home, and no table is needed; "
    "set it to dynamodb://PREFIX",
    "parameter_unreadable": "{field}: the value that {value!r} names cannot be read ({reason})",
    "parameter_unavailable": "{field}: {value!r} cannot be asked for now ({reason}); try again",
    "document_too_large": "a document of {field} has {value} bytes; DynamoDB takes at most {most}",
    "empty_key": "{field} must not be empty in DynamoDB",
    "key_too_long": "{field} must be at most {most} bytes in DynamoDB, it has {value}",
    "bad_vectors_url": "{field} must be folder, embedded or a URL like "
    "postgresql://USER@HOST:5432/DATABASE?sslmode=verify-full (characters like / : @ in a password "
    "as %2F %3A %40); what was given cannot be read and is not shown",
    "postgres_extra_missing": "{field} needs the extra endcap[postgres], which is not installed",
    "embedded_extra_missing": "{field}=embedded needs the extra endcap[embedded], which is not "
    "installed",
    "embedded_closed": "the embedded PostgreSQL must not run as root, and {value} may not enter "
    "{field}; run Endcap as an ordinary user, or permit it: chmod o+x {field}",
    "embedded_not_started": "the embedded PostgreSQL in {field} did not start ({value}): {reason}; "
    "server.log there says more",
    "pgvector_missing": "the database {field} lacks the extension pgvector; install it on the "
    "server and run sql/embeddings.sql as an account that may create extensions",
    "pgvector_old": "the database {field} has pgvector {value}; at least {least} is needed: "
    "ALTER EXTENSION vector UPDATE",
    "vectors_table_missing": "the database {field} holds no vectors of Endcap; run 'endcap vectors "
    "load', or sql/embeddings.sql as an account that may create schemas",
    "vectors_forbidden": "the account at {field} may not do this; reading needs the role "
    "endcap_reader, loading the role endcap_loader, the first set-up an account that may create "
    "roles (sql/embeddings.sql)",
    "vectors_denied": "the database {field} refuses the account: {reason}; check user and password "
    "in ENDCAP_VECTORS, PGPASSWORD or ~/.pgpass",
    "vectors_no_database": "there is no such database at {field}: {reason}",
    "vectors_unreachable": "the database {field} cannot be reached: {reason}",
    "vectors_no_room": "the database {field} has no room left on its disk or in its memory "
    "(SQLSTATE {value}); nothing was changed, what answered goes on answering",
    "vectors_late": "the database {field} did not answer in time; nothing was changed",
    "vectors_busy": "all {value} connections to the database {field} are in use",
    "vectors_read_only": "the database {field} takes no changes: it is a replica, or set read-only",
    "vectors_failed": "the database {field} refused a statement (SQLSTATE {value})",
    # messages to people
    "message_not_sent": "{field} did not take the message ({reason}); try again",
    "message_refused": "{field} refuses the message ({reason}); correct ENDCAP_SENDER",
    "sender_denied": "{field} may not be used with these credentials ({reason})",
    "unknown_receiver": "{field} does not exist; correct ENDCAP_SENDER",
    # tables and campaigns on AWS
    "campaign_unavailable": "the campaign cannot be reached ({reason})",
    "campaign_denied": "the campaign may not be asked with these AWS credentials ({reason})",
    "unknown_campaign": "there is no such campaign; correct PERSONALIZE_CAMPAIGN_ARN",
    # the ranker and training on SageMaker
    "endpoint_unavailable": "the endpoint {field} gives no usable answer ({reason})",
    "endpoint_late": "the endpoint {field} did not answer in time ({reason})",
    "endpoint_throttled": "the endpoint {field} takes no more requests for now ({reason})",
    "endpoint_denied": "the endpoint {field} may not be asked with these AWS credentials "
    "({reason})",
    "endpoint_refused": "the endpoint {field} refuses what Endcap asks ({reason})",
    "unknown_endpoint": "there is no endpoint {value!r}; correct {field}",
    "endpoint_differs": "the endpoint {field} ranks by {value}, not by the version that serves; "
    "deploy the version that serves there",
    "unknown_machine": "there is no state machine for {field}",
    "machine_unavailable": "{field} cannot be reached at Step Functions ({reason}); try again",
    "machine_denied": "{field} may not be used with these AWS credentials ({reason})",
    "function_variable_missing": "the function needs {field} in its environment",
    # databases of shops
    "bad_database_url": "{value!r} names no database: {reason}; write {permitted}",
    "database_extra_missing": "{value} databases need the extra endcap[{permitted}], which is not "
    "installed",
    "database_mapping_needed": "say with --mapping which table is what: {permitted}, or a file; "
    "--propose prints one for this database",
    "database_url_needed": "{field} is for databases: give the URL of one before it",
    "database_files_given": "{field} is for files, and stands in the mapping of a database",
    "bad_database_mapping": "{field} is no mapping of a database: {reason}; docs/databases.md "
    "shows one",
    "database_host_unknown": "there is no host {value!r}; see that its name is right and can be "
    "resolved here",
    "database_refused": "nothing answers at {field}; see that the database runs, and that host and "
    "port are right",
    "database_unreachable": "{field} cannot be reached: {reason}",
    "database_timeout": "{field} has not answered within {value}; see that it can be reached from "
    "here, then run the same command again: it goes on where it was",
    "database_busy": "{field} takes no more connections for now; run the same command again in a "
    "while",
    "database_gone": "the connection to {field} ended; run the same command again: it goes on "
    "where it was, and nothing is published yet",
    "database_server_full": "{field} has no room for its own work (disk or memory); free some "
    "there, then run the same command again: it goes on where it was",
    "database_login_refused": "{field} refuses the user {value!r} for {database}: the password is "
    "wrong, or it may not come from here; give the password in ENDCAP_DATABASE_PASSWORD or "
    "--password-file",
    "database_login_needs_tls": "{field} wants the password of {value!r} over TLS only: give --tls "
    "verify (or require)",
    "database_missing": "{field} has no database {value!r} that {user!r} may see",
    "database_rights_missing": "{field} lets {value!r} not read all that the mapping names in "
    "{database}; grant it SELECT there, which is all it needs",
    "database_tls_refused": "no safe connection to {field} (--tls {value}): {reason}; give the "
    "certificate of its issuer by --tls-ca, or choose another --tls",
    "database_table_missing": "{field}: {database} has no table {value!r} that this user may read; "
    "it has {permitted}",
    "database_column_missing": "{field}: the table {table} has no column {value!r}; it has "
    "{permitted}",
    "database_column_type": "{field}: {column} is of type {value}; permitted is {permitted}",
    "database_key_missing": "{field}: {value} has no primary key; name columns that are unique "
    'together, as key = ["id"]',
    "database_key_null": "{field}: the key of a row of {value} is null; name columns that are "
    'unique and never null, as key = ["id"]',
    "database_time_zone": "the database does not know the time zone {value!r}; load its time zone "
    "tables, or give an offset like +01:00",
    "database_query_failed": "{field} could not answer (error {value}): {reason}",
    "nothing_to_propose": "{field} has no table that looks like {value}; write a mapping by hand "
    "(docs/databases.md)",
}
