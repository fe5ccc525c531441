"""Chapter 6: the number of calls after which compiling pays off.

Write `break_even_calls`. `backend` and `baseline` have the same five fields, all in seconds:

    import_s      importing the library, once
    prepare_s     preparing the data, once
    first_call_s  the first call of `fit`, from its start to its result
    compile_s     compiling, which happens inside the first call and is part of first_call_s
    warm_call_s   each call after the first one

Return the smallest number of calls, 1 or more, after which the total time of `backend` is not above that of `baseline`.
Return None if a warm call of `backend` is not shorter than a warm call of `baseline`: then there is no break-even.

An example: backend   import 4, prepare 0, first call 6 (5 of it compiling), warm call 1
            baseline  import 1, prepare 0, first call 3 (no compiling),       warm call 3
            after 1 call 10 and 4, after 2 calls 11 and 7, after 3 calls 12 and 10, after 4 calls 13 and 13: so 4.
"""


def break_even_calls(backend, baseline):
    # Write your code here. An example of a field: backend.first_call_s
    return 1
