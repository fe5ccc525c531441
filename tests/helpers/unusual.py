"""Correct backends in unusual form, which the cross-check must accept: edits as in mutants.py, and whole files."""

from helpers.mutants import (
    HEAD,
    LOSS,
    PREDICT,
    PREPARE,
    PRODUCT,
    RESIDUAL,
    RETURN,
    START,
    STEP,
    SUM_BY_THREADS,
    TWO,
    Variant,
    edit,
    edits,
)

THREADS = """
import os
from concurrent.futures import ThreadPoolExecutor

def by_threads(work, n):
    parts = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cuts = [n * i // parts for i in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        return list(pool.map(lambda i: work(slice(cuts[i], cuts[i + 1])), range(parts)))
"""

# The parts are added in the order in which the threads end, so the rounding differs between calls.
SUM_WITH_A_LOCK = SUM_BY_THREADS.replace("total = [0.0]", "total, lock = [0.0], threading.Lock()").replace(
    "total[0] += term(slice(cuts[i], cuts[i + 1]))",
    """part = term(slice(cuts[i], cuts[i + 1]))
        with lock:
            total[0] = total[0] + part""",
)

# Compensated sum of the rows of an array.
KAHAN = """
def kahan(terms):
    total, lost = np.zeros_like(terms[0]), np.zeros_like(terms[0])
    for term in terms:
        part = term - lost
        after = total + part
        lost, total = (after - total) - part, after
    return total
"""

PAIRWISE = """
def pairwise(terms):
    if len(terms) == 1:
        return terms[0]
    return pairwise(terms[: len(terms) // 2]) + pairwise(terms[len(terms) // 2 :])
"""

NUMBA_PARALLEL = '''"""Parallel rows and reductions over any number of threads."""
import math
import numpy as np
from numba import njit, prange

def prepare(X, y, beta):
    return np.array(X), np.array(y), np.array(beta)

def fit(X, y, beta, learning_rate, max_iter, tol):
    with np.errstate(all="ignore"):
        return run(X, y, beta, X.dtype.type(learning_rate), max_iter, X.dtype.type(tol))

@njit(parallel=True, fastmath={"reassoc", "contract"})
def run(X, y, beta, rate, max_iter, tol):
    n, d = X.shape
    beta = beta.copy()
    losses = np.empty(max_iter + 1, X.dtype)
    residual = np.empty(n, X.dtype)
    gradient = np.empty(d, X.dtype)
    two_over_n = X.dtype.type(2 / n)
    for k in range(max_iter + 1):
        total = X.dtype.type(0)
        for i in prange(n):
            p = X.dtype.type(0)
            for j in range(d):
                p += X[i, j] * beta[j]
            residual[i] = y[i] - p
            total += residual[i] * residual[i]
        losses[k] = total / n
        if not math.isfinite(losses[k]) or (k and abs(losses[k - 1] - losses[k]) < tol * losses[0]) or k == max_iter:
            break
        for j in prange(d):
            s = X.dtype.type(0)
            for i in range(n):
                s += X[i, j] * residual[i]
            gradient[j] = s
        for j in range(d):
            beta[j] += rate * (two_over_n * gradient[j])
    return beta, losses[: k + 1].copy()

def to_numpy(array):
    return np.array(array)
'''

JAX_TRANSPOSED = '''"""A transposed X, one compiled step, and the loop in Python."""
import math
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

def prepare(X, y, beta):
    return jnp.array(X.T, copy=True), jnp.array(y, copy=True), jnp.array(beta, copy=True)

@jax.jit
def loss_and_gradient(XT, y, beta):
    return jax.value_and_grad(lambda b: jnp.mean((y - b @ XT) ** 2))(beta)

def fit(XT, y, beta, learning_rate, max_iter, tol):
    losses = []
    beta = beta + 0
    for k in range(max_iter + 1):
        loss, gradient = loss_and_gradient(XT, y, beta)
        losses.append(np.asarray(loss)[()])
        if not math.isfinite(losses[k]) or (k and abs(losses[k - 1] - losses[k]) < tol * losses[0]) or k == max_iter:
            break
        beta = beta - learning_rate * gradient
    return beta.block_until_ready(), np.array(losses)

def to_numpy(array):
    return np.array(array)
'''

