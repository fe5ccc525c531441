# %% [markdown]
# # 3 · Why are loops slow?
#
# Everybody says that loops in Python are slow. Slow by how much, and what is it that takes the time? The loop itself? The
# numbers? The interpreter? In this chapter one piece of source is run in three ways, and the differences answer.
#
# The heart of gradient descent is one multiply-add, `total += X[i][j] * beta[j]`, made 2·n·d times in every iteration: once for the
# prediction Xβ, once for the gradient Xᵀ(y − ŷ). So the time of an iteration divided by 2·n·d is the price of one.

# %%
from bench.learn import begin, facts
from bench.learn.ch03_loops import picture

lesson = begin(3)

# %% [markdown]
# ## Predict
#
# How long does one multiply-add take in a plain Python loop over lists of numbers? The
# processor itself needs a few steps of its clock.

# %%
guess = lesson.predict("loop", "One multiply-add in a plain Python loop takes how long?", "ns")
worse = lesson.choose(
    "indexing",
    "The same loop over a NumPy array, element by element, is ...",
    ["faster than over a list", "about as fast", "slower than over a list"],
)

# %% [markdown]
# ## Run
#
# Three files with the same loops: `python_loops` walks over lists; `array_indexing` walks over NumPy arrays, one element at a time;
# `indexing_compiled` is the text of `array_indexing` with one line more, `@njit`, which has Numba compile it. All three pass the same
# checks before they are timed. The picture shows 1000 rows and 10 columns.

# %%
run = lesson.measure(
    "loops",
    ["python_loops", picture.VARIANTS / "array_indexing.py", picture.VARIANTS / "indexing_compiled.py"],
    sizes=["100x10", "1000x10"],
    max_iter=50,
)
lesson.show(picture.prices(run, guess))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
told = picture.told(run, guess)
lesson.explain("In a plain loop a multiply-add takes **{loop}**. {verdict}", shown_by="loops", **told)
lesson.explain(
    "**The straw man.** Over a NumPy array the same loop is {indexing_ratio} as slow as over lists. Nothing else was changed, so it"
    " is the access: the array holds bare numbers, and `X[i, j]` must make a new Python object for each one, because the interpreter"
    " can only handle objects. Who compares “loops over arrays” with vectorized NumPy compares with this, and not with Python's best."
    " {chosen}",
    shown_by="loops",
    chosen=facts.chosen(worse),
    **told,
)
lesson.explain(
    "**The same text, compiled,** takes {compiled} for a multiply-add: {compiled_ratio} as fast as the loop over the array. The text is the same, so loops as"
    " such are not slow. What Numba leaves out is the interpreter: looking up the type of each operand, choosing the operation, and"
    " making an object for each result. That is what the time went into, because nothing else was changed. (A ratio is taken in each block and then its median, so it need not be the quotient of the two times.)",
    shown_by="loops",
    **told,
)

# %% [markdown]
# ## Modify, and make
#
# The interpreter is paid for each step it takes, so take fewer. **Exercise:** make `fit` of your file faster *without* NumPy or any
# other array library: same contract, same results. Let built-in functions walk over the numbers. It must pass the cross-check, and
# then it is timed beside `python_loops`, in the same blocks.

# %%
lesson.exercise()
