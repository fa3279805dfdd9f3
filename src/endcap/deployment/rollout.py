"""The way from a repository to URLs: packages, plan, apply, files, one run. Each step may be
impossible here (no credentials, no Terraform): a dry run notes that and goes on without it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from endcap.deployment.changes import Changes, Progress, changes_of, outputs_of, standing
from endcap.deployment.phases import WITH_GLUE, WITH_IMAGE, WITH_PACKAGE, after
from endcap.deployment.repository import Environment
from endcap.domain.errors import Conflict, EndcapError, InvalidInput, Unavailable

Tell = Callable[[str], None]
RUN_S = 900.0


class Wanted(Struct, frozen=True):
    """What was asked for. ``package``: a zip that is there already; ``settings``: further
    variables of the environment."""

    region: str = ""
    phases: tuple[str, ...] = ()
    package: str = ""
    image: str = ""
    no_image: bool = False
    training_image: str = ""
    settings: Mapping[str, str] = {}
    dry_run: bool = False


class Rollout:
    """One deployment of ``place``. ``undone``: what a dry run could not do, a sentence each."""

    def __init__(
        self, place: Environment, wanted: Wanted, variables: Mapping[str, str], tell: Tell
    ) -> None:
        self.place, self.wanted, self.tell = place, wanted, tell
        self.variables = dict(variables)
        self.undone: list[str] = []
        self.terraform = self._or_note("plan and validation", self._open)
        self.region = self._region({})
        self._or_note("check of credentials", self._check)
        self.reaches = self.terraform is not None and not self.undone
        self.outputs: dict[str, Any] = {}
        self.state: dict[str, Any] = {}

    def begin(self) -> None:
        """Reach the state, and refuse what an earlier apply left in a way that must be mended
        first. Raises Conflict (state_unsaved, region_differs)."""
        if (self.place.folder / "errored.tfstate").exists():
            raise Conflict("state_unsaved", field=self.place.name, value=self.place.folder.name)
        if self.place.unfinished.exists():
            self.tell(
                f"the last apply of {self.place.name} did not end well: what it made stands in "
                "the state, and this one goes on from there"
            )
        if not self.reaches or self.terraform is None:
            return
        self.tell("terraform init")
        self.terraform.init()
        self._read()
        region, self.region = self.region, self._region(self.outputs)
        if region != self.region:
            self.tell(f"{self.place.name} stands in {self.region}")

    def phases(self) -> list[str]:
        """What stands afterwards. Raises InvalidInput (image_missing, phase_needs)."""
        stands = self.outputs.get("phases") or []
        found = after(stands, self.wanted.phases)
        if self.wanted.no_image:
            found = [phase for phase in found if phase not in WITH_IMAGE]
        elif set(found) & set(WITH_IMAGE) and not self.image() and self.reaches:
            where = (self.outputs.get("repositories") or {}).get("functions", "")
            raise InvalidInput("image_missing", field="--image", value=where or "made by core")
        return found

    def image(self) -> str:
        """The functions' image: what was given, what a file of variables says, what stands."""
        named = self.wanted.image or self.place.setting("functions_image")
        uris = (one.values.get("image_uri") for one in standing(self.state)
                if one.kind == "aws_lambda_function")  # fmt: skip
        return named or next((uri for uri in uris if uri), "")

    def pack(self, phases: list[str]) -> dict[str, Any]:
        """Build what these phases need; the variables for Terraform."""
        given: dict[str, Any] = {"aws_region": self.region, "phases": phases}
        if set(phases) & set(WITH_PACKAGE):
            given["functions_package"] = str(self._package())
        if set(phases) & set(WITH_GLUE):
            self._made("glue_package.py", "--out", str(self.place.build / "glue"))
            given["glue_package"] = str(self.place.build / "glue")
        if set(phases) & set(WITH_IMAGE):
            given["functions_image"] = self.image()
        if self.wanted.training_image:
            given["training_image"] = self.wanted.training_image
        for name in self.wanted.settings:
            if name not in self.place.declared:
                permitted = ", ".join(sorted(self.place.declared))
                raise InvalidInput("unknown_variable", field="--set", value=name,
                                   permitted=permitted[:150])  # fmt: skip
        found = {name: value for name, value in given.items() if name in self.place.declared}
        return {**found, **self.wanted.settings}

    def plan(self, variables: Mapping[str, Any], *words: str) -> Changes | None:
        """What would change; None where no account is in reach (the code is validated then)."""
        if self.terraform is None:
            return None
        if not self.reaches:
            self._validate()
            return None
        self.place.plan.parent.mkdir(parents=True, exist_ok=True)
        self.tell("terraform plan")
        self.terraform.plan(self.place.plan, variables, *words)
        return changes_of(self.terraform.shown(self.place.plan))

    def apply(self) -> None:
        """Apply the plan. A mark stands beside it until all went well."""
        assert self.terraform is not None  # noqa: S101
        self.place.unfinished.touch()
        self.terraform.apply(self.place.plan, Progress(self.tell))
        self.place.unfinished.unlink()
        self._read()

    def forget_plan(self) -> None:
        """A plan holds the values of variables: none stays behind."""
        self.place.plan.unlink(missing_ok=True)

    def upload_page(self) -> None:
        """Build the page for the outputs and put it where CloudFront reads it."""
        bucket, config = self.outputs.get("web_bucket"), self.outputs.get("web_config")
        if not bucket:
            return
        out = self.place.build / "web"
        described = self.place.build / "deploy" / f"{self.place.name}.web.json"
        described.parent.mkdir(parents=True, exist_ok=True)
        described.write_text(json.dumps(config), encoding="utf-8")
        self._made("webapp.py", "build", "--config", str(described), "--out", str(out))
        words = ["--from", str(out), "--bucket", str(bucket)]
        if distribution := self.outputs.get("distribution_id"):
            words += ["--distribution", str(distribution)]
        self._made("webapp.py", "upload", *words)

    def upload_users(self, path: Path) -> None:
        """A file of users to where a new file begins the machine of users."""
        from endcap.adapters.aws_account import put_file

        bucket = (self.outputs.get("buckets") or {}).get("users")
        if not bucket:
            raise InvalidInput("nothing_there", field="buckets", value=self.place.name)
        put_file(self.region, bucket, f"users/{path.name}", path)
        self.tell(f"{path.name} lies in {bucket}")

    def run(self, pipeline: str) -> str:
        """Run a state machine once; its status. Raises InvalidInput (nothing_there)."""
        from endcap.adapters.aws_account import run_machine

        arn = (self.outputs.get("state_machines") or {}).get(pipeline)
        if not arn:
            raise InvalidInput("nothing_there", field=pipeline, value=self.place.name)
        return run_machine(self.region, str(arn), RUN_S)

    def _read(self) -> None:
        assert self.terraform is not None  # noqa: S101
        self.state = self.terraform.state()
        self.outputs = outputs_of(self.state)

    def _package(self) -> Path:
        out = Path(self.wanted.package or self.place.build / "functions.zip").resolve()
        if self.wanted.package:
            if not out.is_file():
                raise InvalidInput("no_such_file", field=self.wanted.package)
        else:
            self._made("package.py", "--out", str(out))
        return out

    def _made(self, script: str, *words: str) -> None:
        """Raises Unavailable (not_packed) with the script's last words."""
        self.tell(f"infra/{script} {words[0] if script == 'webapp.py' else ''}".strip())
        done = subprocess.run(
            [sys.executable, str(self.place.root / "infra" / script), *words],
            env={**self.variables, "AWS_REGION": self.region},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason told"])[-1]
            raise Unavailable("not_packed", field=f"infra/{script}", reason=last[:140])

    def _validate(self) -> None:
        """Without an account: apart from what `terraform init` has made for the real state."""
        assert self.terraform is not None  # noqa: S101
        apart = self.place.build / "deploy" / f"{self.place.name}.offline"
        self.terraform.environment["TF_DATA_DIR"] = str(apart.resolve())
        self.tell("terraform validate")
        self.terraform.init(backend=False)
        self.terraform.validate()

    def _open(self) -> Any:
        from endcap.adapters.terraform import Terraform

        return Terraform(self.place.folder, self.variables)

    def _check(self) -> bool:
        try:
            from endcap.adapters import aws_account
        except ModuleNotFoundError as error:
            raise InvalidInput("aws_extra_missing", field="endcap deploy") from error
        aws_account.check_region(self.region)
        who = aws_account.identify(self.region)
        self.tell(f"account {who.account}, region {self.region}")
        return True

    def _region(self, outputs: Mapping[str, Any]) -> str:
        """What was asked for, where it stands already, the files, the environment's variables."""
        stands = outputs.get("region")
        told = self.wanted.region or self.place.setting("aws_region")
        if stands and self.wanted.region and stands != self.wanted.region:
            raise Conflict("region_differs", field=self.place.name, value=self.wanted.region,
                           stands=stands)  # fmt: skip
        return str(stands or told or self.variables.get("AWS_REGION", ""))

    def _or_note(self, what: str, done: Callable[[], Any]) -> Any:
        """A dry run goes on without what it cannot have; a wrong region stays an error."""
        try:
            return done()
        except EndcapError as error:
            if not self.wanted.dry_run or error.code == "unknown_region":
                raise
            self.undone.append(f"no {what}: {error}")
            return None
