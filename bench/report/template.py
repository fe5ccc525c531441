"""A page from its template: one offline HTML file, in which whatever a run holds is text."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

STYLE = re.compile("<style>(.*?)</style>", re.DOTALL)  # of our own templates, in which nothing of a run stands
# Nothing may be loaded, run or sent: the style is the one below, the pictures are inside the page.
POLICY = "default-src 'none'; img-src data:; style-src {style}; base-uri 'none'; form-action 'none'"


def render(name: str, **values: Any) -> str:
    """The template `name` of this folder with these values. Every value is escaped, and a missing one is an error.

    The page says for itself, as a content security policy, that it loads, runs and sends nothing.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template(name)
    style = STYLE.search(template.render(policy="", **values))
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    return template.render(policy=POLICY.format(style=f"'sha256-{digest}'"), **values)
