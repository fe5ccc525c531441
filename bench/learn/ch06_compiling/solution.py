"""Chapter 6, solved: the additional time at the end of the first call, divided by the gain of each later call."""

import math


def break_even_calls(backend, baseline):
    gain = baseline.warm_call_s - backend.warm_call_s
    if gain <= 0:
        return None
    backend_cold = backend.import_s + backend.prepare_s + backend.first_call_s
    base_cold = baseline.import_s + baseline.prepare_s + baseline.first_call_s
    calls = 1 + math.ceil((backend_cold - base_cold) / gain)
    return max(1, calls)
