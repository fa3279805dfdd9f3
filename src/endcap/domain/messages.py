"""The prose of every error, by code. ``{value}`` is shortened to one line before it gets here.

A message says what is wrong, what is permitted and, where it is not plain, what to do.
Each section belongs to one package; a test holds the whole table in one golden file.
"""

MESSAGES: dict[str, str] = {
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
    # adapters
    # data
    "count_out_of_range": "{field} must be a whole number from {least} to {most}, not {value}",
    "too_many_events": "{field} must be at most {most} for that many users and days, not {value}",
    "start_out_of_range": "{field} must be a day from 1970-01-01 on whose period ends before "
    "the year 10000",
    "folder_not_writable": "cannot write to {value}: {why}; choose a folder you own",
    "files_exist": "{value} holds {names} already; choose another folder, or replace them with "
    "--force",
    # engine
    # models
    # evaluation
    # control
    "unknown_version": "{value!r} is not a model version; known: {known}",
    "nothing_to_roll_back": "campaign {value!r} has served no earlier version",
    "bad_group": "a dataset group is named by up to 63 letters, digits, - and _, not {value!r}",
    # app
    "key_reused": "this Idempotency-Key was used with another body",
    "nothing_to_train_on": "there are no events to train on; import some, or post them",
    "home_not_writable": "cannot write to {value}: {why}; set ENDCAP_HOME to a folder you own",
    # serving
    # cli and entrypoints
}
