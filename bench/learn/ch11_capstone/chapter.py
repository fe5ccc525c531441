# %% [markdown]
# # 11 · Can you write your own backend?
#
# A **backend** is one Python file with three functions. Nothing has to be registered, and nothing of ours imported: give the suite
# your file, and it is checked, timed, and drawn beside the others. In this last chapter you write one.
#
# The **contract** is what every backend keeps:
#
# * `prepare(X, y, beta)` makes what `fit` works on: a copy, another order, the arrays of another library. It is not timed with `fit`.
# * `fit(X, y, beta, learning_rate, max_iter, tol)` returns `(beta, losses)`. `losses[k]` is the loss after k updates. It gets what
#   `prepare` returned, changes none of it, and returns when the answer is there.
# * `to_numpy(array)` makes a NumPy array of what `fit` returned.
#
# At each k, in this order, `fit` stops where the loss is no longer a finite number; where it changed by less than
# `tol * losses[0]` from k − 1 to k; where k is `max_iter`. Otherwise it updates β.

# %%
from bench.learn import begin, facts
from bench.learn.ch11_capstone import picture

lesson = begin(11)

# %% [markdown]
# ## Predict
#
# Below, a fifth backend is timed beside the four of the course: `finished`, written by us as one answer to the exercise. It stores X
# column after column, and makes fewer calls; apart from that it is plain NumPy. Yours will come later. Guess for this one, at n = 1000 and d = 10.

# %%
guess = lesson.predict(
    "ratio", "finished is how many times as fast as numpy_vectorized? (0.5: it needs double the time)"
)
first = lesson.choose(
    "first",
    "Your unfinished file has two mistakes. The first check that fails will say ...",
    ["only that something is wrong", "how far off the answer is", "how far off, and what the mistake is"],
)

# %% [markdown]
# ## Run
#
# **Check.** Your file begins unfinished. This is what `gdbench check` finds in it. “Off by” is the distance from the right
# answer. “Allowed” is the largest distance that rounding alone could make: whatever is beyond it is no rounding.

# %%
before, after = lesson.compute("check", picture.checked)
lesson.table(picture.sentences(before))

# %% jupyter={"source_hidden": true}
told = picture.told(before)
lesson.explain(
    "{failed} checks fail. The first distance is {error}, where {bound} is allowed. And the suite makes a guess at the mistake: *{hint}* {chosen}",
    shown_by="check",
    chosen=facts.chosen(first),
    **told,
)

# %% [markdown]
# How can it know? It asks your file again on small problems, and compares the answers with those of many descents that each make
# one known mistake. If one of them gives your answers, or very few do, it names what they do wrong. If none does, it says only
# what it sees.
#
# **Mend one thing, and check again.** One number changed in one line, and the same check:

# %%
lesson.table(picture.sentences(after))

# %% jupyter={"source_hidden": true}
again = picture.told(after)
lesson.explain(
    "Now {failed} checks fail, and the hint is another one: *{hint}*. This is the part that you write yourself.",
    shown_by="check",
    **again,
)

# %% [markdown]
# **Run.** A file without mistakes is timed. Here is `finished`, among the four.

# %%
run = lesson.measure(
    "finished", ["python_loops", "numba_jit", "jax_jit", picture.FINISHED], sizes=["1000x10"], max_iter=100
)
lesson.show(picture.chart(run, guess))
lesson.table(picture.times(run))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
found = picture.verdict(run, guess)
lesson.explain(
    "`finished` is {ratio} as fast as `numpy_vectorized`, at this size and on this machine. {words} {guess}",
    shown_by="finished",
    **found,
)

# %% [markdown]
# The number in brackets is the interval: where the true ratio lies, as far as several processes can tell. If 1 lies inside, nothing
# is shown, in either direction. What this run does *not* show is why. For that you need what the other chapters did: two files
# that differ in one thing only.
#
# ## Modify, and make
#
# **Exercise:** write your own backend. It must pass the cross-check, and it must not be one of our files. Then it is timed beside
# `numpy_vectorized`, and you are told the ratio. Slower is fine: correctness is graded, the time is only reported.
#
# 1. Open your file. Its name is given below. Copy it to `mine.py`, so that you can name it as you like.
# 2. `gdbench check mine.py`: read the hint, mend one thing, check again, until it says ok.
# 3. `gdbench run -b mine.py --quick`: it is timed, and stands in the chart beside `numpy_vectorized`. The last lines name the
#    folder of the run.
# 4. Open `report.html` in that folder. Where is your file in the picture? What does its first call cost?
# 5. Copy `mine.py` to `mine2.py`, change **one** thing, and run both: `gdbench run -b mine.py -b mine2.py`. In one run, the two
#    take turns, so a moment in which the machine is busy hits both.
# 6. For two versions of *one* file, save a run before the change and a run after it: `gdbench run -b mine.py --full --out before`,
#    then the same with `--out after`. `gdbench compare before after` says what changed beyond noise, and what is undecided.
#
# **What next?** This is where the course ends, and where your own work begins.
#
# * **Report.** `gdbench run` without names measures everything you have, and `report.html` in its folder can be sent as it is: one
#   file, with its data inside. Compare it with the report of somebody else's machine, and ask which of your sentences still hold.
# * **Compare.** Before you say “faster”, save a run, change one thing, run again, and let `gdbench compare` say it.
# * **Send a backend.** A file that passes the check can go into the `backends` folder of the project; nothing else must change.
#   A package of your own can offer it, too, under the entry point `gdbench.backends`.

# %%
lesson.exercise()
