"""The blocks of a chapter, which a terminal, a notebook and a page show."""

import html
from typing import NamedTuple

from bench.report.article import Descents, Picture, Words
from bench.report.tables import Table


class Asked(NamedTuple):
    """A prediction: the question, its unit, and the answer, None where none was given."""

    question: str
    unit: str
    answer: float | str | None

    @property
    def answer_text(self) -> str:
        if self.answer is None:
            return "no prediction yet"
        number = f"{self.answer:g}" if isinstance(self.answer, float) else self.answer
        return f"{number} {self.unit}".strip()

    @property
    def html(self) -> str:
        question, answer = html.escape(self.question), html.escape(self.answer_text)
        return f'<p class="asked"><strong>{question}</strong><br>Your prediction: {answer}</p>'


Block = Words | Asked | Picture | Table | Descents
