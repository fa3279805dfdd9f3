"""Both gateways, asked for every path and method of openapi.yaml."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from endcap.entrypoints.lambdas.table import FUNCTIONS
from endcap.serving import origins
from endcap.serving.guard import scope_of
from endcap.serving.routes import ROUTES, twin_path

ROOT = Path(__file__).parents[2]
MODULE = "modules/api"
TABLE = json.loads((ROOT / "infra" / MODULE / "routes.json").read_text())
LAMBDA = re.compile(r":function:(?P<name>[\w-]+):(?P<alias>\w+)/invocations$")


class Landing(NamedTuple):
    """Where a request ends up, and whether the gateway lets anybody through to it."""

    function: str
    is_open: bool


def asked() -> list[tuple[str, str]]:
    """(method, path) of everything in openapi.yaml, as a client asks it."""
    path, found = "", []
    for line in (ROOT / "openapi.yaml").read_text().splitlines():
        if match := re.match(r"  (/\S*):$", line):
            path = re.sub(r"\{\w+\}", "some%20id", match[1])
        elif match := re.match(r"    (get|put|post|delete|patch|head|options):$", line):
            found.append((match[1].upper(), path))
    return found


def wanted() -> dict[tuple[str, str], Landing]:
    """By the code: the functions of single routes, and which routes need nothing."""
    own = {
        route: name
        for name, route in (("Submit", "/v1/submit"), ("RecordPreference", "/v1/recommend"))
    }
    found = {}
    for route in ROUTES:
        landing = Landing(own.get(route.path, "api"), scope_of(route) is None)
        path = re.sub(r"\{\w+\}", "some%20id", route.path)
        found[route.method, path] = landing
        if route.twin:
            found[route.method, twin_path(route)] = landing
    return found


def fits(pattern: str, path: str) -> bool:
    """As both gateways match: a part in braces is one part of the path, ``{x+}`` all others."""
    parts = [
        "/.+"
        if part.endswith("+}")
        else "/[^/]+"
        if part.startswith("{")
        else f"/{re.escape(part)}"
        for part in pattern.strip("/").split("/")
    ]
    return re.fullmatch("".join(parts), path) is not None if pattern != "/" else path == "/"


def best(patterns: list[tuple[str, str]], method: str, path: str) -> tuple[str, str] | None:
    """The most specific: exact before greedy, the longer greedy first, a method before ANY."""
    found = [(m, p) for m, p in patterns if m in (method, "ANY") and fits(p, path)]
    return max(found, key=lambda mp: ("+}" not in mp[1], len(mp[1]), mp[0] != "ANY"), default=None)


# --- What routes.json says, beside the code ---


def test_the_document_has_what_the_table_of_routes_has() -> None:
    assert len(asked()) == len(set(asked())) > 30
    assert set(asked()) == set(wanted())


def test_open_paths_are_those_of_the_server() -> None:
    is_open = {path for (_, path), landing in wanted().items() if landing.is_open}
    assert {p for p in is_open if any(fits(open_, p) for open_ in TABLE["open"])} == is_open
    closed = {path for (_, path), landing in wanted().items() if not landing.is_open}
    assert not {p for p in closed if any(fits(open_, p) for open_ in TABLE["open"])}


def test_routes_with_functions_of_their_own() -> None:
    assert TABLE["own"] == {
        f"{method} {path}": landing.function
        for (method, path), landing in wanted().items()
        if landing.function != "api"
    }
    assert {TABLE["others"], *TABLE["own"].values()} <= set(FUNCTIONS)


def test_pages_may_send_and_read_the_same_headers_as_on_a_laptop() -> None:
    allowed = origins.Origins("https://shop.example")
    scope = {
        "method": "OPTIONS",
        "headers": [
            (b"origin", b"https://shop.example"),
            (b"access-control-request-method", b"GET"),
        ],
    }
    preflight = allowed.preflight(scope, ["GET"])
    assert preflight is not None
    said = {name: value.decode() for name, value in [*preflight.headers, *allowed.headers(scope)]}
    cors = TABLE["cors"]
    assert said[b"access-control-allow-headers"] == ", ".join(cors["allow_headers"])
    assert said[b"access-control-expose-headers"] == ", ".join(cors["expose_headers"])
    assert said[b"access-control-max-age"] == str(cors["max_age_s"])
    assert {method for method, _ in asked()} | {"HEAD", "OPTIONS"} == set(cors["allow_methods"])


@pytest.mark.parametrize("path", ["/personalize", "/personalize/", "/personalize/events"])
def test_the_personalize_api_is_among_the_others_and_closed(path: str) -> None:
    assert not [p for p in TABLE["open"] if fits(p, path)]
    assert not [route for route in TABLE["own"] if fits(route.split(" ")[1], path)]
    assert TABLE["others"] == "api"


# --- What the provider made of it ---


class Applied(NamedTuple):
    outputs: dict[str, Any]
    words: list[str]
    name: str


@pytest.fixture(scope="module")
def applied(aws: Any, terraform: Any, tmp_path_factory: pytest.TempPathFactory) -> Applied:
    """The module on the emulator, before functions that are there already."""
    terraform.initialised(MODULE)
    prefix, functions = aws.name("gateways"), {}
    for name in ("api", "Submit", "RecordPreference"):
        functions[name] = function_of(aws, f"{prefix}-{name}")
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    state = tmp_path_factory.mktemp("state")
    variables = state / "variables.tfvars.json"
    variables.write_text(
        json.dumps(
            {
                "name": prefix,
                "kms_key_arn": key,
                "functions": functions,
                "cors_allowed_origins": ["https://shop.example"],
                "waf": True,
            }
        )
    )
    words = [f"-var-file={variables}", f"-state={state / 'state'}", "-no-color", "-input=false"]
    done = terraform.run(MODULE, "apply", "-auto-approve", *words, **aws.environment)
    assert done.returncode == 0, done.stderr
    told = terraform.run(MODULE, "output", "-json", f"-state={state / 'state'}")
    outputs = {name: row["value"] for name, row in json.loads(told.stdout).items()}
    return Applied(outputs, words, prefix)


def function_of(aws: Any, name: str) -> dict[str, str]:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return {}\n")
    role = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]
    client = aws.client("lambda")
    made = client.create_function(
        FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=role["Arn"],
        Code={"ZipFile": code.getvalue()}, Publish=True,
    )  # fmt: skip
    alias = client.create_alias(FunctionName=name, Name="live", FunctionVersion=made["Version"])
    return {"name": name, "arn": made["FunctionArn"], "alias_arn": alias["AliasArn"]}


def landing_of(uri: str, prefix: str, is_open: bool) -> Landing:
    match = LAMBDA.search(uri)
    assert match, uri
    assert match["alias"] == "live"
    return Landing(match["name"].removeprefix(f"{prefix}-"), is_open)


def http_routes(aws: Any, applied: Applied) -> dict[tuple[str, str], Landing]:
    client, api = aws.client("apigatewayv2"), applied.outputs["http_api_id"]
    uris = {
        f"integrations/{row['IntegrationId']}": row["IntegrationUri"]
        for row in client.get_integrations(ApiId=api)["Items"]
    }
    found = {}
    for row in client.get_routes(ApiId=api)["Items"]:
        method, _, path = row["RouteKey"].rpartition(" ")
        is_open = row["AuthorizationType"] == "NONE"
        landing = landing_of(uris[row["Target"]], applied.name, is_open)
        found[method or "ANY", path if method else "/{proxy+}"] = landing
    return found


def rest_routes(aws: Any, applied: Applied) -> dict[tuple[str, str], Landing]:
    client, api = aws.client("apigateway"), applied.outputs["rest_api_id"]
    found = {}
    for resource in client.get_resources(restApiId=api, limit=500)["items"]:
        for method in resource.get("resourceMethods", {}):
            asked_of = {"restApiId": api, "resourceId": resource["id"], "httpMethod": method}
            row = client.get_method(**asked_of)
            landing = landing_of(
                row["methodIntegration"]["uri"], applied.name, not row["apiKeyRequired"]
            )
            found[method, resource["path"]] = landing
    return found


READERS = {"http": http_routes, "rest": rest_routes}


@pytest.mark.server
@pytest.mark.parametrize("gateway", READERS)
def test_every_path_and_method_lands_where_the_code_says(
    aws: Any, applied: Applied, gateway: str
) -> None:
    routes = READERS[gateway](aws, applied)
    below = ("/personalize", "/personalize/events", "/personalize/recommendations")
    personalize = {("POST", path): Landing("api", False) for path in below}
    for (method, path), landing in {**wanted(), **personalize}.items():
        found = best(list(routes), method, path)
        assert found is not None, (method, path)
        assert routes[found] == landing, (method, path, found)


@pytest.mark.server
@pytest.mark.parametrize("gateway", READERS)
def test_what_is_not_there_is_told_by_the_function(
    aws: Any, applied: Applied, gateway: str
) -> None:
    routes = READERS[gateway](aws, applied)
    for method, path in (("GET", "/submit"), ("PATCH", "/v1/users/U1"), ("GET", "/nothing/at/all")):
        found = best(list(routes), method, path)
        assert found is not None, (method, path)
        assert routes[found] == Landing("api", False)


@pytest.mark.server
def test_browsers_ask_the_rest_api_without_a_key(aws: Any, applied: Applied) -> None:
    routes = rest_routes(aws, applied)
    for _, path in asked():
        found = best(list(routes), "OPTIONS", path)
        assert found is not None, path
        assert routes[found] == Landing("api", True)


@pytest.mark.server
def test_stages_logs_limits_and_keys(aws: Any, applied: Applied) -> None:
    told = applied.outputs
    assert re.search(r"/prod/?$", told["http_url"])
    assert re.search(r"/dev$", told["rest_url"])
    stage = aws.client("apigateway").get_stage(restApiId=told["rest_api_id"], stageName="dev")
    assert stage["tracingEnabled"]
    settings = stage["methodSettings"]["*/*"]
    assert (settings["loggingLevel"], settings["dataTraceEnabled"]) == ("INFO", False)
    plan = aws.client("apigateway").get_usage_plan(usagePlanId=told["usage_plan_id"])
    assert [row["stage"] for row in plan["apiStages"]] == ["dev"]
    keys = aws.client("apigateway").get_usage_plan_keys(usagePlanId=told["usage_plan_id"])
    assert [row["id"] for row in keys["items"]] == [told["api_key_id"]]
    api = aws.client("apigatewayv2").get_api(ApiId=told["http_api_id"])
    assert api["CorsConfiguration"]["AllowOrigins"] == ["https://shop.example"]
    (named,) = {
        row["AuthorizerId"]
        for row in aws.client("apigatewayv2").get_routes(ApiId=told["http_api_id"])["Items"]
        if row["AuthorizationType"] == "JWT"
    }
    authorizer = aws.client("apigatewayv2").get_authorizer(
        ApiId=told["http_api_id"], AuthorizerId=named
    )
    assert authorizer["JwtConfiguration"] == {
        "Issuer": told["user_pool"]["issuer"], "Audience": [told["user_pool"]["client_id"]]
    }  # fmt: skip


@pytest.mark.server
def test_a_second_plan_changes_nothing(aws: Any, terraform: Any, applied: Applied) -> None:
    done = terraform.run(MODULE, "plan", "-detailed-exitcode", *applied.words, **aws.environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_a_route_that_changes_is_deployed(aws: Any, terraform: Any, applied: Applied) -> None:
    table = terraform.infra / MODULE / "routes.json"
    kept = table.read_text()
    table.write_text(json.dumps({**TABLE, "open": [*TABLE["open"], "/extra"]}))
    try:
        done = terraform.run(MODULE, "plan", *applied.words, **aws.environment)
    finally:
        table.write_text(kept)
    assert re.search(r"aws_api_gateway_deployment\.this must be replaced", done.stdout), done.stderr
