"""The problems: synthetic, built-in, the user's files."""
