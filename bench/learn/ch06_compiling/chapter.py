# %% [markdown]
# # 6 · What does compiling buy?
#
# A *compiler* turns source into instructions of the processor. Numba and JAX do that while your program runs, at the first call: it
# is called *just-in-time* compiling, *jit* for short. The first call is long, the later ones are short. So there is a price, paid
# once, and a gain, got with every call. Does it pay, and from which call on?
#
# In this chapter a *call* is one call of `fit` with 200 iterations, on a small problem: n = 100 rows, d = 10 features. What a backend
# has to do once comes before it: import its library, prepare the data. A call that finds everything ready is a *warm* call. The
# call at which the total time of a backend is no longer above that of `numpy_vectorized` is the *break-even*: all is repaid.

# %%
from bench.learn import begin
from bench.learn.ch06_compiling import picture, seen

lesson = begin(6)

# %% [markdown]
# ## Predict
#
# `numba_jit` starts late: it imports its library and compiles, while `numpy_vectorized` is already at work. Then it
# catches up. After how many calls is it ahead, everything from the start of the process on counted?

# %%
guess = lesson.predict("break_even", "numba_jit is repaid against numpy_vectorized after how many calls?", "calls")
shape = lesson.choose(
    "shape",
    "jax_jit has compiled for 100 rows. Now it is called with 200 rows. What happens?",
    ["it compiles again", "it uses the same program"],
)

# %% [markdown]
# ## Run
#
# Four files that compute the same: `numpy_vectorized`, which compiles nothing; `numba_jit` and `jax_jit`, where the
# whole loop over the iterations is compiled; and `jax_step`, where one iteration is compiled and the loop stays in
# Python. Each process measures apart what comes once, and then the warm calls.

# %%
run = lesson.measure(
    "compiling", ["numba_jit", "jax_jit", picture.VARIANTS / "jax_step.py"], sizes=["100x10"], max_iter=200
)
lesson.show(picture.totals(run, guess))
lesson.table(picture.cold_costs(run))

# %% [markdown]
# When is something compiled? No clock is needed to see it: the programs can be counted. Here `descend`, the function that
# is compiled in `jax_jit` and in `numba_jit`, is compiled afresh, called six times, and after each call the programs are
# counted.

# %%
counted = lesson.compute("counting", seen.count_programs)
lesson.table(seen.programs(counted))

# %% [markdown]
# One more thing is peculiar to JAX. A call that returns has not always finished. A small script makes the same call again and
# again and looks at its clock at two moments: when the call has returned, and when the answer is there. It is a
# demonstration, made just now on the machine that this text is given on, with less care than the suite takes.

# %%
waited = lesson.compute("waiting", seen.wait)

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
told = picture.told(run, guess) | seen.told(counted, waited, shape)
lesson.explain(
    "**The break-even of Numba.** By the end of its first call `numba_jit` has taken {extra} than `numpy_vectorized`. Against that,"
    " each warm call takes {numba_call}, and {numpy_call} with NumPy. {numba_repaid} {verdict}",
    shown_by="compiling",
    **told,
)
lesson.explain(
    "**What the first call is made of.** The first call of `numba_jit` takes {numba_first}. Of that, {numba_compile} went into"
    " compiling, as Numba itself reports. A warm call makes the same 200 iterations on the same data in {numba_call}. So it is not the"
    " work that makes the first call long, but what happens once before it.",
    shown_by="compiling",
    **told,
)
lesson.explain(
    "**Tracing, and a program for each shape.** JAX runs your function once with stand-ins that have a shape and a dtype (which kind"
    " of number), but no values, and writes down each operation. That is *tracing*; the record is then compiled. In the six calls the"
    " function of `jax_jit` was traced {jax_programs} times, and that of `numba_jit` compiled {numba_programs} times. Other values"
    " needed nothing new. {shape_told} {choice_told}",
    shown_by="counting",
    **told,
)
lesson.explain(
    "**Dispatch.** An iteration takes {step} in `jax_step` and {loop} in `jax_jit`, so the ratio is {step_ratio}. Both make the same"
    " arithmetic, and have compiled it; only the loop is in another place. {step_told}",
    shown_by="compiling",
    **told,
)
lesson.explain(
    "**A result that is only promised.** Of {waits} calls, {ready} had their answer ready when they returned. The middle one of the"
    " {waits}, in order of time, returned after {returned}, and had its answer after {answered}. {waiting_told}",
    shown_by="waiting",
    **told,
)

# %% [markdown]
# ## Modify, and make
#
# The picture shows where two lines cross. You can compute it. **Exercise:** write `break_even_calls(ours, baseline)`,
# which returns after how many calls everything is repaid, or `None` if it never is. Add up the time of one call, of two calls,
# of three, for both sides, on paper first. Your function is tested on many made-up costs, and on those that were measured here.

# %%
lesson.exercise()
