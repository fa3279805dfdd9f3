"""``endcap keys``."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from endcap.cli.output import note, print_json, print_table, say
from endcap.domain.errors import InvalidInput
from endcap.domain.times import iso
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.control.api_keys import ApiKey

_DURATION = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNIT_US = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_HIDDEN = ("hash", "previous_hash")


@click.group("keys", help="Make, list, rotate and revoke API keys. A running server follows.")
def command() -> None:
    pass


@command.command("create", help="Make a key and print it: it is shown this once.")
@click.option("--name", required=True, help="What it is for, as the list shows it.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("read", "write"),
    show_default=True,
    help="read, write or admin; several times for several.",
)
@click.option("--expires-in", metavar="TIME", help="As 90d, 12h or 30m; without it: never.")
@click.option("--rate", type=click.FloatRange(0, 1e6), help="Requests a second; 0: no limit.")
@click.option("--burst", type=click.IntRange(1, 1_000_000), help="Requests at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the key as JSON.")
@click.pass_obj
def create(
    settings: Settings,
    *,
    name: str,
    scopes: tuple[str, ...],
    expires_in: str | None,
    rate: float | None,
    burst: int | None,
    as_json: bool,
) -> None:
    from endcap.control import api_keys

    expires = duration(expires_in, "--expires-in") if expires_in else None
    secret = secrets.token_bytes(api_keys.SECRET_BYTES)
    key_id = secrets.token_bytes(api_keys.ID_BYTES)

    def act(shop: Shop, at: int) -> ApiKey:
        return api_keys.create(
            shop.documents,
            key_id,
            secret,
            at,
            name=name,
            scopes=scopes,
            expires_at=at + expires if expires else 0,
            rate_per_s=rate,
            burst=burst,
        )

    _show(_changed(settings, act), secret, as_json)


@command.command("list", help="List the keys; their secrets are kept nowhere.")
@click.option("--json", "as_json", is_flag=True, help="Print the keys as JSON.")
@click.pass_obj
def listed(settings: Settings, as_json: bool) -> None:
    from endcap.control.api_keys import api_keys

    found = sorted(api_keys(_open(settings).documents), key=lambda key: key.created_at)
    at = time.time_ns() // 1000
    if as_json:
        print_json([_plain(key, at) for key in found])
    elif not found:
        say("no key yet: endcap keys create --name NAME")
    else:
        print_table(
            ["id", "name", "status", "scopes", "made (UTC)", "expires (UTC)", "rate", "burst"],
            [
                [
                    key.id,
                    key.name,
                    key.status(at),
                    " ".join(key.scopes),
                    iso(key.created_at)[:16],
                    iso(key.expires_at)[:16] if key.expires_at else "never",
                    key.rate_per_s,
                    key.burst,
                ]
                for key in found
            ],
        )


@command.command("rotate", help="Give the key ID a new secret, and print it: it is shown once.")
@click.argument("key_id", metavar="ID")
@click.option(
    "--grace",
    default="24h",
    show_default=True,
    metavar="TIME",
    help="How long the secret before stays valid, as 30m, 12h or 7d; 0m: not at all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the key as JSON.")
@click.pass_obj
def rotate(settings: Settings, key_id: str, grace: str, as_json: bool) -> None:
    from endcap.control import api_keys

    grace_us = duration(grace, "--grace")
    secret = secrets.token_bytes(api_keys.SECRET_BYTES)

    def act(shop: Shop, at: int) -> ApiKey:
        return api_keys.rotate(shop.documents, key_id, secret, at, grace_us)

    _show(_changed(settings, act), secret, as_json)


@command.command("revoke", help="End the key ID, from the next request on, for good.")
@click.argument("key_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the key as JSON.")
@click.pass_obj
def revoke(settings: Settings, key_id: str, as_json: bool) -> None:
    from endcap.control import api_keys

    key = _changed(settings, lambda shop, at: api_keys.revoke(shop.documents, key_id, at))
    if as_json:
        print_json(_plain(key, key.revoked_at))
    else:
        say(f"{key.id} ({key.name}) is revoked")


def duration(text: str, field: str) -> int:
    """µs. Raises InvalidInput (bad_duration)."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidInput("bad_duration", field=field, value=text)
    return int(match.group(1)) * _UNIT_US[match.group(2)]


def _open(settings: Settings) -> Shop:
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    return open_shop(settings)


def _changed(settings: Settings, act: Callable[[Shop, int], ApiKey]) -> ApiKey:
    from endcap.app.keys import change

    shop, at = _open(settings), time.time_ns() // 1000
    return change(shop, at, lambda: act(shop, at))


def _plain(key: ApiKey, at: int) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(key)
    return {n: v for n, v in shown.items() if n not in _HIDDEN} | {"status": key.status(at)}


def _show(key: ApiKey, secret: bytes, as_json: bool) -> None:
    from endcap.control.api_keys import key_text

    text = key_text(key.id, secret)
    if as_json:
        print_json(_plain(key, max(key.created_at, key.rotated_at)) | {"key": text})
        return
    say(text)
    note(f"{key.name}: {', '.join(key.scopes)}. Keep it now: it is not shown again.")
