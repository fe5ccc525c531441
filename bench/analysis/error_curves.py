"""The recorded errors of the losses of a cell as shares of their bounds."""

import math

from bench.records import Cell, error_share

MAX_POINTS = 50  # of a curve


def error_shares(cell: Cell) -> list[tuple[int, float]]:
    """The valid points of a recorded curve: at most MAX_POINTS, each iteration once."""
    points: dict[int, float] = {}
    for row in cell.error_curve or []:
        if len(row) != 3 or not all(map(math.isfinite, row)):
            continue
        k, error, bound = row
        if k == int(k) and 0 <= k <= cell.n_iter and error >= 0 and bound >= 0:
            points.setdefault(int(k), error_share(error, bound))
        if len(points) == MAX_POINTS:
            break
    return sorted(points.items())
