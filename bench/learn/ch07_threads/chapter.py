# %% [markdown]
# # 7 · Do threads help?
#
# Most machines have several *processors* that can work at the same time (often called cores). A program uses more than one of
# them with *threads*: parts of one program that run side by side and share its memory. So two threads should need half the
# time. Do they?
#
# Two figures tell. The *speed-up* is the time with one thread over the time with all. *CPU/wall* is the processor time that was
# used up, over the time on the clock at the wall: 1 means that one processor was busy all the time, 2 that two were.

# %%
from bench.learn import begin
from bench.learn.ch07_threads import picture, race

lesson = begin(7)

# %% [markdown]
# ## Predict
#
# `numba_parallel` cuts the rows of X into blocks and gives each thread one of them. Take a problem so large that X does
# not fit into the cache, the small and fast memory inside the processor.

# %%
guess = lesson.predict("speedup", "With all processors of this machine, numba_parallel gains what speed-up?", "times")
numpy = lesson.choose(
    "numpy",
    "NumPy computes `a * b`, element by element, for two long arrays. It uses ...",
    ["one thread", "all threads"],
)

# %% [markdown]
# ## Run
#
# `numpy_vectorized`; `numba_jit`, whose loops are written for one thread and which is here as the control: it must gain
# nothing; and `numba_parallel`. Each is measured with one thread and with all, at a size that fits into a cache (20 000 rows) and
# at one that does not (1 000 000 rows). A process with one thread is held on one processor by the system.

# %%
run = lesson.measure(
    "threads",
    ["numba_jit", picture.VARIANTS / "numba_parallel.py"],
    sizes=["20000x10", "1000000x10"],
    threads=picture.THREADS,
    max_iter=4,
)
lesson.show(picture.speedups(run, guess))
lesson.show(picture.processors(run))

# %% [markdown]
# NumPy hands the products Xβ and Xᵀ(y − ŷ) to a *BLAS*, a library for such products that has threads of its own. What is left
# are element-wise operations. `numpy_elementwise` computes the same without any matrix product. All threads are allowed here.

# %%
products = lesson.measure(
    "products",
    [picture.VARIANTS / "numpy_elementwise.py"],
    sizes=["50000x10"],
    threads=picture.THREADS[-1:],
    max_iter=10,
)

# %% [markdown]
# Threads share memory, and that is a danger, too. In the next experiment all threads count rows. First each of them adds to
# one number, the same for all. Then each has a number of its own, and these are added up at the end.

# %%
counted = lesson.compute("race", race.count_rows)
lesson.table(race.counts(counted))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
told = picture.told(run, products, guess, numpy) | race.told(counted)
lesson.explain(
    "**What the threads gained.** With {threads} threads `numba_parallel` gained {small_gain} at 20 000 rows: {small_told}. At 1 000 000"
    " rows it gained {large_gain}: {large_told}. {verdict}",
    shown_by="threads",
    **told,
)
lesson.explain(
    "**The control.** `numba_jit` gained {control_gain} at 20 000 rows, at a CPU/wall of {control_cpu}. {control_told}",
    shown_by="threads",
    **told,
)
lesson.explain(
    "**What memory delivers.** At 1 000 000 rows X has to come from memory in every pass. The suite also measures how fast this machine"
    " can read so many bytes and do nothing else: {reads_one} with one thread, {reads_all} with {threads}, which is {reads_gain}."
    " `numba_parallel` took its X in at {share_one} of that with one thread and {share_all} with all. {memory_told}",
    shown_by="threads",
    **told,
)
lesson.explain(
    "**“NumPy uses all processors.”** With all threads allowed, `numpy_vectorized` had a CPU/wall of {blas_cpu}, and"
    " `numpy_elementwise` one of {plain_cpu}. {numpy_told} {choice_told}",
    shown_by="products",
    **told,
)
lesson.explain(
    "**Busy is not faster.** At 1 000 000 rows `numpy_vectorized` had a CPU/wall of {busy_cpu} with all threads, and gained"
    " {busy_gain}. {busy_told}",
    shown_by="threads",
    **told,
)
lesson.explain(
    "**A race.** With one number for all, {race_wrong} of {race_calls} calls were wrong; the least of them counted {race_least} of"
    " {race_rows} rows. {race_told}",
    shown_by="race",
    **told,
)
lesson.explain(
    "**Mended.** With a number for each thread, {mended_right} of {race_calls} calls were right. {mended_told}",
    shown_by="race",
    **told,
)

# %% [markdown]
# ## Modify, and make
#
# **Exercise:** your file has a race in `sum_up`: all threads add into the same `sums`. Mend it, and leave the threads at
# work. Your file must pass the cross-check, give the right sums in every one of many calls with all threads, and more than one
# thread must do the work. On a machine with one processor nobody can see whether the race is gone, and you are told so.

# %%
lesson.exercise()
