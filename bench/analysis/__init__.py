"""All quantities that are derived from a run. Each is computed in one place."""
