"""Chapter 5: files that change one thing about memory."""

from bench.learn.variants import Variant

START = Variant(
    "start", "numpy_vectorized", "Chapter 5: change `fit` so that fewer arrays of n numbers exist at the same time.\n"
)
OUT_BUFFERS = Variant(
    "out_buffers",
    "numpy_vectorized",
    """NumPy that writes into existing arrays.

Difference from numpy_vectorized: each call creates three arrays of n numbers, and every iteration reuses them (`out=`).
""",
    """
-    losses = []
+    losses = []
+    y_pred, residual, squares = np.empty_like(y), np.empty_like(y), np.empty_like(y)
-            y_pred = X @ beta
+            np.matmul(X, beta, out=y_pred)
-            residual = y - y_pred
-            losses.append(np.mean(residual * residual))
+            np.subtract(y, y_pred, out=residual)
+            losses.append(np.mean(np.multiply(residual, residual, out=squares)))
""",
)
FORTRAN_ORDER = Variant(
    "fortran_order",
    "numpy_vectorized",
    """NumPy with X stored column by column.

Difference from numpy_vectorized: `prepare` uses Fortran order, in which the numbers of a column are adjacent.
""",
    """
-    return np.ascontiguousarray(X), np.ascontiguousarray(y), np.ascontiguousarray(beta)
+    return np.asfortranarray(X), np.ascontiguousarray(y), np.ascontiguousarray(beta)
""",
)
TWO_PASSES = Variant(
    "two_passes",
    "numba_jit",
    """Numba with two passes over X: one for the residual, one for the gradient.

Difference from numba_jit: the compiler may sum in any order, so that it can compute several numbers at once.
""",
    """
-from numba import njit
+from numba import njit
+
+REORDERED = {"reassoc", "contract", "nsz"}  # sums in any order, fused multiply-add; NaN and infinity are kept
-@njit
+@njit(fastmath=REORDERED)
-        # gradient: -(2/n) X^T (y - y_pred)
-        gradient[:] = zero
-        for i in range(n):
-            for j in range(d):
-                gradient[j] += X[i, j] * residual[i]
-        for j in range(d):
-            gradient[j] *= -2 / n
-

-        total = zero
+        total = zero
+        gradient[:] = zero
-        losses[k] = total / n
+
+        # gradient: X^T (y - y_pred)
+        for i in range(n):
+            for j in range(d):
+                gradient[j] += X[i, j] * residual[i]
+        losses[k] = total / n
-            beta[j] -= learning_rate * gradient[j]
+            beta[j] -= learning_rate * (-2 / n * gradient[j])
""",
)
ONE_PASS = Variant(
    "one_pass",
    TWO_PASSES,
    """Numba with one pass over X. Each row gives its residual and, immediately, its part of the gradient.

Difference from two_passes: one loop over the rows instead of two. The arithmetic is the same for every number.
""",
    """
-        # gradient: X^T (y - y_pred)
-        for i in range(n):
+            # gradient: X^T (y - y_pred), the part of this row
""",
)
ALL = (OUT_BUFFERS, FORTRAN_ORDER, TWO_PASSES, ONE_PASS)
