"""JAX: array expressions again, traced once and compiled by XLA as one program.

Compared with numba_jit, the code reads like numpy_vectorized, but a traced program has no Python loop,
no break and no assignment into an array. The loop becomes lax.while_loop with an explicit state, and a
stop becomes a value. The first call with each new shape includes tracing and compilation.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# JAX computes in float32 unless told otherwise, and would turn float64 inputs into float32 silently.
jax.config.update("jax_enable_x64", True)


def prepare(X, y, beta):
    # Copies, because on a CPU device_put may share the memory of its argument. jnp.array(X, copy=True) would compile.
    return jax.device_put(X.copy()), jax.device_put(y.copy()), jax.device_put(beta.copy())


def fit(X, y, beta, learning_rate, max_iter, tol):
    beta, losses, k = descend(X, y, beta, learning_rate, max_iter, tol)
    # JAX returns before the answer exists; without waiting, a timer would measure the dispatch.
    beta, losses, k = jax.block_until_ready((beta, losses, k))
    return beta, np.asarray(losses)[:k].copy()  # cut outside JAX, which would compile a slice for every new k


@partial(jax.jit, static_argnames="max_iter")  # static, because it is the length of an array
def descend(X, y, beta, learning_rate, max_iter, tol):
    n = len(X)

    def iterate(state):
        k, beta, losses, _ = state
        # predict: y_pred = X beta
        y_pred = X @ beta

        # loss: J = (1/n) sum (y - y_pred)^2
        residual = y - y_pred
        losses = losses.at[k].set(jnp.mean(residual * residual))

        # stop?
        stop = ~jnp.isfinite(losses[k])
        stop |= (k >= 1) & (abs(losses[k - 1] - losses[k]) < tol * losses[0])
        stop |= k == max_iter

        def updated():
            # gradient: -(2/n) X^T (y - y_pred)
            gradient = (-2 / n) * (X.T @ residual)

            # update: beta := beta - learning_rate * gradient
            return beta - learning_rate * gradient

        return k + 1, lax.cond(stop, lambda: beta, updated), losses, stop

    start = 0, beta, jnp.zeros(max_iter + 1, X.dtype), False
    k, beta, losses, _ = lax.while_loop(lambda state: ~state[3], iterate, start)
    return beta, losses, k


def to_numpy(array):
    return np.array(array)
