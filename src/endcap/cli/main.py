"""The ``endcap`` command: global options, the table of verbs, and how errors reach a person.

A verb lives in its own module, as ``command``, and is imported when it is called: the command
starts quickly and ``endcap --help`` imports nothing but this file. Verbs get the ``Settings`` by
``@click.pass_obj``.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from endcap import __version__
from endcap.adapters.parameters import resolved
from endcap.cli.failures import explain, explain_usage
from endcap.domain.errors import EndcapError
from endcap.settings import load_settings

# verb → (module under endcap.cli, what it does)
VERBS: dict[str, tuple[str, str]] = {
    "generate": ("generate", "Write a synthetic shop to a folder."),
    "import": ("import_", "Read users, items and interactions into the lake."),
    "train": ("train", "Train a model version and put it into service."),
    "evaluate": ("evaluate", "Measure the recommendations against baselines."),
    "serve": ("serve", "Answer requests over HTTP."),
    "recommend": ("recommend", "Recommend items to one user."),
    "related": ("related", "List the items related to one item."),
    "replay": ("replay", "Give an earlier answer again."),
    "batch": ("batch", "Write recommendations for many users to a file."),
    "stream": ("stream", "Answer what comes in a stream, into the lake."),
    "pipeline": ("pipeline", "Run the offline steps in order, and look at past runs."),
    "versions": ("versions", "List the model versions and which one serves."),
    "rollback": ("rollback", "Put an earlier model version back into service."),
    "resources": ("resources", "List and describe what stands behind the Personalize API."),
    "vectors": ("vectors", "Load embeddings into a vector database, and choose which answer."),
    "dynamodb": ("dynamodb", "Make the tables in DynamoDB that are missing."),
    "doctor": ("doctor", "Check the state on disk and say what to do."),
    "keys": ("keys", "Make, list, rotate and revoke API keys."),
    "erase-user": ("erase_user", "Forget a user everywhere, and say where what was."),
    "purge": ("purge", "Take erased users out of all files now."),
    "etl": ("etl", "Make tables for training and analysis, in DuckDB or Spark."),
    "features": ("features", "Show the features of a user or product."),
    "export": ("export", "Write the lake's tables to files."),
    "deploy": ("deploy", "Deploy to AWS: plan, costs, apply, upload, run, URLs."),
    "destroy": ("destroy", "Destroy what was deployed to AWS, or some phases of it."),
    "cloud": ("cloud", "Run, upload and ask what was deployed to AWS."),
    "costs": ("costs", "Estimate what a month on AWS costs."),
    "demo": ("demo", "Generate, import, train, evaluate and serve a shop."),
    "benchmark": ("benchmark", "Measure the default recipe on public data."),
}
# What the server calls by itself.
HIDDEN = {"control-job": "control_job"}

INTERRUPTED = 130


class Verbs(click.Group):
    """A group that imports the module of a verb when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = VERBS[cmd_name][0] if cmd_name in VERBS else HIDDEN.get(cmd_name)
        if module is None:
            return None
        command = import_module(f"endcap.cli.{module}").command
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, about) for verb, (_, about) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS | HIDDEN and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, n=1, cutoff=0.5)
            advice = f"did you mean {near[0]!r}?" if near else "see 'endcap --help'"
            ctx.fail(f"there is no verb {args[0]!r}; {advice}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; any failure becomes one sentence on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            home: Path | None = getattr(ctx.obj, "home", None)
            ctx.exit(explain(error, home, debug=bool(ctx.params.get("debug"))))


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB …",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every setting has an environment variable ENDCAP_…: see docs/settings.md.",
)
@click.option("--home", metavar="FOLDER", help="Folder that holds all state [ENDCAP_HOME].")
@click.option("--group", metavar="NAME", help="Dataset group to act on [ENDCAP_GROUP].")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.version_option(__version__, prog_name="endcap", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, home: str | None, group: str | None, debug: bool) -> None:
    """Real-time product recommendations for shops."""
    ctx.obj = load_settings(resolved(os.environ), home=home, group=group)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run ``endcap ARGUMENTS`` (default: the process's own) and leave with its exit code."""
    try:
        code = cli.main(arguments, prog_name="endcap", standalone_mode=False)
    except click.ClickException as error:
        code = explain_usage(error)
    except click.Abort:
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except EndcapError as error:
        code = explain(error, None, debug=False)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
