"""The measuring wing: plan what to time, drive worker processes through it, assemble the run's record.

Importing it imports no array library: a worker times the import of its backend from a bare interpreter.
"""