JAX_SCAN = '''"""A scan over all updates. After the stop, an update changes nothing."""
from functools import partial
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

def prepare(X, y, beta):
    return jnp.array(X, copy=True), jnp.array(y, copy=True), jnp.array(beta, copy=True)

@partial(jax.jit, static_argnums=4)
def run(X, y, beta, rate, max_iter, tol):
    def loss(b):
        return jnp.mean((y - X @ b) ** 2)
    start = loss(beta)
    def step(state, k):
        b, before, stopped = state
        after = jnp.where(stopped, b, b + rate * 2 * (X.T @ (y - X @ b)) / len(y))
        now = jnp.where(stopped, before, loss(after))
        met = stopped | ~jnp.isfinite(now) | (jnp.abs(before - now) < tol * start)
        return (after, now, met), (now, stopped)
    state = beta, start, ~jnp.isfinite(start)
    (beta, _, _), (losses, stopped) = jax.lax.scan(step, state, jnp.arange(max_iter))
    return beta, jnp.append(start, losses), 1 + jnp.sum(~stopped)

def fit(X, y, beta, learning_rate, max_iter, tol):
    beta, losses, count = jax.block_until_ready(run(X, y, beta, learning_rate, max_iter, tol))
    return beta, np.array(losses)[: int(count)]

def to_numpy(array):
    return np.array(array)
'''

DECIMAL = '''"""Products and sums with forty decimal digits, rounded once."""
from decimal import Context, Decimal
import math
import numpy as np

DTYPES = ("float64",)
WIDE = Context(prec=40)

def prepare(X, y, beta):
    return [[Decimal(x) for x in row] for row in X.tolist()], [Decimal(t) for t in y.tolist()], beta.tolist()

def fit(X, y, beta, learning_rate, max_iter, tol):
    n, beta, losses = len(X), list(beta), []
    columns = list(zip(*X))
    for k in range(max_iter + 1):
        wide = [Decimal(b) for b in beta]
        residual = []
        for row, t in zip(X, y):
            total = -t
            for x, b in zip(row, wide):
                total = WIDE.fma(x, b, total)
            residual.append(-total)
        total = Decimal(0)
        for r in residual:
            total = WIDE.fma(r, r, total)
        losses.append(float(total / n))
        if not math.isfinite(losses[k]) or (k and abs(losses[k - 1] - losses[k]) < tol * losses[0]) or k == max_iter:
            break
        for j, column in enumerate(columns):
            total = Decimal(0)
            for x, r in zip(column, residual):
                total = WIDE.fma(x, r, total)
            beta[j] += learning_rate * (2 / n) * float(total)
    return beta, losses

def to_numpy(array):
    return np.array(array, dtype=float)
'''

SPECTRAL = '''"""Gradient descent in the basis of the right singular vectors, in which the components are independent."""
import math
import numpy as np

ALGORITHM = "steps in the eigenbasis of X^T X"

def prepare(X, y, beta):
    return np.array(X), np.array(y), np.array(beta)

def fit(X, y, beta, learning_rate, max_iter, tol):
    n = len(X)
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    target, c = U.T @ y, Vt @ beta
    still = beta - Vt.T @ c  # the part that no step changes, if d > n
    rest = np.sum((y - U @ target) ** 2)
    losses = []
    with np.errstate(all="ignore"):
        for k in range(max_iter + 1):
            r = target - s * c
            losses.append((r @ r + rest) / n)
            if not math.isfinite(losses[k]) or (k and abs(losses[k - 1] - losses[k]) < tol * losses[0]) or k == max_iter:
                break
            c = c + learning_rate * (2 / n) * s * r
    return (still + Vt.T @ c if k else beta.copy()), np.array(losses, X.dtype)

def to_numpy(array):
    return np.array(array)
'''

