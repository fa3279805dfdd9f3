"""Evaluations on the terminal: what ``evaluate`` and ``demo`` print."""

from __future__ import annotations

from endcap.cli.output import print_table, say
from endcap.evaluation.results import Evaluation
from endcap.evaluation.tables import (
    newcomers_sentence,
    pair_sentences,
    ranker_sentence,
    terminal_rows,
    verdict,
)


def print_evaluation(evaluation: Evaluation) -> None:
    header, *rows = terminal_rows(evaluation)
    print_table(header, rows)
    say(verdict(evaluation, "endcap"))
    for sentence in pair_sentences(evaluation):
        say(sentence)
    if evaluation.ranker:
        say(ranker_sentence(evaluation.ranker))
    if evaluation.newcomers:
        say(newcomers_sentence(evaluation.newcomers))
