"""What a backend costs once, before its steady state."""

from bench.records import Cell


def seconds_at(cell: Cell, iterations: float) -> float:
    """Seconds since the start of the process when so many iterations are made, at least those of the first call."""
    ledger = cell.cold_costs
    cold = (ledger.import_s or 0) + (ledger.prepare_s or 0) + (ledger.first_call_s or 0)
    return cold + (iterations - cell.n_iter) / cell.n_iter * (cell.median_s or 0)
