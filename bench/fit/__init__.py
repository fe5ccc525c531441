"""A linear model from the user's file, and two pages about how it was fitted."""

from bench.runtime.libraries import MissingExtra as MissingExtra
