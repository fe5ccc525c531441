"""A page from its template: one offline HTML file, in which all values of a run are text."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

OWN = re.compile("<(style|script)>(.*?)</\\1>", re.DOTALL)  # the elements of our templates; they hold no value of a run
PLACE = "<policy>"  # the place of the policy. All values are escaped, so the first occurrence is that of the template.


def render(name: str, **values: Any) -> str:
    """The template `name` of this folder with these values, each escaped; a missing one is an error.

    The content security policy of the page allows no request.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(name).render(policy=Markup(PLACE), **values)
    return page.replace(PLACE, escape(policy(page)), 1)


def policy(page: str) -> str:
    """A policy that allows the pictures inside the page, and our styles and scripts by their digests."""
    rules = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    for kind, text in OWN.findall(page):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        rules.append(f"{kind}-src 'sha256-{digest}'")
    return "; ".join(rules)
