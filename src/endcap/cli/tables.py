"""Evaluations on the terminal: what ``evaluate`` and ``demo`` print."""

from __future__ import annotations

from endcap.cli.output import print_table, say
from endcap.evaluation.results import Evaluation
from endcap.evaluation.tables import terminal_rows, verdict


def print_evaluation(evaluation: Evaluation) -> None:
    header, *rows = terminal_rows(evaluation)
    print_table(header, rows)
    say(verdict(evaluation, "endcap"))
