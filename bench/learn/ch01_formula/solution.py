"""Chapter 1, solved: the formulas of three of the four steps, one line each."""


def gradient(X, y, beta):
    n = len(X)
    y_pred = X @ beta
    residual = y - y_pred
    return -2 / n * (X.T @ residual)
