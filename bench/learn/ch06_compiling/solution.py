"""Chapter 6, solved: what was paid more until the end of the first call, over what each call after it gains."""

import math


def break_even_calls(ours, baseline):
    gain = baseline.warm_call_s - ours.warm_call_s
    if gain <= 0:
        return None
    ours_cold = ours.import_s + ours.prepare_s + ours.first_call_s
    base_cold = baseline.import_s + baseline.prepare_s + baseline.first_call_s
    calls = 1 + math.ceil((ours_cold - base_cold) / gain)
    return max(1, calls)
