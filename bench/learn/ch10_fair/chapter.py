# %% [markdown]
# # 10 · Is it fair? Is there a better algorithm?
#
# A benchmark makes a claim: this program is faster than that one by some factor. The claim can be wrong although nobody lies and every
# clock is right. In this chapter you get five **rigged** results. Each of them breaks one rule of fair timing on purpose. Find the rule.
#
# Then you ask a question that many benchmarks forget: is this the right algorithm in the first place?

# %%
from bench.learn import begin
from bench.learn.ch10_fair import picture

lesson = begin(10)

# %% [markdown]
# ## Predict
#
# Each row of the table claims a speed-up over `numpy_vectorized`, and claims to compute the same descent with the same X and y.
# `numpy_vectorized` is always timed in the same way: one thread, the best of five calls, float64.
#
# A **thread** is a part of a program that runs in parallel with other parts, each on its own processor. **float32** and **float64** are
# numbers with about seven and about sixteen digits. To **compile** a function means to translate it to machine code, once, at its first
# call.

# %%
rigged = lesson.compute("rigged", picture.rigged, lesson)
lesson.table(picture.puzzle(rigged))
answers = {
    each.key: lesson.choose(each.key, f"What is wrong with the {each.key} claim, {each.by}?", picture.CHEATS[:-1])
    for each in picture.CLAIMS
}

# %% [markdown]
# ## Run
#
# Now the suite measures the same five programs fairly: in several new processes, with one thread and float64 for all, compiled before the
# timing starts, and only with right answers. The fair counterpart of the fourth claim is `numpy_vectorized` itself, measured a second time
# as if it were another program. The fair counterpart of the fifth claim is `numpy_tuned`, the fastest NumPy file here that does all the steps.

# %%
run = lesson.measure(
    "honest",
    ["numba_jit", "jax_jit", picture.THREADED, "numpy_tuned"],
    sizes=[f"{picture.N}x{picture.D}"],
    max_iter=picture.K,
)
lesson.show(picture.pairs(rigged, run))
lesson.table(picture.answers_table(answers))

# %% [markdown]
# ## Investigate
#
# For each claim, the naive timer ran once more without the cheat, or with the cheat measured separately.

# %% jupyter={"source_hidden": true}
statements = picture.statements(rigged)
lesson.explain(
    "**The first claim did not wait for the result.** The call returned after {not_waited}. With waiting, the same call took {waited}. JAX may"
    " return before the work is done, and `block_until_ready` waits for the result. {wait}",
    shown_by="rigged",
    **statements,
)
lesson.explain(
    "**The second claim included compiling.** Its three calls took {calls}. {compile} Compiling is a real cost, and a report should show it."
    " But it must be separate from the time of a later call: the mean depends on the number of calls.",
    shown_by="rigged",
    **statements,
)
lesson.explain(
    "**The third claim used more threads.** The same file took {one_thread} with one thread and {all_threads} with two. {gain} In a fair"
    " comparison, both sides use the same number of threads.",
    shown_by="rigged",
    **statements,
)
lesson.explain(
    "**The fourth claim used shorter numbers.** It is the source of `numpy_vectorized` without changes: in float64 it took {numpy}, in"
    " float32 {float32}. {narrow} How much do two fair measurements of the same file differ? The row “NumPy, new, fair” of the chart shows this.",
    shown_by="rigged",
    **statements,
)
lesson.explain(
    "**The fifth claim used another algorithm.** `qr_compressed` took {qr} with all its updates and {qr_without_updates} without any update."
    " {before} The algorithm is fine, and its answer is right. But the claim that the *code* became faster is wrong.",
    shown_by="rigged",
    **statements,
)

# %% [markdown]
# ## A better algorithm
#
# Now compare algorithms openly. All of them have the same goal: from X and y to a β close to the exact least-squares solution. The time runs
# from the NumPy arrays to the result and includes preparation, with one thread, in several processes.
#
# * `numpy_vectorized` and `numpy_tuned`: the same steps with slow and fast **code**.
# * `qr_compressed`: replaces all rows by a few rows with the same loss, then does the same steps.
# * `numpy.linalg.lstsq`: does no steps. It factorizes X and solves for β.
# * scikit-learn's `LinearRegression`, if it is installed: the toolbox.

# %%
raced = lesson.compute("race", picture.race, lesson)
lesson.show(picture.finish(raced))
lesson.table(picture.table(raced))
picture.without_toolbox(lesson, raced)

# %% jupyter={"source_hidden": true}
results = picture.race_statements(raced)
lesson.explain(
    "**Code and algorithm.** Better code: `numpy_tuned` is {code} as fast as `numpy_vectorized`. Better algorithms, also with NumPy:"
    " `qr_compressed` is {qr} as fast, and `lstsq` is {lstsq} as fast. {verdict}, on this machine and at this size.",
    shown_by="race",
    **results,
)
lesson.explain(
    "**The cost of accuracy.** The number of updates until the descent is within a relative distance of the solution is {updates}. Each"
    " additional three digits cost about as many updates as the previous three. `lstsq` does no updates, and its error is {error}.",
    shown_by="race",
    **results,
)

# %% [markdown]
# When do you write the code yourself, and when do you use the toolbox? Own code gives you **control**: you see every step and can change it. A
# library gives you **automation**: it makes the choices, and its developers test it.

# %%
lesson.table(picture.TOOLBOX)

# %% [markdown]
# ## Modify and make
#
# **Exercise:** your file contains eight small benchmarks of a kind that is common in articles. Some are honest. For each benchmark, write the
# name of its cheat or `"honest"` into `ANSWERS`. Nothing runs: read them like a reviewer.

# %%
lesson.exercise()
