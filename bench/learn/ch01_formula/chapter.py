# %% [markdown]
# # 1 · From formula to code: what is β after one step?
#
# Three points, and a straight line that is to run through them as well as it can. The computer is to find the line by itself. The
# whole method, **gradient descent**, is four short lines of formula. In this chapter you do one step of it by hand, and then see the
# same step in four dialects of Python.
#
# | x | y |
# | --- | --- |
# | 0 | 2 |
# | 1 | 3 |
# | 2 | 7 |
#
# A line is two numbers: the **intercept**, its height at x = 0, and the **slope**, by how much it rises for each unit of x. Together
# they are called **β** (beta): β = (intercept, slope). The line predicts intercept + slope·x, which we write **ŷ** (“y hat”), beside
# the measured y.
#
# All predictions at once are ŷ = Xβ. Here **X** is a table with a row for each point (n = 3) and a column for each number of β
# (d = 2): a column of ones, for the intercept, and a column with the x. To “multiply” by β means: in each row, multiply the entries
# with the numbers of β and add, so 1·intercept + x·slope. The ones make the intercept a number like any other, learned like the slope.
#
# The four steps, repeated again and again:
#
# 1. **predict**: ŷ = Xβ.
# 2. **loss**: J = (1/n) Σ (yᵢ − ŷᵢ)². One number that says how bad the line is: take the miss y − ŷ of each point, square it, and
#    average (Σ means: add up over all points i).
# 3. **gradient**: ∂J/∂β = −(2/n) Xᵀ(y − ŷ). It says for each number of β how steeply J rises when that number grows. Xᵀ is X with
#    rows and columns exchanged, so for the intercept you add up the misses, each times 1; for the slope you add them up, each times its x.
#    Then multiply both sums by −2/n.
# 4. **update**: β := β − η ∂J/∂β. Walk a little way against the gradient. η (“eta”), the learning rate, sets how far.

# %%
from bench import text
from bench.learn import begin
from bench.learn.ch01_formula import picture

lesson = begin(1)

# %% [markdown]
# ## Predict
#
# Take pencil and paper. The start is β = (1, 1), so the first line is ŷ = 1 + 1·x. The learning rate is η = 1/4. What is β after one
# step? The numbers are chosen so that nothing gets ugly.

# %%
intercept = lesson.predict("intercept", "The intercept after one step")
slope = lesson.predict("slope", "The slope after one step")

# %% [markdown]
# ## Run
#
# Now four programs make the same step. Each is a file of this project, and its lines below are read from that file: `python_loops` works
# with plain lists, one number at a time; `numpy_vectorized` works with whole arrays; `numba_jit` is loops again, translated to machine code
# before they run; `jax_jit` is array expressions, translated as a whole. Such a program is called a **backend** here.

# %%
step = lesson.compute("step", picture.one_step)
parts = lesson.compute("parts", picture.parts)
lesson.say(picture.who_ran(step), note=True)
lesson.show(picture.beside(intercept, slope))

# %% [markdown]
# Read each band from top to bottom: the formula, the formula with your numbers in it, and four spellings of it. In the code `@` is the
# multiplication of a table with a list of numbers, `X.T` is Xᵀ, and `residual` is the list of misses, y − ŷ.
#
# ## Investigate

# %% jupyter={"source_hidden": true}
lesson.explain(
    "After one step β = **{beta}**, and J has gone from {before} to {after}. {verdict} {agreement} Four spellings, one arithmetic.",
    shown_by="step",
    beta=picture.vector(step.beta),
    before=picture.number(step.losses[0]),
    after=picture.number(step.losses[1]),
    verdict=picture.verdict(intercept, slope, parts),
    agreement=picture.agreement(step),
)

# %% [markdown]
# **Does each sign and factor matter?** Here is the same step again with one part of the formula changed at a time.

# %% jupyter={"source_hidden": true}
lesson.table(picture.parts_table(parts))
right, uphill = parts["as the formula says"], parts["plus in place of minus"]
lesson.explain(
    "**The minus.** The gradient points to where J grows, so the update must go the other way. With a plus the step goes to {there},"
    " and J rises from {before} to {up} where it should fall to {down}.",
    shown_by="parts",
    there=picture.vector(uphill[0]),
    before=picture.number(step.losses[0]),
    up=picture.number(uphill[1]),
    down=picture.number(right[1]),
)
lesson.explain(
    "**The 2 and the 1/n.** They come from the loss: the 2 from the square, the 1/n from the average. Leave one out, and the step still"
    " points the same way, but it has another length: without the 2 it ends at {half}, without the 1/n at {far}, where J is {loss}. Such a"
    " slip looks as if you had given another η.",
    shown_by="parts",
    half=picture.vector(parts["without the 2"][0]),
    far=picture.vector(parts["without the 1/n"][0]),
    loss=picture.number(parts["without the 1/n"][1]),
)

# %% [markdown]
# **Is the intercept needed?** We let the descent run on, once with both numbers learned, once with the intercept kept at zero. **Does
# the start matter?** Usually one starts at zero, or with small random numbers. We try both, the start above, and one far away.

# %% jupyter={"source_hidden": true}
intercepts = lesson.compute("intercepts", picture.intercepts)
table, apart = lesson.compute("starts", picture.starts)
lesson.table(table)
lesson.explain(
    "From zero, with the intercept kept there, the loss does not get below {frozen}; with both learned it reaches {both}. Nothing else was"
    " changed, so it is the intercept that was missing: learn it like the slope.",
    shown_by="intercepts",
    frozen=picture.number(intercepts["slope only"]),
    both=picture.number(intercepts["both"]),
)
lesson.explain(
    "All four starts end at the same line: after {updates} updates no number of β differs between them by more than {apart}. A far start"
    " begins with a larger J, and so has a longer way, but it does not lead elsewhere.",
    shown_by="starts",
    updates=str(picture.LONG),
    apart=text.significant(apart),
)

# %% [markdown]
# **What is it all for?** For points that the line has not seen. A new x becomes a row (1, x) of a table, and the prediction is again
# ŷ = Xβ, with the final β. In code: `solve(X, y).predict(X_new)`.

# %% jupyter={"source_hidden": true}
beta, predicted = lesson.compute("new", picture.new_rows)
lesson.explain(
    "The final β is {beta}. For x = 3 and x = 4 it predicts {predicted}: you can check it with intercept + slope·x.",
    shown_by="new",
    beta=picture.vector(beta),
    predicted=picture.vector(predicted),
)

# %% [markdown]
# ## Modify, and make
#
# The gradient is the heart of it, and the line where most slips happen. **Exercise:** write `gradient(X, y, beta)` in your file, with
# lists or with NumPy. It is compared with the slope of J itself, for tables of many sizes: J is evaluated a little to the right and a
# little to the left of β, and the difference is divided by the distance.

# %%
lesson.exercise()
