"""The page for a bucket: the files that ``endcap serve`` serves at ``/``, and ``config.json``.

    python infra/webapp.py build --api '' --credential token --out build/web
    terraform output -json web_config | python infra/webapp.py build --config - --out build/web
    python infra/webapp.py upload --from build/web --bucket BUCKET --distribution ID

``api``: base address of the API with a slash at its end; empty: where the page is, which is so
behind CloudFront. ``credential``: what the API asks for, ``token`` or ``key``; empty: nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from endcap.serving.site import CACHE, FILES, file

CONFIG = "config.json"
JSON = "application/json"
CREDENTIALS = ("", "token", "key")
_BEFORE = b'<link rel="stylesheet"'
_NAMED = b'<meta name="endcap-config" content="config.json">\n'


def config_of(api: str = "", credential: str = "") -> dict[str, str]:
    """What the page is told. Raises ValueError: neither empty nor an http(s) address without
    query; a credential that there is not."""
    parts = urlsplit(api)
    if api and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
        raise ValueError(f"api is {api!r}; it must be an address such as https://host/stage/")
    if credential not in CREDENTIALS:
        raise ValueError(f"credential is {credential!r}; it must be token, key or empty")
    return {"api": f"{api.rstrip('/')}/" if api else "", "credential": credential}


def policy_origin(api: str) -> str:
    """What the page's policy must permit beside the page's own origin; empty: nothing."""
    parts = urlsplit(api)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def build(out: Path, config: Mapping[str, Any]) -> list[Path]:
    """Write the page below ``out``; the files. ``config`` as ``config_of`` takes it. Raises
    ValueError as ``config_of``."""
    told = config_of(config.get("api") or "", config.get("credential") or "")
    made = []
    for place in FILES:
        made.append(out / place)
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        made[-1].write_bytes(page() if place == "index.html" else file(Path(place).name))
    made.append(out / CONFIG)
    made[-1].write_text(json.dumps(told, indent=2) + "\n")
    return made


def page() -> bytes:
    """The page of the server, which also names its ``config.json``."""
    before, found, behind = file("index.html").partition(_BEFORE)
    if not found:
        raise ValueError("index.html has no style sheet to stand before")
    return before + _NAMED + found + behind


def upload(folder: Path, bucket: str, distribution: str = "", clients: Any = None) -> list[str]:
    """Put the files into the bucket, the page last, and let CloudFront forget what it has kept;
    the keys. ``clients``: makes a client of a service; default: boto3's."""
    if clients is None:
        import boto3

        clients = boto3.client
    types = {**FILES, CONFIG: JSON}
    keys = sorted(types, key=lambda key: key == "index.html")
    s3 = clients("s3")
    for key in keys:
        s3.put_object(
            Bucket=bucket, Key=key, Body=(folder / key).read_bytes(), ContentType=types[key],
            CacheControl=CACHE,
        )  # fmt: skip
    if distribution:
        clients("cloudfront").create_invalidation(
            DistributionId=distribution,
            InvalidationBatch={
                "Paths": {"Quantity": 1, "Items": ["/*"]},
                "CallerReference": str(time.time_ns()),
            },
        )
    return keys


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The page for a bucket.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    built = verbs.add_parser("build", help="write the page and its config.json")
    built.add_argument("--config", help="config.json as Terraform's output web_config; - is stdin")
    built.add_argument("--api", default="", help="base address of the API; empty: same origin")
    built.add_argument("--credential", default="", choices=CREDENTIALS)
    built.add_argument("--out", type=Path, default=Path("build/web"))
    sent = verbs.add_parser("upload", help="put what was built into a bucket")
    sent.add_argument("--from", dest="folder", type=Path, default=Path("build/web"))
    sent.add_argument("--bucket", required=True)
    sent.add_argument("--distribution", default="", help="whose copies are outdated then")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    given = arguments(words)
    if given.verb == "upload":
        for key in upload(given.folder, given.bucket, given.distribution):
            print(f"s3://{given.bucket}/{key}")
        return 0
    config = {"api": given.api, "credential": given.credential}
    if given.config:
        text = sys.stdin.read() if given.config == "-" else Path(given.config).read_text("utf-8")
        config = json.loads(text)
    try:
        for path in build(given.out, config):
            print(path)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
