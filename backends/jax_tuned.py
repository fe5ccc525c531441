"""JAX at its limit: X transposed, so that XLA runs along the samples in both products.

Compared with jax_jit, `prepare` stores X by columns. The rows of a tall and narrow matrix are too short for the vector
units; the rows of its transpose are as long as the data. Both outcomes of the stop rule are computed, because selecting
one of two small vectors is cheaper than a branch of XLA in every iteration.
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
    return jax.device_put(X.T.copy()), jax.device_put(y.copy()), jax.device_put(beta.copy())


def fit(X, y, beta, learning_rate, max_iter, tol):
    beta, losses, k = descend(X, y, beta, learning_rate, max_iter, tol)
    # JAX returns before the answer exists; without waiting, a timer would measure the dispatch.
    beta, losses, k = jax.block_until_ready((beta, losses, k))
    return beta, np.asarray(losses)[:k].copy()  # cut outside JAX, which would compile a slice for every new k


@partial(jax.jit, static_argnames="max_iter")  # static, because it is the length of an array
def descend(X, y, beta, learning_rate, max_iter, tol):
    n = len(y)

    def iterate(state):
        k, beta, losses, _ = state
        # predict: y_pred = X beta
        y_pred = beta @ X

        # loss: J = (1/n) sum (y - y_pred)^2
        residual = y - y_pred
        losses = losses.at[k].set(jnp.mean(residual * residual))

        # stop?
        stop = ~jnp.isfinite(losses[k])
        stop |= (k >= 1) & (abs(losses[k - 1] - losses[k]) < tol * losses[0])
        stop |= k == max_iter

        # gradient: -(2/n) X^T (y - y_pred)
        gradient = (-2 / n) * (X @ residual)

        # update: beta := beta - learning_rate * gradient
        return k + 1, jnp.where(stop, beta, beta - learning_rate * gradient), losses, stop

    start = 0, beta, jnp.zeros(max_iter + 1, X.dtype), False
    k, beta, losses, _ = lax.while_loop(lambda state: ~state[3], iterate, start)
    return beta, losses, k


def to_numpy(array):
    return np.array(array)
