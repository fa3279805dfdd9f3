"""The page for a bucket: what is written, and what is put where."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from endcap.serving import site

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "infra" / "webapp.py"
DISTRIBUTION = (ROOT / "infra" / "modules" / "web" / "distribution.tf").read_text()


@pytest.fixture(scope="module")
def webapp() -> Any:
    spec = spec_from_file_location("webapp", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def built(*words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), "build", *words],
        input=said, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_page_is_that_of_the_server_and_names_its_configuration(tmp_path: Path) -> None:
    done = built("--api", "https://host.example/dev", "--credential", "key", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"index.html", "site/site.css", "site/site.js", "config.json"}
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "api": "https://host.example/dev/", "credential": "key"
    }  # fmt: skip
    page = (tmp_path / "index.html").read_bytes()
    added = b'<meta name="endcap-config" content="config.json">\n'
    assert page.count(added) == 1
    assert page.replace(added, b"") == site.file("index.html")
    for name in ("site.css", "site.js"):
        assert (tmp_path / "site" / name).read_bytes() == site.file(name)


def test_the_configuration_comes_from_terraform(tmp_path: Path) -> None:
    said = json.dumps({"api": "", "credential": "token"})
    done = built("--config", "-", "--out", str(tmp_path), said=said)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "config.json").read_text()) == json.loads(said)


@pytest.mark.parametrize("api", ["host.example/dev", "ftp://host", "https://", "https://h/?x=1"])
def test_an_address_that_is_none(tmp_path: Path, api: str) -> None:
    done = built("--api", api, "--out", str(tmp_path / "web"))
    assert done.returncode == 2
    assert api in done.stderr
    assert not (tmp_path / "web").exists()


def test_the_policy_of_the_distribution_is_that_of_the_server() -> None:
    (said,) = re.findall(r'^\s*policy\s*= "([^\n]*)"$', DISTRIBUTION, re.MULTILINE)
    assert said.replace("${local.asks}", "'self'") == site.POLICY


def test_what_the_page_asks_goes_to_the_api(webapp: Any) -> None:
    (listed,) = re.findall(r"api_paths = var.api == null \? \[\] : \[(.*?)\]", DISTRIBUTION, re.S)
    patterns = re.findall(r'"(/[^"]*)"', listed)
    script = site.file("site.js").decode()
    asked = re.findall(r'call\("\w+", ["`]([\w/]+)', script)
    assert len(asked) == 5
    page = re.findall(r'<a href="(docs)"', site.file("index.html").decode())
    for path in [*asked, *page]:
        assert any(re.fullmatch(p.replace("*", ".*"), f"/{path}") for p in patterns), path
    for own in (*webapp.FILES, webapp.CONFIG):
        assert not any(re.fullmatch(p.replace("*", ".*"), f"/{own}") for p in patterns), own


@pytest.mark.server
def test_upload(webapp: Any, aws: Any, tmp_path: Path) -> None:
    webapp.build(tmp_path, {"api": "", "credential": "token"})
    bucket, s3 = aws.name("pages"), aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    keys = webapp.upload(tmp_path, bucket, clients=aws.client)
    assert keys[-1] == "index.html"  # a page is never there before what it needs
    kinds = {**site.FILES, "config.json": "application/json"}
    for key in keys:
        told = s3.get_object(Bucket=bucket, Key=key)
        assert told["ContentType"] == kinds[key]
        assert told["CacheControl"] == "no-cache"
        assert told["Body"].read() == (tmp_path / key).read_bytes()
