# %% [markdown]
# # 5 · Where do the bytes go?
#
# A processor cannot compute with a number before it has it. Numbers lie in *main memory*, which is large and slow, and copies of
# those used last lie in *caches*, which are small and fast. This chapter looks at one question: when X gets too large for the
# caches, does gradient descent wait for its numbers? And what helps?
#
# A *byte* is the unit of memory. A number in *float64*, the usual kind, takes 8 bytes, one in *float32* takes 4 and has fewer
# digits. X is n rows by d columns, so in float64 it takes 8·n·d bytes. One step of gradient descent uses X twice: once for the
# prediction ŷ = Xβ, once for the gradient Xᵀ(y − ŷ). That makes 4·n·d additions and multiplications, and, if X comes from main
# memory both times, 16·n·d bytes.

# %%
from bench.learn import begin
from bench.learn.ch05_bytes import picture

lesson = begin(5)

# %% [markdown]
# ## Predict
#
# Take d = 100 columns, and n = 5 000 or n = 100 000 rows. The first X fits into the last cache of most machines, the second does
# not. Of course the larger one takes longer; the question is the time for *each value* of X.

# %%
guess = lesson.predict("slower", "For each value of the larger X, a NumPy step takes how many times as long?", "times")
choice = lesson.choose("helps", "What helps most with the larger X?", picture.WAYS)

# %% [markdown]
# ## Run
#
# `numpy_vectorized` runs beside four files that each change one thing:
#
# * `out_buffers` makes no new arrays in a step: it writes into arrays that it keeps (`out=`).
# * `fortran_order` stores X column by column. NumPy's usual order is row by row.
# * `two_passes` is compiled with Numba. Like NumPy it goes through all of X twice.
# * `one_pass` is its twin. For each row it computes the residual y − ŷ and, while the row is at hand, its part of the gradient.
#
# Between these runs the suite measures how fast this machine can read just so many bytes, again and again, with nothing else to
# do. That is the *limit* in the picture. No step that needs all of X can be faster than reading X once.

# %%
run = lesson.measure("sizes", picture.FILES, sizes=picture.SIZES, max_iter=5)
halves = lesson.measure(
    "float32", [picture.VARIANTS / "one_pass.py"], sizes=picture.SIZES[-1:], dtypes=("float64", "float32"), max_iter=5
)
lesson.show(picture.limits(run, guess))
lesson.table(picture.values(run))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
told = picture.told(run, halves, guess, choice)
lesson.explain(
    "For each value of the larger X, a step of `numpy_vectorized` takes {slow} as long as for each value of the smaller one. {verdict}"
    " Nothing but n has changed: the arithmetic for a value is the same. The speed of pure reading was {reads}. {left}",
    shown_by="sizes",
    **told,
)
lesson.explain(
    "**Which limit?** At n = 100 000 the 4·n·d operations, and a few more for the loss, are {work}. At the highest rate measured here they"
    " need {work_s}. To read X and y twice is to read {bytes}, and that needs {read_s}. {more}",
    shown_by="sizes",
    **told,
)
lesson.explain(
    "**One pass instead of two.** `one_pass` is {pass_inside} as fast as `two_passes` at n = 5 000, and {pass_beyond} as fast at n = 100 000."
    " {pass_so} Of the limit, `two_passes` reaches {two} there and `one_pass` {one}; a step that reads X twice from memory can reach"
    " half at most.",
    shown_by="sizes",
    two=told["share_two_passes"],
    one=told["share_one_pass"],
    **told,
)
lesson.explain(
    "**Columns or rows.** `fortran_order` is {inside} as fast as `numpy_vectorized` at n = 5 000, and {beyond} as fast at n = 100 000."
    " {so} Of the limit, `numpy_vectorized` reaches {rows} there and `fortran_order` {columns}.",
    shown_by="sizes",
    rows=told["share_numpy_vectorized"],
    columns=told["share_fortran_order"],
    inside=told["order_inside"],
    beyond=told["order_beyond"],
    so=told["order_so"],
)
lesson.explain(
    "**Half the bytes.** In float32 `one_pass` is {narrow} as fast as in float64, and `numpy_vectorized` {narrow_numpy}, both at"
    " n = 100 000. {so}",
    shown_by="float32",
    so=told["narrow_so"],
    **told,
)
lesson.explain(
    "**No new arrays.** `out_buffers` is {inside} as fast as `numpy_vectorized` at n = 5 000, and {beyond} as fast at n = 100 000. {so}",
    shown_by="sizes",
    inside=told["out_inside"],
    beyond=told["out_beyond"],
    so=told["out_so"],
)
lesson.show(picture.ways(run, halves))
lesson.explain(
    "Each way is compared with its own twin. The largest of these four gains: {best}. The first two are against `numpy_vectorized`, the others against `two_passes` and"
    " against `one_pass` in float64.",
    shown_by="sizes",
    **told,
)

# %% [markdown]
# ## Modify, and make
#
# Memory has a second side: not how fast it is read, but how much of it is needed. In `numpy_vectorized` every operation makes a new
# array, a *temporary*: `y_pred`, `residual` and the square `residual * residual` have n numbers each.

# %% jupyter={"source_hidden": true}
lesson.explain(
    "At n = 100 000 the largest amount of memory taken while `fit` runs, its *peak*, was {peak_numpy}; one array of n numbers takes {vector}."
    " With `out_buffers` the peak was {peak_out}: it keeps three arrays of n numbers.",
    shown_by="sizes",
    **told,
)

# %% [markdown]
# **Exercise:** your file is `numpy_vectorized`. Change `fit` so that fewer arrays of n numbers exist at the same time. The answer must
# stay the same, the inputs must not change, and nothing may be kept from one call to the next. Your file must pass the cross-check;
# then its peak is measured beside that of `numpy_vectorized`, and must be lower by at least one half of such an array.

# %%
lesson.exercise()
