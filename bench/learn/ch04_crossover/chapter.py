# %% [markdown]
# # 4 · When does NumPy win?
#
# “Use NumPy, loops are slow.” This is good advice, but is it always right? With a single row of data, NumPy has little to speed up. In
# this chapter you run the same descent on tables from one row to ten thousand rows. At some size, NumPy becomes faster than the loops. You
# find this size, and you predict it with a formula of two numbers.
#
# n is the number of rows (samples) and d is the number of columns (features), so X has n·d values. An *iteration* is one step of gradient
# descent: prediction, loss, gradient, update.

# %%
from bench.learn import begin
from bench.learn.ch04_crossover import files, picture

lesson = begin(4)

# %% [markdown]
# ## Predict
#
# `python_loops` loops over lists, one value at a time. `numpy_vectorized` makes a few calls, such as `X @ beta`, at every size. Take
# d = 10 columns and let n grow from 1.

# %%
guess = lesson.predict("crossover", "With d = 10, at which n does NumPy become faster than plain Python loops?", "rows")
narrow = lesson.choose(
    "narrow", "With only d = 2 columns, NumPy becomes faster ...", ["at fewer rows", "at about as many", "at more rows"]
)

# %% [markdown]
# ## Run
#
# The sizes grow in large steps, so both axes of the chart are *logarithmic*: equal distances mean equal factors. The bar at each point is
# the interval over several processes. The gray band is the interval in which the lines cross.
#
# The run includes a third file, `fewer_calls`. It is `numpy_vectorized` with one changed line: it computes the loss with fewer NumPy calls.

# %%
run = lesson.measure("sweep", ["python_loops", files.FEWER_CALLS], sizes=picture.ALL, max_iter=20)
lesson.show(picture.sweep(run, 10, guess))
lesson.show(picture.sweep(run, 2))

# %% [markdown]
# ## Investigate
#
# The simplest formula for such a line has two numbers: **t = a + b·n·d**. Here a is the *overhead*, the part of an iteration that does not
# depend on the size, and b is the time for each additional value of X. To *fit* the formula, we choose the a and b that come closest to
# the measured times. We minimize the *relative* errors, so small sizes count as much as large ones.

# %% jupyter={"source_hidden": true}
statements = picture.statements(run, guess, narrow)
lesson.explain(
    "With d = 10, NumPy is faster {at}. {verdict} With d = 2 it is faster {narrow}. {chosen}",
    shown_by="sweep",
    **statements,
)
lesson.explain(
    "**The flat part.** With one row, an iteration of NumPy takes {first}. With a hundred rows it takes {grown} as long, and the loops take"
    " {loops_grown} as long. {flat}",
    shown_by="sweep",
    **statements,
)
lesson.explain(
    "**What explains the flat part?** `fewer_calls` changes only the number of calls and computes the same loss. With one row,"
    " `numpy_vectorized` takes {saved} as long as `fewer_calls`; with ten thousand rows it takes {saved_large} as long. The fitted overhead is"
    " a = {a_numpy} for `numpy_vectorized` and a = {a_fewer} for `fewer_calls`. {calls}",
    shown_by="sweep",
    **statements,
)
lesson.explain(
    "**Two numbers for each line** (d = 10):\n\n"
    "| | a, overhead of an iteration | b, for each value of X |\n|---|---|---|\n"
    "| python_loops | {a_loops} | {b_loops} |\n| numpy_vectorized | {a_numpy} | {b_numpy} |\n\n{meeting}",
    shown_by="sweep",
    **statements,
)
lesson.explain(
    "**How good is the formula?** Omit one size, fit the others, and predict the omitted size: the largest error of NumPy's fit is {worst}."
    " This fit uses d = 10. At d = 2, a value of X costs b = {b_narrow}. {narrow_statement}",
    shown_by="sweep",
    **statements,
)

# %% [markdown]
# ## Modify and make
#
# A good formula predicts sizes that were not measured. The table has the times of `numpy_vectorized` at d = 10. The same run measured two
# more sizes, which are hidden.

# %%
lesson.table(picture.figures(run))

# %% [markdown]
# **Exercise:** write `seconds_per_iteration(measured, n_samples, n_features)`. `measured` is a table like the one above: a list of
# `(n, d, seconds)`. Return the seconds of an iteration at a size that is *not* in the table. The check tries your function on simulated
# machines with known a and b, with slightly noisy tables that contain several d. Then it tries the hidden sizes of this machine. The
# answer may differ from the true time by up to three tenths, at small and large sizes.

# %%
lesson.exercise()
