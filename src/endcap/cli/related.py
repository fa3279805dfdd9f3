"""``endcap related``."""

from __future__ import annotations

import time

import click

from endcap.cli.answers import print_answer
from endcap.domain.values import RELATED, RELATIONS, Query
from endcap.settings import Settings


@click.command("related", help="List the items that go with ITEM, as the server would.")
@click.argument("item")
@click.option(
    "--k", type=click.IntRange(1, 100), default=5, show_default=True, help="How many items."
)
@click.option(
    "--by", type=click.Choice(RELATIONS), default=RELATIONS[0], show_default=True,
    help="What makes two items related: who combined them, or their places in the embeddings.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_obj
def command(settings: Settings, item: str, k: int, by: str, as_json: bool) -> None:
    query = Query(surface=RELATED, at=time.time_ns() // 1000, k=k, item_id=item, by=by)
    print_answer(settings, query, {"itemId": item}, "related", as_json=as_json)
