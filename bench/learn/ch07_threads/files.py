"""Chapter 7: NumPy without its BLAS, Numba with threads, and the start of the exercise."""

from pathlib import Path

from bench.learn.variants import Variant

HERE = Path(__file__).parent
NUMBA_PARALLEL = HERE / "variants" / "numba_parallel.py"
NUMPY_ELEMENTWISE = Variant(
    "numpy_elementwise",
    "numpy_vectorized",
    """NumPy without matrix products: column by column, element by element.

Difference from numpy_vectorized: `X @ beta` and `X.T @ residual`, which NumPy passes to a BLAS, are sums of
element-wise products.
""",
    """
-    return np.ascontiguousarray(X), np.ascontiguousarray(y), np.ascontiguousarray(beta)
+    return np.array(X, order="F"), np.array(y), np.array(beta)  # column by column, so that each column is contiguous
-    n = len(X)
+    n, d = X.shape
+    columns = [X[:, j] for j in range(d)]
-            y_pred = X @ beta
+            y_pred = np.zeros(n, X.dtype)
+            for j in range(d):
+                y_pred += columns[j] * beta[j]
-            gradient = (-2 / n) * (X.T @ residual)
+            gradient = X.dtype.type(-2 / n) * np.array([np.sum(column * residual) for column in columns], X.dtype)
""",
)
START = Variant(
    "start",
    HERE / "solution.py",
    """Chapter 7: remove the race in `sum_up` and keep the threads. Everything else is right.

All threads add to the same `sums`, so additions are lost if there are many rows. Give each thread its own sums, and add
them up at the end. The answer must be right for every number of threads and rows, in every call. `get_num_threads()` of
numba returns the number of threads that share a `prange`.
""",
    """
-from numba import get_num_threads, njit, prange
+from numba import njit, prange
-    n, d = X.shape
-    threads = get_num_threads()
-    partial = np.zeros((threads, d))
-    for t in prange(threads):
-        for i in range(n * t // threads, n * (t + 1) // threads):
-            for j in range(d):
-                partial[t, j] += X[i, j] * residual[i]
-    sums = np.zeros(d)
-    for t in range(threads):
-        for j in range(d):
-            sums[j] += partial[t, j]
+    # sums[j] is the sum of X[i, j] * residual[i] over all rows i. Correct this function.
+    n, d = X.shape
+    sums = np.zeros(d)
+    for i in prange(n):
+        for j in range(d):
+            sums[j] += X[i, j] * residual[i]
""",
)
