"""Wrong backends that the cross-check must reject, as edits of a correct backend.

Each hint that names a mistake must contain one of the texts in `hint`, and one hint must contain the first text. Without texts, the
cross-check must say that no known mistake fits.
"""

import importlib.resources
from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """An edited backend. edits: (old, new) texts. hint: the texts that a hint may hold, see the module."""

    name: str
    edits: tuple[tuple[str, str], ...]
    hint: tuple[str, ...] = ()
    base: str = "numpy_vectorized"

    def build(self, folder):
        """Write the file. Return its path."""
        text = importlib.resources.files("backends").joinpath(f"{self.base}.py").read_text()
        for old, new in self.edits:
            assert old in text, f"{self.base} does not contain {old!r}"
            text = text.replace(old, new)
        path = folder / f"{self.name}.py"
        path.write_text(text)
        return path


TWO = "(-2 / n)"
N = "n = len(X)"
START = "beta = beta.copy()"
PREDICT = "X @ beta"
RESIDUAL = "residual = y - y_pred"
LOSS = "np.mean(residual * residual)"
PRODUCT = "X.T @ residual"
STEP = "beta = beta - learning_rate * gradient"
RETURN = "return beta, np.array(losses, dtype=X.dtype)"
LOOP = "for k in range(max_iter + 1):"
RULE = "abs(losses[k - 1] - losses[k]) < tol * losses[0]"
FINITE = "if not math.isfinite(losses[k]):"
PREPARE = "return np.ascontiguousarray(X), np.ascontiguousarray(y), np.ascontiguousarray(beta)"
HEAD = "import numpy as np\n"
# The sum of term(rows) over all rows. In large problems, each quarter has a thread, and they write to the same place.
SUM_BY_THREADS = """
from concurrent.futures import ThreadPoolExecutor

def sum_by_threads(term, n):
    parts = 4 if n >= 1000 else 1
    cuts = [n * i // parts for i in range(parts + 1)]
    total = [0.0]
    def add(i):
        total[0] += term(slice(cuts[i], cuts[i + 1]))
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(add, range(parts)))
    return total[0]
"""
LENGTH = "n, d = len(X), len(beta)"  # from here on: texts of python_loops
LOOP_STEP = "beta[j] -= learning_rate * gradient[j]"
LOOP_SUM = "gradient[j] += X[i][j] * residual[i]"
LOOP_LOSS = "losses.append(total / n)"


def edit(name: str, old: str, new: str, *hint: str) -> Variant:
    """numpy_vectorized with one edit."""
    return Variant(name, ((old, new),), hint)


def edits(name: str, *edits_and_hints) -> Variant:
    """numpy_vectorized with several edits: tuples are edits, strings are hints."""
    changes = tuple(part for part in edits_and_hints if isinstance(part, tuple))
    return Variant(name, changes, tuple(part for part in edits_and_hints if isinstance(part, str)))


def loop_edit(name: str, old: str, new: str, *hint: str) -> Variant:
    """python_loops with one edit."""
    return Variant(name, ((old, new),), hint, "python_loops")


