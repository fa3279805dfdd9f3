"""``endcap erase-user``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from endcap.cli.output import print_json, print_table, say
from endcap.domain.times import iso
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.receipts import Receipt


@click.command(
    "erase-user",
    help="Forget the user ID (-: the ids that stdin lists, one a line, which no process list "
    "shows): from the next answer on nothing of what the user did is used. The "
    "receipt says how much was where, and when the last byte of it is gone from the disk.",
)
@click.argument("user_id", metavar="ID")
@click.option("--purge", is_flag=True, help="Take it out of all files at once.")
@click.option("--receipts", is_flag=True, help="Erase nothing; print the receipts of this ID.")
@click.option("--json", "as_json", is_flag=True, help="Print the receipts as JSON.")
@click.pass_obj
def command(
    settings: Settings, *, user_id: str, purge: bool, receipts: bool, as_json: bool
) -> None:
    from endcap.app import erasure
    from endcap.app.compaction import settle
    from endcap.app.receipts import receipts_of
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.serving.parameters import check_id

    names = [line.strip() for line in sys.stdin] if user_id == "-" else [user_id]
    names = list(dict.fromkeys(check_id(name, "ID") for name in names if name))
    prepare_kernels(settings)
    shop = open_shop(settings)
    made = []
    if not receipts:
        made = erasure.erase_users(shop, names, time.time_ns() // 1000)
    if purge:
        settle(shop, time.time_ns() // 1000, purge_now=True)
    if purge or receipts:
        made = [receipt for name in names for receipt in receipts_of(shop, name)]
    if as_json:
        print_json([public(receipt) for receipt in made])
        return
    for receipt in made:
        show(receipt)
    if not made:
        say("no receipt: nobody of that name was erased here")


def public(receipt: Receipt) -> dict[str, object]:
    """As JSON shows it: times in ISO 8601."""
    return {
        "receipt": receipt.receipt,
        "erasedAt": iso(receipt.at),
        "purgeAt": iso(receipt.purge_at),
        "purgedAt": iso(receipt.purged_at) if receipt.purged_at else None,
        "forgotten": receipt.forgotten,
        "untilPurge": receipt.until_purge,
        "purged": receipt.purged,
        "pending": receipt.pending,
    }


def show(receipt: Receipt) -> None:
    say(f"receipt {receipt.receipt}")
    say(f"erased {iso(receipt.at)}")
    rows = [(place, count, "forgotten") for place, count in receipt.forgotten.items()]
    rows += [(place, count, "until the purge") for place, count in receipt.until_purge.items()]
    rows += [(place, count, "purged, of all users") for place, count in receipt.purged.items()]
    print_table(("place", "entries", ""), rows)
    if receipt.pending:
        say(f"not looked through yet: {', '.join(receipt.pending)}")
    if receipt.purged_at:
        say(f"gone from the disk since {iso(receipt.purged_at)}")
    else:
        say(f"gone from the disk by {iso(receipt.purge_at)}, or now: endcap purge")
