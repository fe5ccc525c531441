# %% [markdown]
# # 5 · Where do the bytes go?
#
# A processor must load a number before it can compute with it. Numbers are in *main memory*, which is large and slow. Copies of recently
# used numbers are in *caches*, which are small and fast. If X is too large for the caches, does gradient descent wait for its numbers? And
# what helps?
#
# A *byte* is the unit of memory. A number in *float64*, the usual type, takes 8 bytes. A number in *float32* takes 4 bytes and has fewer
# digits. X has n rows and d columns, so it takes 8·n·d bytes in float64. One step of gradient descent uses X twice: once for the
# prediction ŷ = Xβ and once for the gradient Xᵀ(y − ŷ). This makes 4·n·d additions and multiplications. If X comes from main memory both
# times, it also makes 16·n·d bytes.

# %%
from bench.learn import begin
from bench.learn.ch05_bytes import files, picture

lesson = begin(5)

# %% [markdown]
# ## Predict
#
# Take d = 100 columns and n = 5 000 or n = 100 000 rows. On most machines, the first X fits into the last-level cache and the second does
# not. The larger X takes longer, of course. The question is the time for *each value* of X.

# %%
guess = lesson.predict(
    "slower", "How many times as long does a NumPy step take for each value of the larger X?", "times"
)
choice = lesson.choose("helps", "What helps most with the larger X?", picture.WAYS)

# %% [markdown]
# ## Run
#
# The run compares `numpy_vectorized` with four files that each change one thing:
#
# * `out_buffers` allocates no new arrays in a step. It writes into the same arrays again (`out=`).
# * `fortran_order` stores X column by column. NumPy's default order is row by row.
# * `two_passes` is compiled with Numba. Like NumPy, it reads all of X twice.
# * `one_pass` is compiled with Numba, too. For each row it computes the residual y − ŷ and adds the row's part of the gradient at once.
#
# Between these runs, the suite measures how fast this machine reads the same number of bytes again and again, without any other work. This
# is the *limit* in the chart. No step that needs all of X can be faster than reading X once.

# %%
run = lesson.measure("sizes", files.ALL, sizes=picture.SIZES, max_iter=5)
halves = lesson.measure(
    "float32", [files.ONE_PASS], sizes=picture.SIZES[-1:], dtypes=("float64", "float32"), max_iter=5
)
lesson.show(picture.limits(run, guess))
lesson.table(picture.values(run))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
statements = picture.statements(run, halves, guess, choice)
lesson.explain(
    "A step of `numpy_vectorized` takes {slow} as long for each value of the larger X as for each value of the smaller one. {verdict}"
    " Only n changed: the arithmetic for each value is the same. The speed of pure reading was {reads}. {cache}",
    shown_by="sizes",
    **statements,
)
lesson.explain(
    "**Which limit?** At n = 100 000, the 4·n·d operations and a few more for the loss are {work} operations. At the highest rate measured"
    " here they need {work_s}. Reading X and y twice means reading {bytes}, which needs {read_s}. A step of `numpy_vectorized` takes {step_s}."
    " {more} The next two experiments change the way through X.",
    shown_by="sizes",
    **statements,
)
lesson.explain(
    "**One pass instead of two.** `one_pass` is {pass_inside} as fast as `two_passes` at n = 5 000, and {pass_beyond} as fast at n = 100 000."
    " {pass_so} At n = 100 000, `two_passes` reaches {share_two_passes} of the limit and `one_pass` reaches {share_one_pass}. A step that reads X twice from memory"
    " can reach at most half.",
    shown_by="sizes",
    **statements,
)
lesson.explain(
    "**Columns or rows.** `fortran_order` is {order_inside} as fast as `numpy_vectorized` at n = 5 000, and {order_beyond} as fast at"
    " n = 100 000. {order_so} At n = 100 000, `numpy_vectorized` reaches {share_numpy_vectorized} of the limit, and `fortran_order` reaches"
    " {share_fortran_order}.",
    shown_by="sizes",
    **statements,
)
lesson.explain(
    "**Half the bytes.** At n = 100 000, `one_pass` is {narrow} as fast in float32 as in float64, and `numpy_vectorized` is {narrow_numpy} as"
    " fast. {narrow_so}",
    shown_by="float32",
    **statements,
)
lesson.explain(
    "**No new arrays.** `out_buffers` is {out_inside} as fast as `numpy_vectorized` at n = 5 000, and {out_beyond} as fast at n = 100 000. {out_so}",
    shown_by="sizes",
    **statements,
)
lesson.show(picture.ways(run, halves))
lesson.explain(
    "All four changes are compared with `numpy_vectorized` in float64. The largest gain: {best} The gain of `one_pass` contains that of"
    " compiling, because NumPy cannot go through X in one pass.",
    shown_by="sizes",
    **statements,
)

# %% [markdown]
# ## Modify and make
#
# The speed of memory is one limit, and the amount is another. In `numpy_vectorized`, every operation creates a new array, a *temporary*:
# `y_pred`, `residual` and the square `residual * residual` have n numbers each.

# %% jupyter={"source_hidden": true}
lesson.explain(
    "At n = 100 000, the *peak*, which is the largest amount of memory in use while `fit` runs, was {peak_numpy}. One array of n numbers takes"
    " {vector}. With `out_buffers` the peak was {peak_out}: it keeps three arrays of n numbers.",
    shown_by="sizes",
    **statements,
)

# %% [markdown]
# **Exercise:** your file is `numpy_vectorized`. Change `fit` so that fewer arrays of n numbers exist at the same time. The answer must
# stay the same, the inputs must not change, and no array may survive from one call to the next. Your file must pass the cross-check. Then
# its peak is measured together with that of `numpy_vectorized`. It must be lower by at least half of such an array. Useful functions:
# `np.matmul(X, beta, out=...)`, `np.subtract(y, ..., out=...)` and `np.empty_like(y)`.

# %%
lesson.exercise()
