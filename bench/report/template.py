"""A page from its template: one offline HTML file, in which whatever a run holds is text."""

from pathlib import Path
from typing import Any


def render(name: str, **values: Any) -> str:
    """The template `name` of this folder with these values. Every value is escaped, and a missing one is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(**values)