SPARSE = (
    ("import math\n", "import math\nfrom scipy import sparse\n"),
    ("np.ascontiguousarray(X), ", "sparse.csr_array(X), "),
    ("n = len(X)", "n = X.shape[0]"),
)

UNUSUAL = (
    edit("reversed_rows", PREDICT, "(X[::-1] @ beta)[::-1]"),
    edit("backwards_sum", PRODUCT, "X[::-1].T @ residual[::-1]"),
    edit("einsum", PREDICT, "np.einsum('ij,j->i', X, beta)"),
    edit("tensordot", PRODUCT, "np.tensordot(residual, X, 1)"),
    edit("add_reduce", PRODUCT, "np.add.reduce(X * residual[:, None], axis=0)"),
    edit("running_sum", PRODUCT, "np.cumsum(X * residual[:, None], axis=0)[-1]"),
    edit("columns_first", "np.ascontiguousarray(X)", "np.asfortranarray(X)"),
    edit("strided", "np.ascontiguousarray(X)", "np.repeat(X, 2, axis=1)[:, ::2]"),
    edit("blocks_of_5", PRODUCT, "sum(X[i : i + 5].T @ residual[i : i + 5] for i in range(0, n, 5))"),
    edit("blocks_of_512", PRODUCT, "sum(X[i : i + 512].T @ residual[i : i + 512] for i in range(0, n, 512))"),
    edit("rows_sorted", PREPARE, "order = np.argsort(y)\n    return X[order], y[order], np.array(beta)"),
    edit("residual_turned", "(-2 / n) * (X.T @ residual)", "(2 / n) * (X.T @ (y_pred - y))"),
    edit("halved_twice", TWO, "(-(0.5 ** -1) / n)"),
    edit("mean_of_rows", "(-2 / n) * (X.T @ residual)", "-2 * np.mean(X * residual[:, None], axis=0)"),
    edit("dot_loss", LOSS, "residual @ residual / n"),
    edit("squared_norm", LOSS, "np.linalg.norm(residual) ** 2 / n"),
    edit("sorted_sum", LOSS, "np.sort(residual * residual).sum() / n"),
    edit("rate_folded_in", "beta - learning_rate * gradient", "beta - (learning_rate * np.ones_like(beta)) * gradient"),
    edits("step_folded_into_X", (START, START + "\n    scaled = (X * (2 * learning_rate / n)).T.copy()"), (STEP, "beta = beta + scaled @ residual")),
    edit("update_by_component", STEP, "beta = np.array([b - learning_rate * g for b, g in zip(beta, gradient)], X.dtype)"),
    edit("gram_step", PRODUCT, "X.T @ y - (X.T @ X) @ beta"),
    edit("wider_inside", PREDICT, "(X.astype(np.longdouble) @ beta).astype(X.dtype)"),
    edits("wide_throughout", (START, "dtype = X.dtype; X, y, beta = (a.astype(np.longdouble) for a in (X, y, beta))"), ("np.mean(residual * residual)", "dtype.type(np.mean(residual * residual))"), (RETURN, "return beta.astype(dtype), np.array(losses, dtype=dtype)")),
    edits("fused", (RESIDUAL, "residual = (y - X.astype(np.longdouble) @ beta).astype(X.dtype)"), (STEP, "beta = (beta.astype(np.longdouble) - np.longdouble(learning_rate) * gradient).astype(X.dtype)")),
    edits("a_column_vector", (RESIDUAL, "residual = (y[:, None] - X @ beta[:, None])[:, 0]")),
    edits("intercept_free_matrix_of_ones", (PREDICT, "np.hstack([X, np.zeros((n, 1), X.dtype)]) @ np.append(beta, X.dtype.type(0))")),
    edits("kahan", (HEAD, HEAD + KAHAN), (PRODUCT, "kahan(X * residual[:, None])"), (LOSS, "kahan(residual * residual) / n")),
    edits("pairwise", (HEAD, HEAD + PAIRWISE), (PRODUCT, "pairwise(X * residual[:, None])"), (LOSS, "pairwise(residual * residual) / n")),
    edits("threads", (HEAD, HEAD + THREADS), (PREDICT, "np.concatenate(by_threads(lambda part: X[part] @ beta, n))"), (PRODUCT, "sum(by_threads(lambda part: X[part].T @ residual[part], n))")),
    edits("threads_with_a_lock", (HEAD, HEAD + "import threading\n" + SUM_WITH_A_LOCK), (LOSS, "sum_by_threads(lambda part: residual[part] @ residual[part], n) / n"), (PRODUCT, "sum_by_threads(lambda part: X[part].T @ residual[part], n)")),
    edits("qr_rows", (HEAD, HEAD + 'ALGORITHM = "rows compressed by QR"\n'), (START, START + "\n    Q, R = np.linalg.qr(X)\n    z = Q.T @ y\n    rest = np.sum((y - Q @ z) ** 2)"), (RESIDUAL, "residual = z - R @ beta"), (LOSS, "(np.sum(residual * residual) + rest) / n"), (PRODUCT, "R.T @ residual")),
    edits("gram_once", (HEAD, HEAD + 'ALGORITHM = "Gram matrix"\n'), (START, START + "\n    G, m = X.T @ X, X.T @ y"), (PRODUCT, "m - G @ beta")),
    edits("gram_once_step_by_step", (START, START + "\n    G, m = X.T @ X, X.T @ y"), (PRODUCT, "m - G @ beta")),
    edits("sparse", *SPARSE),
    edits("blas", (HEAD, HEAD + "from scipy.linalg.blas import dgemv, sgemv\n"), (START, START + "\n    gemv = dgemv if X.dtype == np.float64 else sgemv\n    F = np.asfortranarray(X)"), (PREDICT, "gemv(1, F, beta)"), (PRODUCT, "gemv(1, F, residual, trans=1)")),
    edits("stops_by_two_buffers", (LOSS, "np.mean(residual * residual, dtype=X.dtype)"), ("abs(losses[k - 1] - losses[k]) < tol * losses[0]", "-tol * losses[0] < losses[k] - losses[k - 1] < tol * losses[0]")),
    Variant("fsum", (("total = 0.0\n            for j in range(d):\n                total += X[i][j] * beta[j]\n", "total = math.fsum(X[i][j] * beta[j] for j in range(d))\n"), ("gradient = [0.0] * d\n        for i in range(n):\n            for j in range(d):\n                gradient[j] += X[i][j] * residual[i]\n", "gradient = [math.fsum(X[i][j] * residual[i] for i in range(n)) for j in range(d)]\n")), base="python_loops"),
    Variant("loops_from_the_end", (("for i in range(n):", "for i in reversed(range(n)):"), ("y_pred = []", "y_pred = [0.0] * n"), ("y_pred.append(total)", "y_pred[i] = total"), ("residual = []", "residual = [0.0] * n"), ("residual.append(y[i] - y_pred[i])", "residual[i] = y[i] - y_pred[i]")), base="python_loops"),
)  # fmt: skip
FILES = {"numba_parallel": NUMBA_PARALLEL, "jax_transposed": JAX_TRANSPOSED, "jax_scan": JAX_SCAN, "decimal": DECIMAL, "spectral": SPECTRAL}  # fmt: skip
# Python loops over rows: too slow for 20,000 rows.
SLOW = {"fsum", "loops_from_the_end", "decimal", "kahan", "blocks_of_5", "pairwise", "spectral"}
# Compiled for each number of updates, or slow to compile.
COMPILED = {"numba_parallel", "jax_transposed", "jax_scan", "threads", "threads_with_a_lock"}
# All checks together take more than a second.
LONG = {"decimal", "kahan", "pairwise", "spectral"}
