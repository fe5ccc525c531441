"""Child processes, files, the machine and its probes."""
