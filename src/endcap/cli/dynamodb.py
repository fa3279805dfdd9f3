"""``endcap dynamodb``."""

from __future__ import annotations

import click

from endcap.cli.output import print_json, say
from endcap.domain.errors import InvalidInput
from endcap.settings import Settings


@click.command(
    "dynamodb",
    help="Make those tables of the dataset group that ENDCAP_DOCUMENTS=dynamodb://PREFIX lacks in "
    "DynamoDB, and switch backups and time to live on where they are not. No row is touched.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the names as JSON.")
@click.pass_obj
def command(settings: Settings, *, as_json: bool) -> None:
    if not settings.documents:
        raise InvalidInput("dynamodb_not_chosen", field="ENDCAP_DOCUMENTS")
    from endcap.bootstrap.documents import make_tables

    made = make_tables(settings, settings.group)
    if as_json:
        print_json({"made": made})
    else:
        say("\n".join(made) if made else "all tables are there already")
