# %% [markdown]
# # 2 · Do they give the same answer?
#
# Four programs implement the same formula. Before you ask which one is fastest, check that they compute the same result. What does “the
# same” mean? Equal to the last bit, or equal to a number of digits? If the programs differ, which one is right?
#
# A computer stores a number in a fixed number of binary digits (bits). **float64**, the type of Python's own floats, has 53 significant
# bits. **float32** has 24 and takes half the memory. A result that does not fit is rounded. We need a reference without rounding, and
# fractions give us one: every number in the computer is a fraction of two integers, and Python's `Fraction` adds and multiplies fractions
# exactly. It is slow, but it computes the *exact* β after each update. We call this reference the **oracle**.

# %%
from bench import text
from bench.learn import begin, facts
from bench.learn.ch02_agree import picture

lesson = begin(2)

# %% [markdown]
# ## Predict
#
# Take a table of 40 rows and 5 columns with numbers around 1, and do 50 updates in float64. How far is β from the exact answer? (The
# distance of two β is the square root of the sum of the squared differences. Write 1e-6 for 0.000001.) Do the backends agree?

# %%
guess = lesson.predict("distance", "The distance of β from the exact answer after 50 updates, in float64")
choice = lesson.choose("agree", "The β of the four backends are ...", picture.CHOICES)

# %% [markdown]
# ## Run
#
# Every backend solves the same problem in float64 and, if it supports it, in float32. The oracle starts from exactly the numbers that the
# backend gets, so the comparison covers only the arithmetic. The line named **bound** is derived, not chosen: each operation may be wrong by
# one rounding, and the formula adds up the worst case over all sums and all updates. A correct program stays below the bound, in the gray
# area, in any order of summation. A program above it is wrong.

# %%
errors = lesson.compute("oracle", picture.errors)
statements = picture.statements(errors, guess, choice)
lesson.say(facts.computed_by(list(errors.betas), errors.missing), note=True)
lesson.show(picture.draw(errors, "float64", guess))
lesson.show(picture.draw(errors, "float32"))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**The answers are {truth}.** {chosen} After the last update, the largest distance between two of them is {widest}. {same}. The largest"
    " distance from the exact answer is {double} in float64.{guess} In float32 it is {single}.",
    shown_by="oracle",
    **statements,
)
lesson.explain(
    "**Which of them is right?** {inside}: in float64 the bound ends at {double_bound}. The bound assumes that every rounding error is as large as"
    " possible and that all errors have the same direction. The points show that real errors are much smaller.",
    shown_by="oracle",
    **statements,
)
skipped = lesson.compute("wrong", picture.wrong)
lesson.explain(
    "Can such a generous bound still detect mistakes? A descent that skips the last row of the table misses the exact β by {skipped}. The"
    " bound is {bound}.",
    shown_by="wrong",
    skipped=text.significant(skipped),
    bound=statements["double_bound"],
)

# %% [markdown]
# Why do correct programs differ at all? Three factors are candidates. We change one factor at a time and keep the others fixed.
#
# * **The order of summation.** We shuffle the rows, which does not change the exact result. We do this for a table of ordinary numbers
#   and for a table of small integers, where no operation rounds.
# * **ε, the unit roundoff.** It is the largest relative error of one rounded operation: 2⁻⁵³ in float64 and 2⁻²⁴ in float32. We solve the
#   same problems in both types.
# * **The condition number.** The loss is a valley, and the descent goes to its lowest point. The valley may be steep in one direction and
#   nearly flat in another. The condition number is the largest curvature divided by the smallest: 1 is a round bowl, 100 is a long
#   trough. We solve problems of the same size with three condition numbers until β stops changing.

# %% jupyter={"source_hidden": true}
order = lesson.compute("order", picture.orders)
precision = lesson.compute("precision", picture.precisions)
condition = lesson.compute("condition", picture.conditions)
ratio = precision["float32"] / precision["float64"]
lesson.table(picture.ablations(order, precision, condition))
lesson.explain(
    "**Order.** {orders} orders of the same rows give {mixed} different β, up to {apart} apart. On the integers they give {integers}. The"
    " order matters because of rounding: a + b is rounded before c is added, so (a + b) + c and a + (b + c) may differ in the last bit."
    " Backends sum in different orders, so they need not agree bit for bit.",
    shown_by="order",
    orders=str(picture.ORDERS),
    mixed=picture.fact_if(order["small integers"][0] == 1 < order["ordinary numbers"][0], order["ordinary numbers"][0]),
    apart=text.significant(order["ordinary numbers"][1]),
    integers=str(order["small integers"][0]),
)
lesson.explain(
    "**ε.** From float64 to float32, the error on the same problems grows from {double} to {single}, a factor of {ratio}. ε itself grows by"
    " 2²⁹, which is {steps}. The numbers are the same, so ε determines the size of the error.",
    shown_by="precision",
    double=text.significant(precision["float64"]),
    single=text.significant(precision["float32"]),
    ratio=picture.fact_if(0.1 < ratio / 2**29 < 10, ratio),
    steps=text.significant(2.0**29),
)
lesson.explain(
    "**Conditioning.** The relative error of β is {round} with condition number 1, {middle} with 10, and {trough} with 100. Size, ε and number"
    " of updates are the same, so the shape of the valley makes the difference: in a longer trough, the same rounding error moves the final"
    " β further.",
    shown_by="condition",
    round=text.significant(condition[1]),
    middle=text.significant(condition[10]),
    trough=picture.fact_if(condition[1] < condition[10] < condition[100], condition[100]),
)

# %% [markdown]
# So “the same” means: the distance from the exact answer is no larger than rounding can explain. `gdbench check` tests this for every
# backend before any measurement.
#
# ## Modify and make
#
# **Exercise:** write a test. The function `check(fit)` in your file gets a descent `fit(X, y, beta, learning_rate, max_iter, tol)` that
# returns `(beta, losses)`; `losses[k]` is J after k updates. Your function must raise AssertionError (as `assert` does) if the descent is
# wrong, and must not raise if it is right. It is tried on correct descents that sum in different orders, and on descents with planted
# bugs: large ones, tiny ones, and some that appear only in special cases. The top of the file explains what you need.

# %%
lesson.exercise()
