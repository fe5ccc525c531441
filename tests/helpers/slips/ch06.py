"""Chapter 6."""

from helpers.slips import Slip

SLIPS = (
    Slip("the first call twice", "first call", (("1 + math.ceil(", "math.ceil("),)),
    Slip(
        "the first call left out",
        "first call",
        (
            ("backend.prepare_s + backend.first_call_s", "backend.prepare_s + backend.compile_s"),
            ("baseline.prepare_s + baseline.first_call_s", "baseline.prepare_s + baseline.compile_s"),
            ("1 + math.ceil(", "math.ceil("),
        ),
    ),
    Slip(
        "compiling added to the first call",
        "compile twice",
        (
            (
                "backend.prepare_s + backend.first_call_s",
                "backend.prepare_s + backend.compile_s + backend.first_call_s",
            ),
            ("+ baseline.first_call_s", "+ baseline.compile_s + baseline.first_call_s"),
        ),
    ),
    Slip(
        "compiling added on one side",
        "compile twice",
        (("backend.prepare_s + backend.first_call_s", "backend.prepare_s + backend.compile_s + backend.first_call_s"),),
    ),
    Slip("the baseline starts for nothing", "baseline's start", (("(backend_cold - base_cold)", "backend_cold"),)),
    Slip("divided by a call", "not a difference", (("base_cold) / gain", "base_cold) / baseline.warm_call_s"),)),
    Slip("rounded down", "rounding", (("math.ceil(", "math.floor("),)),
    Slip("rounded to the nearest", "rounding", (("math.ceil(", "round("),)),
    Slip(
        "the gain turned round",
        "sign",
        (("baseline.warm_call_s - backend.warm_call_s", "backend.warm_call_s - baseline.warm_call_s"),),
    ),
    Slip("never is not seen", "never", (("if gain <= 0:", "if gain == 0:"),)),
    Slip("divided by nothing", "never", (("    if gain <= 0:\n        return None\n", ""),)),
    Slip("before the first call", "at least one", (("return max(1, calls)", "return calls"),)),
    Slip(
        "a part of a call",
        "whole number",
        (("math.ceil((backend_cold - base_cold) / gain)", "(backend_cold - base_cold) / gain"),),
    ),
)
