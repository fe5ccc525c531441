# %% [markdown]
# # 2 · Do they give the same answer?
#
# Four programs, one formula. Before anybody asks which is the fastest, somebody must ask whether they compute the same thing. But what
# is “the same”? Equal to the last bit? Equal to so many digits? And who is right, if they differ?
#
# A computer keeps a number in a fixed number of binary digits (bits): 53 of them count in **float64**, Python's own kind of number, and
# 24 in **float32**, which takes half the memory. What does not fit is rounded. So we need a judge that never rounds: fractions. Every
# number in the computer is a fraction of two integers, and Python's `Fraction` adds and multiplies those exactly. It is slow, but it
# tells what β is *exactly* after each update. We call it the **oracle**.

# %%
from bench import text
from bench.learn import begin
from bench.learn.ch02_agree import picture

lesson = begin(2)

# %% [markdown]
# ## Predict
#
# A table of 40 rows and 5 columns, 50 updates, numbers of ordinary size, around 1. By how much does β miss the exact answer, in float64?
# (The distance of two β is the root of the sum of the squared differences. Write 1e-6 for 0.000001.) And do the backends agree?

# %%
guess = lesson.predict("distance", "The distance of β from the exact answer after 50 updates, in float64")
choice = lesson.choose("agree", "The β of the four backends are ...", picture.CHOICES)

# %% [markdown]
# ## Run
#
# Every backend runs the same problem, in float64 and, where it can, in float32. The oracle gets the very numbers that the backend got, so
# that only the arithmetic is judged. The dark line is a **bound**: nobody chose it. Each operation may be wrong by one rounding; the worst
# that this can add up to, through all sums and all updates, can be worked out with pencil and paper. A correct program stays below, in
# whatever order it sums. A program above it is wrong.

# %%
found = lesson.compute("oracle", picture.errors)
told = picture.told(found, guess, choice)
lesson.say(picture.who_ran(found), note=True)
lesson.show(picture.draw(found, guess))

# %% [markdown]
# ## Investigate

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**The answers are {truth}.** {chosen} After the last update no two are further apart than {widest}. {same}. The farthest from the"
    " exact answer misses it by {double} in float64.{guess} In float32 it is {single}.",
    shown_by="oracle",
    **told,
)
lesson.explain(
    "**Which of them is right?** {inside}: in float64 it ends at {bound}. The bound assumes that every rounding is as bad as it can be and"
    " that all push the same way; the points show how far from that the real ones stay.",
    shown_by="oracle",
    bound=told["double_bound"],
    **told,
)
skipped = lesson.compute("wrong", picture.wrong)
lesson.explain(
    "Is so generous a bound still a judge? A descent that forgets one row of the table, the last one, misses the exact β by {skipped}. The"
    " bound is {bound}.",
    shown_by="wrong",
    skipped=text.significant(skipped),
    bound=told["double_bound"],
)

# %% [markdown]
# Why do correct programs differ at all? Three things might play a part. We change one at a time and leave the rest alone.
#
# * **The order of summation.** The same rows, shuffled: exactly computed, nothing changes. We shuffle a table of ordinary numbers, and,
#   beside it, one of small integers on which nothing needs to be rounded.
# * **ε, the unit roundoff.** The most that one rounded operation can be off, as a share of its result: 2⁻⁵³ in float64, 2⁻²⁴ in float32. The
#   same problems, once in each.
# * **The condition number.** The loss is a valley, and β walks down to its lowest point. In one direction the valley curves up strongly,
#   in another it may be nearly flat. The condition number is the greatest curvature divided by the least: 1 is a round bowl, 100 a long
#   trough. Problems of one size, with three condition numbers, until β comes to rest.

# %% jupyter={"source_hidden": true}
order = lesson.compute("order", picture.orders)
precision = lesson.compute("precision", picture.precisions)
condition = lesson.compute("condition", picture.conditions)
ratio = precision["float32"] / precision["float64"]
lesson.table(picture.ablations(order, precision, condition))
lesson.explain(
    "**Order.** {orders} orders of the same rows gave {mixed} different β, up to {apart} apart; on the integers they gave {integers}. It is the"
    " rounding that makes the order count: a + b is rounded before c comes, so (a + b) + c and a + (b + c) may differ in the last bit."
    " Backends sum in different orders, and so they need not agree bit for bit.",
    shown_by="order",
    orders=str(picture.ORDERS),
    mixed=picture.shown_if(
        order["small integers"][0] == 1 < order["ordinary numbers"][0], order["ordinary numbers"][0]
    ),
    apart=text.significant(order["ordinary numbers"][1]),
    integers=str(order["small integers"][0]),
)
lesson.explain(
    "**ε.** From float64 to float32 the error of the same problems goes from {double} to {single}, that is by a factor of {ratio}. ε itself grows by"
    " 2²⁹, which is {steps}. The numbers were the same, so it is ε that sets the size of the error.",
    shown_by="precision",
    double=text.significant(precision["float64"]),
    single=text.significant(precision["float32"]),
    ratio=picture.shown_if(0.1 < ratio / 2**29 < 10, ratio),
    steps=text.significant(2.0**29),
)
lesson.explain(
    "**Conditioning.** With condition number 1 β misses by {round} of its own length, with 10 by {middle}, with 100 by {trough}. Size, ε and number of"
    " updates were the same, so it is the shape of the valley: the longer the trough, the further the same rounding moves the place"
    " where β comes to rest.",
    shown_by="condition",
    round=text.significant(condition[1]),
    middle=text.significant(condition[10]),
    trough=picture.shown_if(condition[1] < condition[10] < condition[100], condition[100]),
)

# %% [markdown]
# So “the same” means: no further from the exact answer than rounding can explain. `gdbench check` asks exactly this of every backend,
# before anything is timed.
#
# ## Modify, and make
#
# **Exercise:** write a test. `check(fit)` in your file gets a descent, `fit(X, y, beta, learning_rate, max_iter, tol)`, which gives back
# `(beta, losses)`; `losses[k]` is J after k updates. Your function must raise AssertionError (that is what `assert` does) when the
# descent is wrong, and nothing when it is right. It will be tried on correct descents that sum in different orders, and on descents
# with planted bugs: some bold, some tiny, some that hide in one corner. What you need to know stands at the top of the file.

# %%
lesson.exercise()
