"""Chapter 6: after how many calls is compiling repaid?

Write `break_even_calls`. `ours` and `baseline` have the same five fields, all in seconds:

    import_s      to import the library, once
    prepare_s     to prepare the data, once
    first_call_s  the first call of `fit`, from its begin to its answer
    compile_s     compiling; it happens inside the first call and is a part of first_call_s
    warm_call_s   each call after the first one

Return the least number of calls, 1 or more, after which the whole time of `ours` is no longer above that of `baseline`.
Return None where a warm call of `ours` is not shorter than one of `baseline`: then nothing is ever repaid.

An example: ours   import 4, prepare 0, first call 6 (5 of it compiling), warm call 1
            base   import 1, prepare 0, first call 3 (nothing compiled),  warm call 3
            after 1 call 10 against 4, after 2 calls 11 against 7, after 3 12 against 10, after 4 13 against 13: so 4.
"""


def break_even_calls(ours, baseline):
    # Write here. An example of a field: ours.first_call_s
    return 1
