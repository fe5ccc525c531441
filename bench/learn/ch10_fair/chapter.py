# %% [markdown]
# # 10 · Is it fair? Is there a better algorithm?
#
# A benchmark is a claim: this is so much faster than that. A claim can be wrong although nobody lied and every clock was right.
# In this chapter you get five results that are **rigged**: each breaks one rule of fair timing, on purpose. Find the rule.
#
# Then comes the question that every good benchmark forgets: was this the right thing to make fast at all?

# %%
from bench.learn import begin
from bench.learn.ch10_fair import picture

lesson = begin(10)

# %% [markdown]
# ## Predict
#
# Each line of the table claims to be so many times as fast as `numpy_vectorized`. Each claims to compute the same descent, with
# the same X and y. `numpy_vectorized` was always timed the same way: one thread, the best of five calls, float64.
#
# A **thread** is a line of work that runs beside others, each on a processor of its own. **float32** and **float64** are
# numbers with about seven and about sixteen digits. To **compile** is to translate a function to machine code, once, at its first
# call.

# %%
rigged = lesson.compute("rigged", picture.rigged, lesson)
lesson.table(picture.puzzle(rigged))
first = lesson.choose("first", "The first claim, jax_jit: what is wrong with it?", picture.CHEATS[:-1])
second = lesson.choose("second", "The second claim, numba_jit: what is wrong with it?", picture.CHEATS[:-1])
third = lesson.choose("third", "The third claim, threaded: what is wrong with it?", picture.CHEATS[:-1])
fourth = lesson.choose("fourth", "The fourth claim, NumPy, new: what is wrong with it?", picture.CHEATS[:-1])
fifth = lesson.choose("fifth", "The fifth claim, NumPy, tuned: what is wrong with it?", picture.CHEATS[:-1])
said = {"first": first, "second": second, "third": third, "fourth": fourth, "fifth": fifth}

# %% [markdown]
# ## Run
#
# Now the same five, honestly, by the suite: in several fresh processes, one thread for all, float64 for all, compiled before the
# clock runs, and no time without a right answer. For the fourth claim the honest partner is `numpy_vectorized` itself, run a second
# time as if it were another one. For the fifth it is `numpy_tuned`, the fastest NumPy file here that really takes all the steps.

# %%
run = lesson.measure(
    "honest",
    ["numba_jit", "jax_jit", picture.THREADED, "numpy_tuned"],
    sizes=[f"{picture.N}x{picture.D}"],
    max_iter=picture.K,
)
lesson.show(picture.pairs(rigged, run, said))

# %% [markdown]
# ## Investigate
#
# For each claim, the naive timer was run once more with only the cheat taken out, or taken apart.

# %% jupyter={"source_hidden": true}
told = picture.told(rigged)
lesson.explain(
    "**The first did not wait.** The call came back after {not_waited}. The same call, waited for, took {waited}. JAX may hand out a"
    " promise and do the work afterwards; `block_until_ready` waits for it. {wait}",
    shown_by="rigged",
    **told,
)
lesson.explain(
    "**The second counted the compiling.** Its three calls took {calls}. {compile} Compiling is a real cost, and a report should show"
    " it, but beside the time of a later call, not mixed with it: with more calls the mean would be another one.",
    shown_by="rigged",
    **told,
)
lesson.explain(
    "**The third had more threads.** One file, one text: with one thread it took {one_thread}, with two {all_threads}. {gain} Either"
    " both sides of a comparison get two, or none does.",
    shown_by="rigged",
    **told,
)
lesson.explain(
    "**The fourth had narrower numbers.** It is `numpy_vectorized`, letter by letter: in float64 it took {numpy}, in float32 {float32}."
    " {narrow} And how far apart do two honest runs of one file lie? That is the fourth honest mark in the picture.",
    shown_by="rigged",
    **told,
)
lesson.explain(
    "**The fifth was another algorithm.** `qr_compressed` took {qr} for all its updates, and {qr_without_updates} when it was told to"
    " make none. {before} Nothing is wrong with that: its answer is right. Wrong is the claim that the *code* was made faster.",
    shown_by="rigged",
    **told,
)

# %% [markdown]
# ## A better algorithm
#
# So let algorithms compete openly. The goal is the same for all: from X and y to a β that is near the exact least-squares solution.
# The clock runs from the NumPy arrays to the answer, preparation included, one thread, in several processes.
#
# * `numpy_vectorized` and `numpy_tuned`: the same steps, slow and fast **code**.
# * `qr_compressed`: first replaces all rows by a few that have the same loss, then takes the same steps.
# * `numpy.linalg.lstsq`: takes no steps. It factorizes X and solves for β.
# * scikit-learn's `LinearRegression`, if you have it: the toolbox.

# %%
raced = lesson.compute("race", picture.race, lesson)
lesson.show(picture.finish(raced))
lesson.table(picture.table(raced))
picture.without_toolbox(lesson, raced)

# %% jupyter={"source_hidden": true}
won = picture.won(raced)
lesson.explain(
    "**Code against algorithm.** Better code: `numpy_tuned` is {code} as fast as `numpy_vectorized`. Better algorithms, with NumPy"
    " too: `qr_compressed` is {qr}, `lstsq` {lstsq}. {verdict}, on this machine and at this size.",
    shown_by="race",
    **won,
)
lesson.explain(
    "**What accuracy costs.** To come within a distance of the solution, relative to its length, the descent needs this many updates:"
    " {updates}. Every three digits more cost about as many updates as the three before. `lstsq` makes none, and is off by {error}.",
    shown_by="race",
    **won,
)

# %% [markdown]
# So when do you write it yourself, and when do you open the toolbox? Own code gives **control**: you see every step and can change
# it. A library gives **automation**: it chooses for you, and others have tested it.

# %%
lesson.table(picture.TOOLBOX)

# %% [markdown]
# ## Modify, and make
#
# **Exercise:** your file holds eight small benchmarks, as they stand in many articles. Some are honest. Write into `ANSWERS`, for each
# one, the name of its cheat, or `"honest"`. Nothing is run: read them like a reviewer.

# %%
lesson.exercise()
