"""How good are recommendations? Metrics, protocols, evaluation with intervals, reports."""
