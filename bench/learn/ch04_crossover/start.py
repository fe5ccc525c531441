"""Chapter 4: predict the time of an iteration at a size that was not measured.

measured: a list of (n_samples, n_features, seconds), such as [(1, 10, 9e-6), (10000, 10, 8e-5)], with noisy seconds.
Returns the seconds of an iteration at n_samples x n_features, a float, from the formula t = a + b n d.
"""


def seconds_per_iteration(measured, n_samples, n_features):
    # Compute a and b from `measured`.
    a = 0.0
    b = 0.0

    # Apply the formula.
    return a + b * n_samples * n_features


if __name__ == "__main__":  # python exercise.py: try it on the numbers of the chapter
    print(seconds_per_iteration([(1, 10, 9e-6), (100, 10, 1e-5), (10000, 10, 8e-5)], 1000, 10), "seconds")
