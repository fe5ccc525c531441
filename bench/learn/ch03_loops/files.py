"""Chapter 3: the loops of python_loops over NumPy arrays, interpreted and compiled."""

from bench.learn.variants import Variant

START = Variant("start", "python_loops", "Chapter 3: make `fit` faster, without NumPy or another array library.\n")
ARRAY_INDEXING = Variant(
    "array_indexing",
    "python_loops",
    """Loops over NumPy arrays, one element at a time.

Difference from python_loops: `prepare` keeps the NumPy arrays, so every access to an element creates a Python object.
""",
    """
-    # Lists, because access to single elements of a NumPy array is slower: it creates an object each time.
-    return X.tolist(), y.tolist(), beta.tolist()
+    return X, y, beta
-def fit(X, y, beta, learning_rate, max_iter, tol):
+def fit(X, y, beta, learning_rate, max_iter, tol):
+    np.seterr(over="ignore", invalid="ignore")  # a diverging fit is a result, not a warning
+    return descend(X, y, beta, learning_rate, max_iter, tol)
+
+
+def descend(X, y, beta, learning_rate, max_iter, tol):
-                total += X[i][j] * beta[j]
+                total += X[i, j] * beta[j]
-                gradient[j] += X[i][j] * residual[i]
+                gradient[j] += X[i, j] * residual[i]
""",
)
INDEXING_COMPILED = Variant(
    "indexing_compiled",
    ARRAY_INDEXING,
    """The loops over NumPy arrays, compiled: the source of array_indexing with one more line, `@njit`.

Difference from array_indexing: Numba compiles `descend` to machine code for the types of its arguments.
""",
    """
-import numpy as np
+import numpy as np
+from numba import njit
-    return X, y, beta
+    return np.array(X), np.array(y), np.array(beta)  # Numba compiles again for read-only or strided arrays
-def descend(X, y, beta, learning_rate, max_iter, tol):
+@njit
+def descend(X, y, beta, learning_rate, max_iter, tol):
""",
)
