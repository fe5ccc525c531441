"""JAX with the loop in Python: one iteration is compiled and called repeatedly.

Difference from jax_jit: the loop over the iterations stays in Python. Each iteration calls a compiled function and waits for
the loss, which the stop rule needs.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def prepare(X, y, beta):
    return jnp.array(X, copy=True), jnp.array(y, copy=True), jnp.array(beta, copy=True)


def fit(X, y, beta, learning_rate, max_iter, tol):
    losses = []
    for k in range(max_iter + 1):
        # predict and loss, and the beta of the next iteration
        loss, following = step(X, y, beta, learning_rate)
        losses.append(X.dtype.type(loss))  # waits for the result

        # stop?
        if not math.isfinite(losses[k]):
            break
        if k >= 1 and abs(losses[k - 1] - losses[k]) < tol * losses[0]:
            break
        if k == max_iter:
            break

        # update: beta := beta - learning_rate * gradient
        beta = following
    return jax.block_until_ready(jnp.array(beta, copy=True)), np.array(losses)


@jax.jit
def step(X, y, beta, learning_rate):
    # predict: y_pred = X beta
    y_pred = X @ beta

    # loss: J = (1/n) sum (y - y_pred)^2
    residual = y - y_pred
    loss = jnp.mean(residual * residual)

    # gradient: -(2/n) X^T (y - y_pred)
    gradient = (-2 / len(X)) * (X.T @ residual)
    return loss, beta - learning_rate * gradient


def to_numpy(array):
    return np.array(array)
