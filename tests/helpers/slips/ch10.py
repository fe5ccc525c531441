"""Chapter 10."""

from helpers.slips import Slip

SLIPS = (
    Slip("an honest one accused", "honest one accused", (('"h": "honest"', '"h": "no synchronization"'),)),
    Slip("waiting, but for the compiler", "compile and synchronization", (('"g": "compile counted"', '"g": "no synchronization"'),)),
    Slip("the promise believed", "cheat believed", (('"a": "no synchronization"', '"a": "honest"'),)),
    Slip("threads missed", "threads missed", (('"e": "unequal threads"', '"e": "honest"'),)),
    Slip("dtype missed", "dtype missed", (('"d": "float32 against float64"', '"d": "another algorithm"'),)),
    Slip("algorithm missed", "algorithm missed", (('"f": "another algorithm"', '"f": "honest"'),)),
    Slip("an answer left out", "left out", (('"b": "compile counted"', '"b": ""'),)),
    Slip("a name of one's own", "unknown name", (('"b": "compile counted"', '"b": "warm-up"'),)),
    Slip("not a dictionary", "left out", (("ANSWERS = {", "GIVEN = {"),)),
    Slip("no compiler seen", "", (('"b": "compile counted"', '"b": "unequal threads"'),)),
)  # fmt: skip
