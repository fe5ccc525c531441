# %% [markdown]
# # 11 · Can you write your own backend?
#
# A **backend** is one Python file with three functions. You need not register it, and it imports nothing from this project. Pass your file
# to the suite, and the suite checks it, measures it, and draws it with the others. In this last chapter you write a backend.
#
# Every backend follows this **contract**:
#
# * `prepare(X, y, beta)` creates the inputs of `fit`: a copy, another memory order, or the arrays of another library. Its time is not part of
#   the time of `fit`.
# * `fit(X, y, beta, learning_rate, max_iter, tol)` returns `(beta, losses)`. `losses[k]` is the loss after k updates. `fit` gets the values
#   that `prepare` returned and does not change them. It returns when the result is ready.
# * `to_numpy(array)` converts a result of `fit` to a NumPy array.
#
# At each k, `fit` stops in this order: if the loss is not finite; if the loss changed by less than `tol * losses[0]` from k − 1 to k; if k is
# `max_iter`. Otherwise it updates β.

# %%
from bench.learn import begin, facts
from bench.learn.ch11_capstone import files, picture

lesson = begin(11)

# %% [markdown]
# ## Predict
#
# The next run measures a fifth backend, `finished`, together with the four backends of the course. It is one solution of the exercise. It
# stores X column by column and makes fewer calls; otherwise it is plain NumPy. You write your own backend later. Guess for this one, at
# n = 1000 and d = 10.

# %%
guess = lesson.predict(
    "ratio", "How many times as fast as numpy_vectorized is finished? (0.5 means that it needs double the time)"
)
first = lesson.choose(
    "first",
    "Your unfinished file has two mistakes. The first failed check reports ...",
    ["only that something is wrong", "how large the error is", "how large the error is, and what the mistake is"],
)

# %% [markdown]
# ## Run
#
# **Check.** Your file is unfinished at first. The table shows what `gdbench check` reports about it. “Error” is the distance from the right
# answer. “Allowed” is the largest distance that rounding alone can explain. A larger error is not rounding.

# %%
before, after = lesson.compute("check", picture.checked)
lesson.table(picture.sentences(before))

# %% jupyter={"source_hidden": true}
statements = picture.statements(before)
lesson.explain(
    "{failed} checks fail. The first error is {error}, and {bound} is allowed. The suite also suggests what the mistake is: *{hint}* {chosen}",
    shown_by="check",
    chosen=facts.chosen(first, "how large the error is, and what the mistake is"),
    **statements,
)

# %% [markdown]
# How does the suite identify the mistake? It runs your file again on small problems and compares the answers with those of many descents that
# each contain one known mistake. If one of these descents (or very few of them) gives your answers, the suite names its mistake. If none does,
# the suite reports only the error.
#
# **Correct one mistake, and check again.** The next check uses the same file with one number changed in one line:

# %%
lesson.table(picture.sentences(after))

# %% jupyter={"source_hidden": true}
statements = picture.statements(after)
lesson.explain(
    "Now {failed} checks fail, and the hint is different: *{hint}*. You write this part yourself.",
    shown_by="check",
    **statements,
)

# %% [markdown]
# **Run.** The suite measures a file without mistakes. This is `finished` with the four backends.

# %%
run = lesson.measure(
    "finished", ["python_loops", "numba_jit", "jax_jit", files.FINISHED], sizes=["1000x10"], max_iter=100
)
lesson.show(picture.chart(run, guess))
lesson.table(picture.times(run))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
verdict = picture.verdict(run, guess)
lesson.explain(
    "`finished` is {ratio} as fast as `numpy_vectorized`, at this size and on this machine. {words} {guess}",
    shown_by="finished",
    **verdict,
)

# %% [markdown]
# The brackets contain the interval of the ratio over several processes. If the interval contains 1, the run shows no difference in either
# direction. This run does *not* explain the difference. For an explanation, compare two files that differ in only one thing, as in the other
# chapters.
#
# ## Modify and make
#
# **Exercise:** write your own backend. It must pass the cross-check, and it must not be a file of this project. Then it is measured together
# with `numpy_vectorized`, and the result is the ratio. It may be slower: only correctness counts, and the time is only reported.
#
# 1. Open your file. Its name is at the end of this chapter. Copy it to `mine.py`, so that you can choose its name.
# 2. Run `gdbench check mine.py`, read the hint, correct one mistake, and check again until it reports ok.
# 3. Run `gdbench run -b mine.py --quick`. The suite measures your file and draws it with `numpy_vectorized`. The last lines of the output
#    name the folder of the run.
# 4. Open `report.html` in this folder. Where is your file in the chart? How long does its first call take?
# 5. Copy `mine.py` to `mine2.py`, change **one** thing, and run both: `gdbench run -b mine.py -b mine2.py`. In one run, the two files
#    alternate, so a busy moment of the machine affects both.
# 6. To compare two versions of *one* file, save a run before the change and a run after it: `gdbench run -b mine.py --full --out before`,
#    then the same command with `--out after`. `gdbench compare before after` lists the changes beyond noise and the undecided cases.
#
# **What next?** The course ends here. Ideas for your own work:
#
# * **Report.** `gdbench run` without names measures all backends on your machine. The file `report.html` in its folder contains its data, so
#   you can send it to somebody else. Compare it with the report of another machine: which of your results hold on both?
# * **Compare.** Before you claim that a change makes code faster, save a run, change one thing, run again, and use `gdbench compare`.
# * **Send a backend.** A file that passes the check can become part of the `backends` folder of the project without any other change.
#   Your own package can also provide it through the entry point `gdbench.backends`.

# %%
lesson.exercise()
