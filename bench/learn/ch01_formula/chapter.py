# %% [markdown]
# # 1 · From formula to code: what is β after one step?
#
# You have three points and want the straight line that fits them best. A method called **gradient descent** finds this line. It consists
# of four short formulas. In this chapter you do one step of it by hand. Then you see the same step written in four dialects of Python.
#
# | x | y |
# | --- | --- |
# | 0 | 2 |
# | 1 | 3 |
# | 2 | 7 |
#
# Two numbers describe a line: the **intercept**, which is its height at x = 0, and the **slope**, which is how much it rises for each
# unit of x. Together they form **β** (beta): β = (intercept, slope). For each x, the line predicts intercept + slope·x. This prediction
# is written **ŷ** (“y hat”), and y is the measured value.
#
# The formula ŷ = Xβ gives all predictions together. **X** is a table with one row for each point (n = 3) and one column for each number
# in β (d = 2): a column of ones for the intercept, and a column with the values of x. To multiply X by β, go through the rows: multiply
# each entry by the matching number in β, and add the products. This gives 1·intercept + x·slope. With the column of ones, the intercept
# is a number like any other, and it is learned in the same way as the slope.
#
# Gradient descent repeats four steps:
#
# 1. **predict**: ŷ = Xβ.
# 2. **loss**: J = (1/n) Σ (yᵢ − ŷᵢ)². The loss is one number that measures how badly the line fits. Take the residual y − ŷ of each
#    point, square it, and average the squares (Σ means: add up over all points i).
# 3. **gradient**: ∂J/∂β = −(2/n) Xᵀ(y − ŷ). For each number in β, the gradient is the slope of J when this number grows. Xᵀ is X with
#    rows and columns exchanged. For the intercept, add up the residuals, each times 1. For the slope, add up the residuals, each times
#    its x. Then multiply both sums by −2/n.
# 4. **update**: β := β − η ∂J/∂β. Take a small step against the gradient. The learning rate η (“eta”) sets the length of the step.

# %%
from bench import text
from bench.learn import begin, facts
from bench.learn.ch01_formula import picture

lesson = begin(1)

# %% [markdown]
# ## Predict
#
# Use pencil and paper. Start at β = (1, 1), so the first line is ŷ = 1 + 1·x. The learning rate is η = 1/4. What is β after one step?
# The numbers are chosen so that the arithmetic is easy.

# %%
intercept = lesson.predict("intercept", "The intercept after one step")
slope = lesson.predict("slope", "The slope after one step")

# %% [markdown]
# ## Run
#
# Now four programs do the same step. Each program is a file of this project, and the lines below are read from that file.
# `python_loops` works with plain lists, one number at a time. `numpy_vectorized` works with whole arrays. `numba_jit` uses loops that are
# compiled to machine code before they run. `jax_jit` uses array expressions that are compiled as a whole. Such a program is called a
# **backend**.

# %%
step = lesson.compute("step", picture.one_step)
parts = lesson.compute("parts", picture.parts)
lesson.say(facts.computed_by(list(step.results), step.missing), note=True)
for words in picture.beside():
    lesson.say(words)
lesson.show(picture.fitted_lines(step, intercept, slope))

# %% [markdown]
# Read each step from top to bottom: the formula, the formula with your numbers, and the code of the four backends. In the code, `@` is
# matrix multiplication, `X.T` is Xᵀ, and `residual` holds the residuals y − ŷ. The chart shows the three points and the line before and
# after the step.
#
# ## Investigate

# %% jupyter={"source_hidden": true}
lesson.explain(
    "After one step β = **{beta}**, and J goes from {before} to {after}. {verdict} {agreement} All four backends do the same arithmetic.",
    shown_by="step",
    beta=picture.vector(step.beta),
    before=picture.number(step.losses[0]),
    after=picture.number(step.losses[1]),
    verdict=picture.verdict(intercept, slope, parts),
    agreement=picture.agreement(step),
)

# %% [markdown]
# **Does each sign and factor matter?** The next table repeats the step, each time with one part of the formula changed.

# %% jupyter={"source_hidden": true}
lesson.table(picture.parts_table(parts))
right, uphill = parts["as the formula says"], parts["plus instead of minus"]
lesson.explain(
    "**The minus.** The gradient points in the direction in which J grows, so the update must go in the opposite direction. With a plus,"
    " the step ends at {there}, and J rises from {before} to {up} instead of falling to {down}.",
    shown_by="parts",
    there=picture.vector(uphill[0]),
    before=picture.number(step.losses[0]),
    up=picture.number(uphill[1]),
    down=picture.number(right[1]),
)
lesson.explain(
    "**The 2 and the 1/n.** Both come from the loss: the 2 from the square, and the 1/n from the average. Without one of them, the step"
    " has the same direction but a different length. Without the 2 it ends at {half}; without the 1/n it ends at {far}, where J is {loss}."
    " Such a mistake has the same effect as a different η.",
    shown_by="parts",
    half=picture.vector(parts["without the 2"][0]),
    far=picture.vector(parts["without the 1/n"][0]),
    loss=picture.number(parts["without the 1/n"][1]),
)

# %% [markdown]
# **Is the intercept needed?** We continue the descent twice: once with both numbers learned, and once with the intercept fixed at zero.
# **Does the starting point matter?** A descent usually starts at zero or at small random numbers. We try both, the start from above, and
# a start that is far away.

# %% jupyter={"source_hidden": true}
intercepts = lesson.compute("intercepts", picture.intercepts)
table, apart = lesson.compute("starts", picture.starts)
lesson.table(table)
lesson.explain(
    "With the intercept fixed at zero, the loss does not fall below {frozen}. With both numbers learned, it reaches {both}. Nothing else"
    " changed, so the difference comes from the intercept: learn it in the same way as the slope.",
    shown_by="intercepts",
    frozen=picture.number(intercepts["slope only"]),
    both=picture.number(intercepts["both"]),
)
lesson.explain(
    "All four starts lead to the same line: after {updates} updates, no number in β differs between them by more than {apart}. A start"
    " that is far away has a larger J and a longer way to go, but it ends at the same place.",
    shown_by="starts",
    updates=str(picture.LONG),
    apart=text.significant(apart),
)

# %% [markdown]
# **How do you use the result?** You predict y for new points. Each new x becomes a row (1, x) of a table, and the prediction is again
# ŷ = Xβ, with the final β. In code: `solve(X, y).predict(X_new)`.

# %% jupyter={"source_hidden": true}
beta, predicted = lesson.compute("new", picture.new_rows)
lesson.explain(
    "The final β is {beta}. For x = 3 and x = 4 it predicts {predicted}. You can check this with intercept + slope·x.",
    shown_by="new",
    beta=picture.vector(beta),
    predicted=picture.vector(predicted),
)

# %% [markdown]
# ## Modify and make
#
# The gradient is the central formula, and most mistakes happen there. **Exercise:** write `gradient(X, y, beta)` in your file, with lists
# or with NumPy. The check compares it with a numerical slope of J for tables of many sizes: it evaluates J slightly to the right and
# slightly to the left of β, and divides the difference by the distance.

# %%
lesson.exercise()