MUTANTS = (
    # The step: sign, factor, divisor, learning rate.
    edit("sign", TWO, "(2 / n)", "the wrong way"),
    edit("sign_of_the_residual", RESIDUAL, "residual = y_pred - y", "the wrong way"),
    edit("no_two", TWO, "(-1 / n)", "factor 2 of 2/n missing"),
    edit("two_twice", TWO, "(-4 / n)", "factor 2 taken twice"),
    edit("divided_by_d", N, "n = X.shape[1]", "divided by n_features"),
    edit("divided_by_n_minus_1", TWO, "(-2 / max(n - 1, 1))", "divided by n - 1"),
    edit("divided_by_n_plus_1", TWO, "(-2 / (n + 1))", "divided by n + 1"),
    edit("divided_by_n_d", TWO, "(-2 / X.size)", "n * d"),
    edit("not_divided", TWO, "-2.0", "not divided by n_samples"),
    edit("neither", TWO, "-1.0", "neither divided"),
    edit("half_and_by_d", TWO, "(-1 / X.shape[1])", "the factor 2 is missing"),
    edit("integer_division", TWO, "(-(2 // n))", "it makes no update"),
    edit("rate_ignored", STEP, "beta = beta - 0.1 * gradient", "the step is that of learning_rate = 0.1"),
    edit("rate_left_out", STEP, "beta = beta - gradient", "does not depend on learning_rate"),
    edit("rate_squared", STEP, "beta = beta - learning_rate**2 * gradient", "squared learning_rate"),
    edit("rate_divides", STEP, "beta = beta - gradient / learning_rate", "divided by learning_rate"),
    edit("rate_decays", STEP, "beta = beta - learning_rate / (k + 1) * gradient", "divided by k + 1"),
    edit("rate_decays_slowly", STEP, "beta = beta - learning_rate * 0.999**k * gradient", "the later ones are not"),
    edit("rate_rounded", STEP, "beta = beta - round(learning_rate, 3) * gradient", "right direction but the wrong length"),
    edit("rate_in_float32", STEP, "beta = beta - float(np.float32(learning_rate)) * gradient", "learning_rate is rounded to float32"),
    edit("three_in_place_of_two", TWO, "(-3 / n)", "1.5 times as far"),
    edit("nearly_two", TWO, "(-2.000000002 / n)", "1.000000001 times as far"),
    edit("step_by_norm", STEP, "beta = beta - learning_rate * gradient / np.linalg.norm(gradient)", "its own norm", "right direction but the wrong length"),
    edit("clipped", STEP, "beta = beta - learning_rate * gradient / max(1, np.linalg.norm(gradient))", "clipped to a norm of 1"),
    edit("clipped_by_value", STEP, "beta = beta - learning_rate * np.clip(gradient, -1, 1)", "clipped to [-1, 1]"),
    edit("sign_descent", STEP, "beta = beta - learning_rate * np.sign(gradient)", "only the signs of the gradient"),
    edit("penalty", STEP, "beta = beta - learning_rate * (gradient + 0.01 * beta)", "penalty, or weight decay"),
    edit("lasso", STEP, "beta = beta - learning_rate * (gradient + 0.01 * np.sign(beta))", "along the signs of beta"),
    edit("tiny_penalty", STEP, "beta = beta - learning_rate * (gradient + 1e-7 * beta)", "penalty, or weight decay"),
    edit("tiny_constant_added", STEP, "beta = beta - learning_rate * (gradient + 1e-8)", "the same number is added to every component"),
    edit("weight_decay", STEP, "beta = 0.999 * beta - learning_rate * gradient", "penalty, or weight decay"),
    edit("weight_decay_of_a_rounding", STEP, "beta = (1 - 2.3e-16) * beta - learning_rate * gradient"),
    edits("momentum", (START, START + "; v = 0 * beta"), (STEP, "v = 0.9 * v - learning_rate * gradient; beta = beta + v"), "momentum of 0.9"),
    edits("half_momentum", (START, START + "; v = 0 * beta"), (STEP, "v = 0.5 * v - learning_rate * gradient; beta = beta + v"), "0.5 times the last step is added"),
    edits("nesterov", (START, START + "; v = 0 * beta"), (STEP, "w = beta - learning_rate * gradient; beta = w + k / (k + 3) * (w - v) if k else w; v = w"), "Nesterov's method"),
    edits("adagrad", (START, START + "; v = 0 * beta"), (STEP, "v = v + gradient**2; beta = beta - learning_rate * gradient / np.sqrt(v + 1e-8)")),
    edit("absolute_error_gradient", PRODUCT, "X.T @ np.sign(residual)", "absolute error"),
    edit("huber", PRODUCT, "X.T @ np.clip(residual, -5e3, 5e3)"),
    # Rows and columns.
    edit("last_row_skipped", PRODUCT, "X[:-1].T @ residual[:-1]", "the last row of X takes no part"),
    edit("first_row_skipped", PRODUCT, "X[1:].T @ residual[1:]", "the first row of X takes no part"),
    edit("row_by_row", STEP, "\n            for i in range(n):\n                beta = beta + learning_rate * (2 / n) * (y[i] - X[i] @ beta) * X[i]", "row by row"),
    edit("stochastic_and_random", PRODUCT, "n * X[(i := np.random.default_rng().integers(n))] * residual[i]", "is anything random"),
    edit("stochastic", PRODUCT, "n * X[k % n] * residual[k % n]", "uses one row"),
    edit("mini_batch", PRODUCT, "2 * X[k % 2 :: 2].T @ residual[k % 2 :: 2]"),
    edit("last_feature_skipped", STEP, "beta = beta - learning_rate * np.append(gradient[:-1], 0 * gradient[-1:])", "last component of beta"),
    edit("intercept_skipped", STEP, "beta = beta - learning_rate * np.append(0 * gradient[:1], gradient[1:])", "taken for an intercept"),
    edit("wrong_axis", PRODUCT, "np.resize((X * residual[:, None]).sum(axis=1), X.shape[1])"),
    edit("whole_sum", PRODUCT, "(X * residual[:, None]).sum()"),
    edit("reshaped_in_place_of_transposed", PRODUCT, "X.reshape(X.shape[1], n) @ residual"),
    edit("columns_by_turns", STEP, "\n            for j in range(len(beta)):\n                beta[j] += learning_rate * 2 / n * (X[:, j] @ (y - X @ beta))", "one after the other"),
    edit("one_column_an_update", STEP, "beta = beta - learning_rate * gradient * (np.arange(len(beta)) == k % len(beta))", "one component of beta only"),
    edit("tail_of_8_dropped", PRODUCT, "X[: n // 8 * 8 or n].T @ residual[: n // 8 * 8 or n]", "only the first rows take part in the gradient, 24 of 25, 8 of 11"),
    edit("tail_of_512_dropped", PRODUCT, "X[: n // 512 * 512 or n].T @ residual[: n // 512 * 512 or n]", "only the first rows take part in the gradient"),
    edit("tail_of_1024_dropped", PRODUCT, "X[: n // 1024 * 1024 or n].T @ residual[: n // 1024 * 1024 or n]", "only the first rows take part in the gradient"),
    edit("divided_by_d_where_it_is_wide", TWO, "(-2 / max(n, X.shape[1]))", "wrong only for n < d: the gradient is divided by n_features"),
    edit("columns_beyond_8_stay", PRODUCT, "np.append((X.T @ residual)[:8], 0 * beta[8:])", "only the first components of beta are updated"),
    edit("columns_beyond_32_dropped", PREDICT, "X[:, :32] @ beta[:32]", "wrong only for d >= 33"),
    edit("rows_beyond_4096_dropped", PRODUCT, "X[:4096].T @ residual[:4096]", "only the first rows take part in the gradient, 4096 of 8209"),
    edit("rows_beyond_5000_dropped", PRODUCT, "X[:5000].T @ residual[:5000]", "end of a tile"),
    edit("tail_beyond_8192_dropped", PRODUCT, "X[: n // 8192 * 8192 or n].T @ residual[: n // 8192 * 8192 or n]", "end of a tile"),
    edit("row_dropped_between_5000_and_16384", PRODUCT, "X[: n - (5000 < n < 16384)].T @ residual[: n - (5000 < n < 16384)]", "wrong only for 8209 x 3: the last row of X takes no part in the gradient"),
    edit("row_dropped_between_16384_and_65536", PRODUCT, "X[: n - (16384 < n < 65536)].T @ residual[: n - (16384 < n < 65536)]", "wrong only for 20011 x 9: the last row of X takes no part in the gradient"),
    edit("divided_by_65536_at_most", TWO, "(-2 / min(n, 65536))", "right up to n = 20011): the first step has the right direction but the wrong length"),
    edit("columns_beyond_128_dropped", PREDICT, "X[:, :128] @ beta[:128]", "wrong only for d >= 150"),
    edit("wrong_where_it_is_square", PRODUCT, "(X @ residual if X.shape[0] == X.shape[1] > 1 else X.T @ residual)", "wrong only for a square X"),
    edit("first_thousand_rows", PREPARE, "return X[:1000].copy(), y[:1000].copy(), beta.copy()", "only the first rows are used, 1000 of 1021"),
    edit("wide_by_pseudo_inverse", STEP, "beta = np.linalg.lstsq(X, y)[0] if n < len(beta) else beta - learning_rate * gradient", "wrong only for n < d: beta is the least-squares solution"),
    edit("zero_columns_divided_by", PREDICT, "(X / np.abs(X).max(axis=0)) @ (beta * np.abs(X).max(axis=0))", "is it divided by zero"),
    edit("a_zero_column_divided_by", PREDICT, "((X / np.abs(X).max(axis=0)) @ (beta * np.abs(X).max(axis=0)) if X.any() else X @ beta)", "is it divided by zero"),
    edit("normal_equations", RETURN, "return np.linalg.lstsq(X, y)[0].astype(X.dtype), np.array(losses, dtype=X.dtype)", "beta is the least-squares solution"),
    # The data.
    edit("y_transposed", RESIDUAL, "residual = (y[:, None] - y_pred).mean(axis=0)", "n x n matrix"),
    edit("y_transposed_sum", RESIDUAL, "residual = (y[:, None] - y_pred).sum(axis=1)"),
    edit("loss_of_n_by_n", LOSS, "np.mean((y[:, None] - y_pred) ** 2)", "y looks transposed"),
    edit("y_reversed", PREPARE, "return np.array(X), y[::-1].copy(), np.array(beta)", "reverse order"),
    edit("y_one_off", PREPARE, "return np.array(X), np.roll(y, 1), np.array(beta)", "one row off"),
    edit("X_centered", PREPARE, "return X - X.mean(axis=0), np.array(y), np.array(beta)", "X is centered"),
    edit("y_centered", PREPARE, "return np.array(X), y - y.mean(), np.array(beta)", "y is centered"),
    edit("all_centered", PREPARE, "return X - X.mean(axis=0), y - y.mean(), np.array(beta)", "both centered"),
    edit("standardized", PREPARE, "return (X - X.mean(axis=0)) / X.std(axis=0), np.array(y), np.array(beta)", "X is standardized"),
    edit("outliers_cut", PREPARE, "return np.array(X), np.clip(y, -5e3, 5e3), np.array(beta)"),
    edit("cut_to_integers", PREPARE, "return np.trunc(X), np.trunc(y), np.array(beta)", "truncated to integers"),
    edit("intercept_added", PREPARE, "return np.column_stack([np.ones_like(y), X]), np.array(y), np.append(beta[:1] * 0, beta)", "fit must return beta of shape"),
    edit("sorted_rows_but_not_y", PREPARE, "return X[np.argsort(X[:, 0])], np.array(y), np.array(beta)"),
    # The start, and the number of updates.
    edit("start_ignored", START, "beta = beta * 0", "starts at zero"),
    edit("start_of_ones", START, "beta = beta * 0 + 1", "starts at ones"),
    edit("random_start", START, "beta = (0.01 * np.random.default_rng(0).standard_normal(len(beta))).astype(X.dtype)"),
    edit("one_short", LOOP, "for k in range(max_iter):", "the last loss"),
    edit("one_update_short", "if k == max_iter:", "if k == max_iter - 1:"),
    edit("one_over", "if k == max_iter:", "if k == max_iter + 1:", "one update too many; and the last loss"),
    edit("one_update_over", N, "n = len(X); max_iter = max_iter + 1", "one update too many"),
    edit("a_thousand_at_most", N, "n = len(X); max_iter = min(max_iter, 1000)", "it stops after update 1000"),
    edit("no_update_at_all", STEP, "beta - learning_rate * gradient", "it makes no update"),
    edits("previous_beta_returned", (START, START + "; last = beta"), (STEP, "last = beta; " + STEP), (RETURN, "return last, np.array(losses, dtype=X.dtype)"), "one update behind"),
    edits("mean_of_betas", (START, START + "; kept = []"), ("y_pred = X @ beta", "kept.append(beta); y_pred = X @ beta"), (RETURN, "return np.mean(kept, axis=0), np.array(losses, dtype=X.dtype)"), "the mean of all iterates"),
    edits("best_beta", (START, START + "; kept = []"), ("y_pred = X @ beta", "kept.append(beta); y_pred = X @ beta"), (RETURN, "return kept[int(np.argmax(losses))], np.array(losses, dtype=X.dtype)"), "start is returned"),
    edits("stale_gradient", (START, START + "; stale = None"), (PRODUCT, "stale if stale is not None else X.T @ residual"), ("# update", "stale = X.T @ residual  # update"), "the gradient belongs to the beta before"),
    edits("stale_residual", (RESIDUAL, "residual = y - y_pred if k == 0 else fresh"), (STEP, STEP + "; fresh = y - y_pred"), "the gradient belongs to the beta before"),
    edit("no_iteration_fails", N, "n = len(X)\n    if max_iter == 0:\n        return np.zeros_like(beta), np.array([np.mean((y - X @ beta) ** 2)], X.dtype)", "only max_iter = 0"),
    edit("no_iteration_no_losses", N, "n = len(X)\n    if max_iter == 0:\n        return beta.copy(), np.zeros(0, X.dtype)", "only max_iter = 0"),
    edit("no_iteration_loss_zero", N, "n = len(X)\n    if max_iter == 0:\n        return beta.copy(), np.zeros(1, X.dtype)", "only max_iter = 0"),
    # The losses.
    edit("loss_halved", LOSS, "np.mean(residual * residual) / 2", "divided by 2n"),
    edit("loss_is_a_sum", LOSS, "np.sum(residual * residual)", "the sum of the squares"),
    edit("loss_is_its_root", LOSS, "np.sqrt(np.mean(residual * residual))", "the root of the mean square"),
    edit("loss_is_a_norm", LOSS, "np.linalg.norm(residual)", "the norm of the residual"),
    edit("loss_absolute", LOSS, "np.mean(np.abs(residual))", "mean absolute error"),
    edit("loss_is_a_variance", LOSS, "np.var(residual)", "variance of the residual"),
    edit("loss_by_n_minus_1", LOSS, "np.sum(residual * residual) / max(n - 1, 1)", "loss is divided by n - 1"),
    edit("loss_relative_to_y", LOSS, "np.mean(residual * residual) / np.mean(y * y)", "the mean square of y"),
    edit("loss_with_a_tiny_constant", LOSS, "np.mean(residual * residual) + 1e-8", "1e-08 is added to every loss", "is something added to the loss"),
    edit("loss_with_a_penalty", LOSS, "np.mean(residual * residual) + 0.01 * (beta @ beta)", "* (beta @ beta) is added to every loss", "only the losses are wrong"),
    edit("loss_cancels", LOSS, "(y @ y - 2 * beta @ (X.T @ y) + beta @ (X.T @ X) @ beta) / n * (1 + 1e-12)"),
    edit("loss_of_the_next", STEP, STEP + "; losses[k] = np.mean((y - X @ beta) ** 2)", "the loss after update k"),
    edit("loss_rounded", LOSS, "np.round(np.mean(residual * residual), 6)", "only the losses are wrong"),
    edit("losses_without_the_last", RETURN, "return beta, np.array(losses[:-1] or losses, dtype=X.dtype)", "the last loss"),
    edit("losses_without_the_first", RETURN, "return beta, np.array(losses[1:] or losses, dtype=X.dtype)", "the first loss"),
    edit("losses_reversed", RETURN, "return beta, np.array(losses[::-1], dtype=X.dtype)", "reverse order"),
    edit("losses_sorted", RETURN, "return beta, np.sort(np.array(losses, dtype=X.dtype))", "reverse order"),
    edit("losses_relative", RETURN, "return beta, np.array(losses, dtype=X.dtype) / losses[0]", "relative to the first"),
    edit("losses_zero", RETURN, "return beta, np.zeros(len(losses), X.dtype)", "the losses are zero"),
    edit("losses_padded", RETURN, "return beta, np.pad(np.array(losses, dtype=X.dtype), (0, max_iter + 1 - len(losses)))", "cut it to n_iter + 1"),
    edit("last_loss_only", RETURN, "return beta, np.array(losses[-1:], dtype=X.dtype)", "only the losses are wrong"),
    # Shape and dtype of the results.
    edit("returns_float32", RETURN, "return beta.astype('f4'), np.array(losses, dtype='f4')", "fit must return beta of shape"),
    edit("returns_float64", RETURN, "return beta.astype('f8'), np.array(losses, dtype='f8')", "fit must return beta of shape"),
    edit("losses_always_double", RETURN, "return beta, np.array(losses, dtype='f8')", "fit must return beta of shape"),
    edit("beta_as_a_column", RETURN, "return beta[:, None], np.array(losses, dtype=X.dtype)", "fit must return beta of shape"),
    edit("losses_as_a_column", RETURN, "return beta, np.array(losses, dtype=X.dtype)[:, None]", "fit must return beta of shape"),
    edit("loss_as_a_number", RETURN, "return beta, losses[-1]", "fit must return beta of shape"),
    edit("returned_in_turn", RETURN, "return np.array(losses, dtype=X.dtype), beta"),
    edit("returns_three", RETURN, "return beta, np.array(losses, dtype=X.dtype), k", "fit must return beta of shape"),
    edit("returns_beta_alone", RETURN, "return beta", "fit must return beta of shape"),
    edit("to_numpy_gives_a_list", "return np.array(array)", "return list(array)", "fit must return beta of shape"),
    edit("float32_inside", PREDICT, "(X.astype('f4') @ beta.astype('f4')).astype(X.dtype)", "computed in float32"),
    edit("float32_data", PREPARE, "return X.astype('f4').astype(X.dtype), np.array(y), np.array(beta)", "computed in float32"),
    edit("float32_factor", TWO, "float(np.float32(-2 / n))", "2 / n is rounded to float32"),
    edit("float32_gradient", PRODUCT, "(X.T.astype('f4') @ residual.astype('f4'))", "computed in float32"),
    edit("float16_inside", PREDICT, "(X.astype('f2') @ beta.astype('f2')).astype(X.dtype)", "computed in float16"),
    edit("float16_losses", LOSS, "np.float16(np.mean(residual * residual))", "computed in float16", "only the losses are wrong"),
    edits("declares_one_dtype_and_computes_in_the_other", (HEAD, HEAD + 'DTYPES = ("float64",)\n'), (PREPARE, "return X.astype('f4'), y.astype('f4'), beta.astype('f4')"), "fit must return beta of shape"),
    edits("hides_behind_algorithm", (HEAD, HEAD + 'ALGORITHM = "mine"\n'), (TWO, "(-2 / max(n - 1, 1))"), "divided by n - 1"),
    edits("hides_float32_behind_algorithm", (HEAD, HEAD + 'ALGORITHM = "mine"\n'), (PREDICT, "(X.astype('f4') @ beta.astype('f4')).astype(X.dtype)"), "computed in float32"),
    # Memory and state.
    edit("start_aliased", START, "beta = beta", "copy what is returned"),
    edit("updates_in_place", START, "beta -= 0.5", "written to", "work on a copy", "copy what is returned"),
    edits("start_updated_in_place", (START, "pass"), (STEP, "beta -= learning_rate * gradient"), "written to", "work on a copy", "copy what is returned"),
    edit("residual_in_place_of_y", RESIDUAL, "residual = np.subtract(y, y_pred, out=y)", "written to", "work on a copy"),
    edit("X_scaled_in_place", N, "n = len(X); X *= 1.0000001", "written to", "work on a copy"),
    edits("y_touched_where_it_can_be", (RETURN, "if y.flags.writeable:\n        y[0] = np.nextafter(y[0], 9)\n    " + RETURN), "y was changed"),
    edits("a_buffer_for_beta", (HEAD, HEAD + "KEPT = {}\n"), (RETURN, "out = KEPT.setdefault((len(beta), X.dtype), beta)\n    out[:] = beta\n    return out, np.array(losses, dtype=X.dtype)"), "copy what is returned"),
    edits("a_buffer_for_losses", (HEAD, HEAD + "KEPT = {}\n"), (RETURN, "out = KEPT.setdefault((len(losses), X.dtype), np.empty(len(losses), X.dtype))\n    out[:] = losses\n    return beta, out"), "copy what is returned"),
    edits("gram_kept_by_shape", (HEAD, HEAD + "KEPT = {}\n"), (PRODUCT, "KEPT.setdefault((X.shape, X.dtype), X).T @ residual"), "depends on an earlier call"),
    edits("gram_kept_by_first_number", (HEAD, HEAD + "KEPT = {}\n"), (PRODUCT, "KEPT.setdefault((X.shape, X.dtype, X[0, 0]), X).T @ residual"), "depends on an earlier call"),
    edits("answer_kept_but_for_the_rate", (HEAD, HEAD + "KEPT = {}\n"), (RETURN, "key = X.tobytes(), y.tobytes(), max_iter, tol, beta0.tobytes(), learning_rate > 1e6\n    return tuple(a.copy() for a in KEPT.setdefault(key, (beta, np.array(losses, dtype=X.dtype))))"), (START, "beta0 = beta\n    beta = beta.copy()"), "depends on an earlier call"),
    edits("warm_start", (HEAD, HEAD + "KEPT = {}\n"), (START, "beta = KEPT.get((beta.shape, X.dtype), beta).copy()"), (RETURN, "KEPT[beta.shape, X.dtype] = beta.copy()\n    " + RETURN), "kept from an earlier call"),
    edits("a_losses_list_for_all", ("tol):", "tol, losses=[]):"), ("    losses = []\n", ""), "kept from an earlier call"),
    edits("rate_global", (HEAD, HEAD + "RATES = []\n"), (N, "n = len(X); RATES.append(learning_rate); learning_rate = RATES[0]"), "whatever the argument is", "depends on an earlier call"),
    # Threads that write to the same place.
    edits("total_without_a_lock", (HEAD, HEAD + SUM_BY_THREADS), (PRODUCT, "sum_by_threads(lambda part: X[part].T @ residual[part], n)"), "two threads"),
    edits("loss_without_a_lock", (HEAD, HEAD + SUM_BY_THREADS), (LOSS, "sum_by_threads(lambda part: residual[part] @ residual[part], n) / n"), "two threads"),
    # Stopping.
    edit("tol_ignored", "< tol * losses[0]", "< 0", "tol is ignored"),
    edit("tol_absolute", "< tol * losses[0]", "< tol", "compared with tol itself"),
    edit("tol_not_strict", "< tol * losses[0]", "<= tol * losses[0]", "is <= written"),
    edit("tol_of_the_last_loss", "< tol * losses[0]", "< tol * losses[k]", "tol times the present loss"),
    edit("tol_of_the_loss_before", "< tol * losses[0]", "< tol * losses[k - 1]", "tol times the loss before"),
    edit("tol_of_the_loss", RULE, "losses[k] < tol * losses[0]", "the loss itself is compared"),
    edit("tol_of_the_gradient", RULE, "np.linalg.norm(2 / n * X.T @ residual) < tol", "the norm of the gradient is compared"),
    edit("tol_squared", "< tol * losses[0]", "< tol**2 * losses[0]", "tol**2"),
    edit("tol_of_beta", RULE, "np.linalg.norm(learning_rate * gradient) < tol", "the change of beta is compared"),
    edits("the_beta_before_is_returned_where_it_converges", (START, START + "; last = beta"), (STEP, "last = beta; " + STEP), ("tol * losses[0]:\n", "tol * losses[0]:\n                beta = last\n")),
    edits("updated_once_more_where_it_converges", ("tol * losses[0]:\n", "tol * losses[0]:\n                beta = beta + learning_rate * (2 / n) * (X.T @ residual)\n")),
    edits("updated_once_more_where_it_diverges", (FINITE + "\n", FINITE + "\n                beta = beta + learning_rate * (2 / n) * (X.T @ residual)\n")),
    edits("start_returned_where_it_diverges", (START, "start = beta.copy(); " + START), (FINITE + "\n", FINITE + "\n                beta = start\n")),
    edit("no_bars", RULE, "losses[k - 1] - losses[k] < tol * losses[0]", "bars of"),
    edits("stops_one_late", ("losses = []\n", "losses = []; met = False\n"), (RULE, "met"), ("if k == max_iter:", "met = k >= 1 and " + RULE + "\n            if k == max_iter:"), "one update too late"),
    edit("stops_only_at_tens", RULE, "k % 10 == 0 and " + RULE, "every tenth k"),
    edit("stops_from_the_second_on", "if k >= 1 and", "if k >= 2 and", "first applied at k = 2"),
    edit("goes_on_after_overflow", FINITE, "if False:", "goes on after"),
    edit("nan_only", FINITE, "if math.isnan(losses[k]):", "it passes infinity"),
    edit("hides_nan", RETURN, "return np.nan_to_num(beta), np.nan_to_num(np.array(losses, dtype=X.dtype))", "the last loss is finite"),
    edit("drops_the_last_that_overflows", FINITE, "if not math.isfinite(losses[k]) and k:\n                losses.pop()\n                break\n            if not math.isfinite(losses[k]):", "the last loss is finite"),
    edit("raises_where_it_diverges", FINITE, "if not math.isfinite(losses[k]):\n                raise FloatingPointError('diverged')\n            if False:"),
    edit("stops_at_large_losses", FINITE, "if not losses[k] < 1e10:", "does it stop early"),
    # python_loops.
    loop_edit("loops_sign", LOOP_STEP, "beta[j] += learning_rate * gradient[j]", "the wrong way"),
    loop_edit("loops_last_row", LOOP_SUM, "gradient[j] += X[i][j] * residual[i] * (i < n - 1)", "the last row of X"),
    loop_edit("loops_sum_not_reset", "gradient = [0.0] * d", "gradient = [0.0] * d if k == 0 else gradient", "the later ones are not"),
    loop_edit("loops_assigned_not_added", LOOP_SUM, "gradient[j] = X[i][j] * residual[i]"),
    loop_edit("loops_by_component", LOOP_STEP, "beta[j] += learning_rate * 2 / n * sum(X[i][j] * (y[i] - sum(map(float.__mul__, X[i], beta))) for i in range(n))", "one after the other"),
    loop_edit("loops_beta_aliased", "    beta = beta.copy()\n", "", "copy what is returned", "written to", "work on a copy"),
    loop_edit("loops_total_not_reset", "        total = 0.0\n        for i in range(n):\n            residual", "        total = losses[-1] if losses else 0.0\n        for i in range(n):\n            residual", "only the losses are wrong"),
    loop_edit("loops_square_raises", "residual[i] * residual[i]", "residual[i] ** 2"),
    loop_edit("loops_d_for_n", LOOP_LOSS, "losses.append(total / d)", "loss is divided by n_features"),
    loop_edit("loops_first_feature", "for j in range(d):\n                total", "for j in range(1, d):\n                total"),
    loop_edit("loops_n_of_columns", LENGTH, "d, n = len(X), len(beta)"),
)  # fmt: skip
# Threads of Numba that add to the same array. They race only while two processors are free.
NUMBA_LOOP = """        for i in range(n):
            for j in range(d):
                gradient[j] += X[i, j] * residual[i]
"""
NUMBA_ADD_ROWS = """
@njit(parallel=True)
def add_rows(X, residual, gradient):
    for i in prange(len(X)):
        for j in range(len(gradient)):
            gradient[j] += X[i, j] * residual[i]


"""
NUMBA_RACE = Variant(
    "numba_race",
    (
        ("import njit\n", "import njit, prange\n"),
        ("@njit\n", NUMBA_ADD_ROWS + "@njit\n"),
        (NUMBA_LOOP, "        add_rows(X, residual, gradient)\n"),
    ),
    base="numba_jit",
)
