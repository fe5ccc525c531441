# %% [markdown]
# # 6 · What does compiling buy?
#
# A *compiler* translates source code into instructions for the processor. Numba and JAX compile while your program runs, at the first
# call. This is called *just-in-time* compiling, or *jit*. The first call is slow, and the later calls are fast. So there is a cost that you
# pay once, and a gain in every call. Is it worth it, and after how many calls?
#
# In this chapter, a *call* is one call of `fit` with 200 iterations on a small problem: n = 100 rows, d = 10 features. Before the first
# call, a backend imports its library and prepares the data. A call after that is a *warm* call. The *break-even* is the call at which the
# total time of a backend is no longer above the total time of `numpy_vectorized`.

# %%
from bench.learn import begin
from bench.learn.ch06_compiling import demonstrations, picture

lesson = begin(6)

# %% [markdown]
# ## Predict
#
# `numba_jit` starts slowly: it imports its library and compiles while `numpy_vectorized` already computes. Then it catches up. Count
# everything from the start of the process. After how many calls is it ahead?

# %%
guess = lesson.predict("break_even", "After how many calls does numba_jit break even with numpy_vectorized?", "calls")
shape = lesson.choose(
    "shape", "jax_jit is compiled for 100 rows. You call it with 200 rows. What happens?", demonstrations.CHOICES
)

# %% [markdown]
# ## Run
#
# Four files compute the same result. `numpy_vectorized` compiles nothing. `numba_jit` and `jax_jit` compile the whole loop over the
# iterations. `jax_step` compiles one iteration and keeps the loop in Python. Each process measures the one-time costs separately from the
# warm calls. A ring in the chart is a break-even with `numpy_vectorized`.

# %%
run = lesson.measure(
    "compiling", ["numba_jit", "jax_jit", picture.VARIANTS / "jax_step.py"], sizes=["100x10"], max_iter=200
)
lesson.show(picture.totals(run, guess))
lesson.table(picture.cold_costs(run))

# %% [markdown]
# When does a compiler run? You can answer this without a clock: count the programs. The next experiment compiles `descend`, the compiled
# function of `jax_jit` and `numba_jit`, from scratch, calls it six times, and counts the programs after each call.

# %%
counted = lesson.compute("counting", demonstrations.count_programs)
lesson.table(demonstrations.programs(counted))

# %% [markdown]
# JAX has one more special feature: a call may return before it is finished. A small script repeats the same call and reads the clock
# twice: when the call returns, and when the result is ready. This is a demonstration on the machine that displays this text. It is less
# careful than the measurements of the suite.

# %%
waited = lesson.compute("waiting", demonstrations.wait)

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
statements = picture.statements(run, guess) | demonstrations.statements(counted, waited, shape)
lesson.explain(
    "**The break-even of Numba.** At the end of its first call, `numba_jit` has taken {extra} than `numpy_vectorized`. Each warm call"
    " takes {numba_call}, compared with {numpy_call} for NumPy. {numba_repaid} {verdict}",
    shown_by="compiling",
    **statements,
)
lesson.explain(
    "**What makes the first call slow?** The first call of `numba_jit` takes {numba_first}. Numba reports that {numba_compile} of this is"
    " compiling. A warm call does the same 200 iterations on the same data in {numba_call}. So the iterations do not make the first call"
    " slow; the one-time work before them does.",
    shown_by="compiling",
    **statements,
)
lesson.explain(
    "**Tracing, and a program for each shape.** JAX runs your function once with placeholders, which have a shape and a dtype (the type"
    " of the numbers) but no values, and records each operation. This is called *tracing*. JAX then compiles the record. In the six calls,"
    " the function of `jax_jit` was traced {jax_programs} times, and the function of `numba_jit` was compiled {numba_programs} times."
    " Different values did not need a new program. {shape_statement} {choice_statement}",
    shown_by="counting",
    **statements,
)
lesson.explain(
    "**Dispatch.** An iteration takes {step} in `jax_step` and {loop} in `jax_jit`, a ratio of {step_ratio}. Both compile the same"
    " arithmetic; only the position of the loop differs. {step_statement}",
    shown_by="compiling",
    **statements,
)
lesson.explain(
    "**Asynchronous results.** Of {waits} calls, {ready} had their result ready when they returned. The median time until the return was"
    " {returned}, and the median time until the result was {answered}. {waiting_statement}",
    shown_by="waiting",
    **statements,
)

# %% [markdown]
# ## Modify and make
#
# The chart shows where two lines cross. You can compute this point. **Exercise:** write `break_even_calls(backend, baseline)`. It returns
# the number of calls after which the backend breaks even, or `None` if it never does. First add up the time of one call, two calls and
# three calls on paper, for both sides. The check tries your function on many random costs and on the costs measured here.

# %%
lesson.exercise()
