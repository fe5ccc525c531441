"""The figures of a report: one module each, listed in `figures.py`, on the shared style of `canvas.py`."""
