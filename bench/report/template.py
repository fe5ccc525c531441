"""A page from its template: one offline HTML file, in which whatever a run holds is text."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

OWN = re.compile("<(style|script)>(.*?)</\\1>", re.DOTALL)  # of our own templates, in which nothing of a run stands
PLACE = "<policy>"  # where the policy goes: no value can look like this, since all are escaped, and it is the first


def render(name: str, more: Path | None = None, **values: Any) -> str:
    """The template `name` of this folder, or of `more`, with these values, each escaped; a missing one is an error.

    The page says for itself, as a content security policy, that it loads and sends nothing.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, *filter(None, [more])]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(name).render(policy=Markup(PLACE), **values)
    return page.replace(PLACE, escape(policy(page)), 1)


def policy(page: str) -> str:
    """Nothing but the pictures inside the page, and the styles and scripts that are ours, each by its digest."""
    rules = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    for kind, text in OWN.findall(page):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        rules.append(f"{kind}-src 'sha256-{digest}'")
    return "; ".join(rules)
