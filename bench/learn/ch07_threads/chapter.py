# %% [markdown]
# # 7 · Do threads help?
#
# Most machines have several *processors* (often called cores) that work at the same time. A program uses more than one of them with
# *threads*: parts of a program that run in parallel and share its memory. So two threads should need half the time. Do they?
#
# Two numbers help to answer this. The *speed-up* is the time with one thread divided by the time with all threads. *CPU/wall* is the
# processor time divided by the elapsed time: 1 means that one processor was busy all the time, and 2 means that two were.

# %%
from bench.learn import begin
from bench.learn.ch07_threads import files, picture, race

lesson = begin(7)

# %% [markdown]
# ## Predict
#
# `numba_parallel` divides the rows of X into blocks and gives each thread one block. Take a problem so large that X does not fit into the
# cache, the small and fast memory inside the processor.

# %%
guess = lesson.predict(
    "speedup", "What is the speed-up of numba_parallel with all processors of this machine?", "times"
)
numpy = lesson.choose(
    "numpy", "NumPy computes `a * b`, element by element, for two long arrays. It uses ...", picture.CHOICES
)

# %% [markdown]
# ## Run
#
# The run compares `numpy_vectorized`, `numba_jit` and `numba_parallel`. The loops of `numba_jit` use one thread. It serves as the control:
# its speed-up must be 1. Each file is measured with one thread and with all threads, at a size that fits into a cache (20 000 rows) and at a
# size that does not (1 000 000 rows). The operating system keeps a process with one thread on one processor.

# %%
run = lesson.measure(
    "threads",
    ["numba_jit", files.NUMBA_PARALLEL],
    sizes=["20000x10", "1000000x10"],
    threads=picture.THREADS,
    max_iter=4,
)
lesson.show(picture.speedups(run, guess))
lesson.show(picture.processors(run))

# %% [markdown]
# NumPy computes the products Xβ and Xᵀ(y − ŷ) with a *BLAS*, a library for matrix products that has its own threads. All other operations
# are element-wise. `numpy_elementwise` computes the same result without a matrix product. This run allows all threads.

# %%
products = lesson.measure(
    "products", [files.NUMPY_ELEMENTWISE], sizes=["50000x10"], threads=picture.THREADS[-1:], max_iter=10
)

# %% [markdown]
# Shared memory is also a risk. In the next experiment, all threads count rows. First, all threads add to one shared number. Then each thread
# adds to its own number, and the program adds up these numbers at the end.

# %%
counted = lesson.compute("race", race.count_rows)
lesson.table(race.counts(counted))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
statements = picture.statements(run, products, guess, numpy) | race.statements(counted)
lesson.explain(
    "**The gain from threads.** With {threads} threads, `numba_parallel` has a speed-up of {small_gain} at 20 000 rows. {small_statement} At"
    " 1 000 000 rows the speed-up is {large_gain}. {large_statement} {verdict}",
    shown_by="threads",
    **statements,
)
lesson.explain(
    "**The control.** `numba_jit` has a speed-up of {control_gain} at 20 000 rows, with a CPU/wall of {control_cpu}. {control_statement}",
    shown_by="threads",
    **statements,
)
lesson.explain(
    "**Memory bandwidth.** At 1 000 000 rows, every pass reads X from memory. The suite also measures how fast this machine reads the same"
    " number of bytes without any other work: {reads_one} with one thread and {reads_all} with {threads}, which is {reads_gain}."
    " `numba_parallel` reads X at {share_one} of this speed with one thread and at {share_all} with all threads. {memory_statement}",
    shown_by="threads",
    **statements,
)
lesson.explain(
    "**“NumPy uses all processors.”** With all threads allowed, `numpy_vectorized` has a CPU/wall of {blas_cpu}, and `numpy_elementwise`"
    " has {plain_cpu}. {numpy_statement} {choice_statement}",
    shown_by="products",
    **statements,
)
lesson.explain(
    "**Busy is not the same as faster.** At 1 000 000 rows, `numpy_vectorized` has a CPU/wall of {busy_cpu} with all threads, and its"
    " speed-up is {busy_gain}. {busy_statement}",
    shown_by="threads",
    **statements,
)
lesson.explain(
    "**A race.** With one shared number, {race_wrong} of {race_calls} calls were wrong. The smallest answer was {race_smallest} of"
    " {race_rows} rows. {race_statement}",
    shown_by="race",
    **statements,
)
lesson.explain(
    "**Without the race.** With one number per thread, {fixed_right} of {race_calls} calls were right. {fixed_statement}",
    shown_by="race",
    **statements,
)

# %% [markdown]
# ## Modify and make
#
# **Exercise:** the function `sum_up` in your file has a race: all threads add to the same `sums`. Remove the race and keep the threads. Your
# file must pass the cross-check. It must compute the right sums in each of many calls with all threads, and more than one thread must do the
# work. On a machine with one processor, the check cannot detect the race. In this case it reports so.

# %%
lesson.exercise()
