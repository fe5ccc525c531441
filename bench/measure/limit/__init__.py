"""Kernels in C, backends that the tuned files are compared with by `pytest bench -k limit`."""
