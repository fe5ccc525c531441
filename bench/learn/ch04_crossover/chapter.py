# %% [markdown]
# # 4 · When does NumPy win?
#
# “Use NumPy, loops are slow.” That is good advice, but always? With one row of data there is not much for NumPy to be fast at. In
# this chapter the same descent runs on tables of very different size: from a single row to ten thousand. Somewhere in between NumPy
# overtakes the loops. You will see where, and a formula with two numbers will tell you beforehand.
#
# As always, n is the number of rows (samples) and d the number of columns (features), so X holds n·d values. An *iteration* is one
# step of gradient descent: predict, loss, gradient, update.

# %%
from bench.learn import begin
from bench.learn.ch04_crossover import picture

lesson = begin(4)

# %% [markdown]
# ## Predict
#
# `python_loops` walks over lists, one value at a time. `numpy_vectorized` makes a handful of calls, such as `X @ beta`, whatever the
# size. Take d = 10 columns and let n grow from 1.

# %%
guess = lesson.predict("crossover", "With d = 10, from which n on is NumPy faster than plain Python loops?", "rows")
narrow = lesson.choose(
    "narrow", "With only d = 2 columns, NumPy begins to win ...", ["at fewer rows", "at about as many", "at more rows"]
)

# %% [markdown]
# ## Run
#
# The sizes grow in large steps, so both axes of the picture are *logarithmic*: equal distances mean equal factors. A bar at a point
# is its interval over several processes. The grey band is the interval in which the lines cross.
#
# A third file, `fewer_calls`, runs along. It is `numpy_vectorized` with one line changed: the loss is made with fewer NumPy calls.

# %%
run = lesson.measure("sweep", ["python_loops", picture.FEWER], sizes=picture.ALL, max_iter=20)
lesson.show(picture.sweep(run, guess))

# %% [markdown]
# ## Investigate
#
# The simplest formula for such a line has two numbers: **t = a + b·n·d**. Here a is the *overhead*, what an iteration costs
# whatever the size, and b is the price of each further value of X. We *fit* the formula: we look for the a and the b that come
# nearest to the measured times, where each time counts by its *relative* error, so that small sizes count as much as large ones.

# %% jupyter={"source_hidden": true}
told = picture.told(run, guess, narrow)
lesson.explain(
    "With d = 10, NumPy is faster {at}. {verdict} With d = 2 it is faster {narrow}. {chosen}", shown_by="sweep", **told
)
lesson.explain(
    "**The flat part.** With one row an iteration of NumPy takes {first}, with a hundred rows {hundredth}, which is {grown} as long."
    " The loops take {loops_grown} as long for the same step in size. {flat}",
    shown_by="sweep",
    **told,
)
lesson.explain(
    "**What is it, then?** Change the number of calls and nothing else: `fewer_calls` computes the same loss. With one row"
    " `numpy_vectorized` takes {saved} as long as it, with ten thousand rows {saved_large}. Its fitted overhead is"
    " a = {a_fewer}. {calls}",
    shown_by="sweep",
    **told,
)
lesson.explain(
    "**Two numbers for each line** (d = 10):\n\n"
    "| | a, overhead of an iteration | b, for each value of X |\n|---|---|---|\n"
    "| python_loops | {a_loops} | {b_loops} |\n| numpy_vectorized | {a_numpy} | {b_numpy} |\n\n{meeting}",
    shown_by="sweep",
    **told,
)
lesson.explain(
    "**How good is the formula?** Leave out one size, fit the others, predict the one left out: at worst NumPy's fit is off by {worst}."
    " And it was made at d = 10: at d = 2 a value of X costs b = {b_narrow}. One pair a, b does not serve every d.",
    shown_by="sweep",
    **told,
)

# %% [markdown]
# ## Modify, and make
#
# A good formula predicts what was not measured. The table has the figures of `numpy_vectorized` at d = 10. Two more sizes were
# measured in the same run, and are shown nowhere.

# %%
lesson.table(picture.figures(run))

# %% [markdown]
# **Exercise:** write `seconds_per_iteration(measured, n_samples, n_features)`. `measured` is such a table, a list of
# `(n, d, seconds)`. Return the seconds that an iteration will take at a size that is *not* in it. Your function is tried on made-up
# machines whose true a and b are known, with tables that are a little noisy and hold several d; then on the hidden sizes of this
# machine. It may be off by up to three tenths of the true time, at small sizes as at large ones.

# %%
lesson.exercise()
