"""Chapter 11: the finished backend, and the start of the exercise with its two mistakes."""

from pathlib import Path

from bench.learn.variants import Variant

SOLUTION = Path(__file__).parent / "solution.py"
FINISHED = Variant("finished", SOLUTION, "A backend with X stored column by column.\n")
START = Variant(
    "start",
    SOLUTION,
    """Chapter 11: your own backend. It is unfinished: `gdbench check` on this file reports what is wrong.

X is stored column by column, so that both products read rows of one array. You can keep this or change it: use other
operations, blocks of rows, or another library. The file must follow the contract and must not be a copy of a backend here.

    prepare(X, y, beta)  creates the inputs of fit. Not timed.
    fit(...)             returns (beta, losses); losses[k] is the loss after k updates. Timed.
    to_numpy(array)      converts the results of fit to NumPy arrays. Not timed.
""",
    """
-            if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
-                break
+            # missing: also stop if the loss changed by less than tol * losses[0] since the last k
-            beta = beta + learning_rate * (2 / n) * (columns @ residual)
+            beta = beta + learning_rate * (1 / n) * (columns @ residual)
""",
)
