"""Chapter 10, solved. The benchmarks are in start.py."""

ANSWERS = {
    "a": "no synchronization",
    "b": "compile counted",
    "c": "honest",
    "d": "float32 against float64",
    "e": "unequal threads",
    "f": "another algorithm",
    "g": "compile counted",
    "h": "honest",
}
