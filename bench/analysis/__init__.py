"""Every derived figure of a run, once."""
