# %% [markdown]
# # 9 · When to stop?
#
# Gradient descent never reaches the best β exactly. Each update comes closer, and the next one comes a little closer still. So you must
# decide when to stop. How many updates are enough? If the loss hardly changes, is β close to the best one?

# %%
from bench.learn import begin, facts
from bench.learn.ch09_stopping import descents, picture

lesson = begin(9)

# %% [markdown]
# ## Predict
#
# This suite applies its stop rule after every loss Jₖ, in this order:
#
# 1. Jₖ is not finite (infinite, or NaN, “not a number”): stop with **diverged**.
# 2. There is a previous loss, and |Jₖ₋₁ − Jₖ| < tol · J₀: stop with **converged**. You choose the small number **tol** (*tolerance*).
# 3. k equals `max_iter`, the maximum number of updates: stop with **max_iter**.
# 4. Otherwise, continue.
#
# Three standardized measurements of penguins predict their body mass (d = 4, with the intercept). The learning rate is η = 1/L, which is
# half of the limit from chapter 8, and β starts at zeros.

# %%
guess = lesson.predict("updates", "With tol = 1e-9, after how many updates does the descent stop?", "updates")
wiggle = lesson.choose(
    "wiggles",
    "The loss rises a little now and then, although every update uses all rows and η is below 2/L. This is ...",
    ["normal, and it calms down", "only rounding", "a bad start"],
)

# %% [markdown]
# ## Run

# %%
data = lesson.compute("penguins", descents.penguins)
ended = lesson.compute("reasons", descents.reasons, data)
lesson.table(picture.reasons_table(data, ended))
lesson.show(picture.nearness(data, guess))

# %% [markdown]
# You can watch the loss during the descent: `log_every=10` prints it after every tenth update, and once more at the end.

# %%
lines = lesson.compute("log", descents.logged, data)
lesson.table(picture.log_table(lines))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "The descent stops after **{updates}** updates. {verdict} After the first few updates, both lines in the chart are straight on the"
    " logarithmic axis: every update removes the same share of the remaining gap. The gap of the loss falls more steeply than the distance"
    " because the loss is made of squares.",
    shown_by="reasons",
    **picture.statements(ended, guess),
)

# %% [markdown]
# ## Investigate
#
# **Where to start?** Descents usually start at β = 0 or at small random numbers. We compare both with a huge start: numbers around a million.
# The chart shows how many updates each start needs to come within a relative distance of the best β. The table shows where the rule stops.
# ‖best‖ is the length of the best β, √(β₀² + β₁² + …).

# %%
reached = lesson.compute("accuracy", descents.accuracy, data)
lesson.show(picture.accuracy(reached))
begun = lesson.compute("starts", descents.starts, data)
lesson.table(picture.starts_table(begun))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**A huge start costs updates and misleads the rule.** From zeros, the descent stops at a distance of {zeros}; from small random"
    " numbers it stops at {small}. This difference does not matter. From the huge start it stops after {updates} updates, at {huge}. The rule"
    " compares with J₀, which is now {first} the J₀ of zeros, so a change counts as small much too early. The last row shows that J₀ is the"
    " cause: with the tol·J₀ of zeros, the same start continues to {same_updates} updates and a distance of {same}.",
    shown_by="starts",
    **picture.start_statements(begun),
)

# %% [markdown]
# **Does a small change mean that β is close?** The next experiment makes the valley longer and narrower: it makes one column flatter, so the
# *condition number* (the largest curvature divided by the smallest, chapter 8) grows. The rule and η = 1/L stay the same. How far from the
# best β does the descent stop?

# %%
narrow = lesson.compute("conditions", descents.conditions)
lesson.show(picture.conditions(narrow))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**A small change in the loss does not mean that β is close.** At condition number {small} the rule stops at a distance of {near}, and at"
    " {large} it stops at {far}. Both times it stops with “converged” (the second time after {updates} updates). Only the flatness of one"
    " direction changed. Along a flat direction the loss hardly changes because the direction is flat, not because β is close. A smaller tol"
    " helps, as the two lines show, but it does not solve the problem.",
    shown_by="conditions",
    **picture.condition_statements(narrow),
)

# %% [markdown]
# **Does the loss wiggle?** The next chart uses one η below 2/L in three ways: all rows in float64 (numbers with about 16 digits), all rows
# in float32 (about 7 digits), and *mini-batches*, where each update uses a few random rows instead of all rows.

# %%
wiggled = lesson.compute("wiggles", descents.wiggles, data)
lesson.show(picture.wiggles(wiggled))
smooth = lesson.compute("smooth", descents.smooth, data)

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**With all rows, the loss does not wiggle.** In {descents} descents below 2/L with {all} updates, from near and far starts, it rose"
    " {rises} times (not counting rises in the last digits of float64). “Tiny oscillations are normal” is wrong for this problem.",
    shown_by="smooth",
    **picture.smooth_statements(smooth),
)
lesson.explain(
    "**Where wiggles come from.** {floor} With mini-batches, the loss rose {batch} times in {updates} updates, by up to {batch_largest},"
    " because the gradient of each batch points downhill only for its own rows. With all rows in float64 and the same η, it rose {exact}"
    " times. So if a loss wiggles, check whether the reason is rounding or mini-batches. {chosen}",
    shown_by="wiggles",
    chosen=facts.chosen(wiggle, "only rounding"),
    **picture.wiggle_statements(wiggled),
)

# %% [markdown]
# ## Modify and make
#
# **Exercise:** write `should_stop(losses, max_iter, tol)`. The check calls it after each loss with the list of all losses so far (J₀ first).
# It returns `"diverged"`, `"converged"`, `"max_iter"`, or `None` to continue. It must give the same number of updates and the same reason as
# every backend on this machine. It must also be right for special losses: infinite losses, NaN, a rising loss, a change of exactly tol · J₀,
# tol = 0, max_iter = 0.

# %%
lesson.exercise()
