"""Measure backends: plan a run, execute it in worker processes, keep its folder.

Importing this package imports no array library, because a worker times the import of its backend.
"""
