# %% [markdown]
# # 3 · Why are loops slow?
#
# Loops in Python are said to be slow. How slow are they, and what takes the time: the loop, the numbers, or the interpreter? In this
# chapter you run the same loops in three ways and compare.
#
# The core of gradient descent is one multiply-add, `total += X[i][j] * beta[j]`. Every iteration does it 2·n·d times: n·d times for the
# prediction Xβ and n·d times for the gradient Xᵀ(y − ŷ). So the time of an iteration divided by 2·n·d is the time of one multiply-add.

# %%
from bench.learn import begin
from bench.learn.ch03_loops import files, picture

lesson = begin(3)

# %% [markdown]
# ## Predict
#
# How long does one multiply-add take in a plain Python loop over lists of numbers? The processor itself needs only a few clock cycles.

# %%
guess = lesson.predict("loop", "How long does one multiply-add take in a plain Python loop?", "ns")
worse = lesson.choose("indexing", "The same loop over a NumPy array, element by element, is ...", picture.CHOICES)

# %% [markdown]
# ## Run
#
# Three files contain the same loops. `python_loops` loops over lists. `array_indexing` loops over NumPy arrays, one element at a time.
# `indexing_compiled` has one more line than `array_indexing`: `@njit`, which compiles it with Numba. All three pass the same checks before
# they are measured. The chart shows 1000 rows and 10 columns.

# %%
run = lesson.measure(
    "loops", ["python_loops", files.ARRAY_INDEXING, files.INDEXING_COMPILED], sizes=["100x10", "1000x10"], max_iter=50
)
lesson.show(picture.prices(run, guess))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
statements = picture.statements(run, guess, worse)
lesson.explain("In a plain loop, a multiply-add takes **{loop}**. {verdict}", shown_by="loops", **statements)
lesson.explain(
    "**The straw man.** The same loop takes {indexing_ratio} as long over a NumPy array as over lists. Only the container changed, so the"
    " difference is the access to elements: the array stores raw numbers, and `X[i, j]` must create a new Python object for each of them,"
    " because the interpreter works only with objects. A comparison of “loops over arrays” with vectorized NumPy uses this slow version"
    " instead of Python's best loop. {chosen}",
    shown_by="loops",
    **statements,
)
lesson.explain(
    "**The same source, compiled,** takes {compiled} for a multiply-add. It is {compiled_ratio} as fast as the loop over the array. The source"
    " is the same, so loops as such are not slow. The compiled code skips the work of the interpreter: looking up the type of each operand,"
    " selecting the operation, and creating an object for each result. This work took the time, because nothing else changed. (The ratio is"
    " the median of the ratios in each block, so it can differ from the quotient of the two times.)",
    shown_by="loops",
    **statements,
)

# %% [markdown]
# ## Modify and make
#
# Every step of the interpreter costs time, so use fewer steps. **Exercise:** make `fit` in your file faster *without* NumPy or any other
# array library, with the same contract and the same results. Let built-in functions loop over the numbers. Your file must pass the
# cross-check. Then it is measured together with `python_loops`, in the same blocks.

# %%
lesson.exercise()
