# %% [markdown]
# # 9 · When to stop?
#
# Gradient descent never arrives. Each update brings β nearer to the best one, and the next one a little nearer still. So somebody must say when it is
# enough. How many updates is that? And when the loss hardly changes any more, are you then near?

# %%
from bench.learn import begin, facts
from bench.learn.ch09_stopping import descents, picture

lesson = begin(9)

# %% [markdown]
# ## Predict
#
# The rule of this suite is asked after every loss Jₖ, in this order:
#
# 1. Jₖ is not a finite number (infinite, or NaN, “not a number”): stop, it **diverged**.
# 2. There is a loss before it, and |Jₖ₋₁ − Jₖ| < tol · J₀: stop, it **converged**. The small number **tol** (*tolerance*) is yours to choose.
# 3. k is `max_iter`, the number of updates that you allow at most: stop, as **max_iter**.
# 4. Otherwise go on.
#
# Three standardized measures of penguins give their body mass (d = 4, with the intercept). The learning rate is η = 1/L, half of the border from
# chapter 8, and β starts at zeros.

# %%
guess = lesson.predict("updates", "With tol = 1e-9, after how many updates does it stop?", "updates")
wiggle = lesson.choose(
    "wiggles",
    "The loss goes up a little now and then, although every update uses all rows and η is below 2/L. That is ...",
    ["normal, it soon calms down", "rounding, and nothing else", "a bad start"],
)

# %% [markdown]
# ## Run

# %%
data = lesson.compute("penguins", descents.penguins)
ended = lesson.compute("reasons", descents.reasons, data)
lesson.table(picture.reasons_table(data, ended))
lesson.show(picture.nearness(data, guess))

# %% [markdown]
# You need not wait for the end to see the loss: `log_every=10` prints it after every tenth update, and once more where the descent stops.

# %%
lines = lesson.compute("log", descents.logged, data)
lesson.table(picture.log_table(lines))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "It stopped after **{updates}** updates. {verdict} After the first few, both lines of the picture fall evenly on their logarithmic axis: every update takes away the same"
    " share of what is left. The gap of the loss falls more steeply than the distance, for the loss is made of squares.",
    shown_by="reasons",
    **picture.told(ended, guess),
)

# %% [markdown]
# ## Investigate
#
# **Where to start?** The usual start is β = 0, or small random numbers. Here is a huge one beside them: numbers around a million. The first picture says how
# many updates it takes to come within a share of the best β; the table says where the rule stops. ‖best‖ is the length of the best β, √(β₀² + β₁² + …).

# %%
reached = lesson.compute("accuracy", descents.accuracy, data)
lesson.show(picture.accuracy(reached))
begun = lesson.compute("starts", descents.starts, data)
lesson.table(picture.starts_table(begun))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**A huge start costs updates, and fools the rule.** From zeros it stops at a distance of {zeros}, from small random numbers at {small}: no difference"
    " that matters. From the huge start it stops after {updates} updates, at {huge}. The rule compares with J₀, and J₀ is now {first} that of"
    " zeros, so a change counts as small far too early. That it is J₀ shows in the last row: with the tol·J₀ of zeros the same start"
    " goes on to {same_updates} updates and a distance of {same}.",
    shown_by="starts",
    **picture.far_told(begun),
)

# %% [markdown]
# **Is a small change nearness?** Now the valley is made longer and narrower: one column is made flatter and flatter, so the *condition number* (largest
# curvature over smallest, chapter 8) grows. The rule and η = 1/L stay. How far from the best β does it stop?

# %%
narrow = lesson.compute("conditions", descents.conditions)
lesson.show(picture.conditions(narrow))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**A small change in the loss is not nearness.** At condition number {small} the rule leaves {near} of the distance, at {large} it leaves {far}, and it"
    " says “converged” both times (the second time after {updates} updates). Only the flatness of one direction was changed. Along a flat direction the"
    " loss hardly changes because it is flat, not because you are near. A smaller tol helps, as the two lines show, and is no cure.",
    shown_by="conditions",
    **picture.conditions_told(narrow),
)

# %% [markdown]
# **Does a loss wiggle?** One η, below 2/L, in three ways: all rows in float64 (numbers with about 16 digits), all rows in float32 (about 7 digits), and
# *mini-batches*, in which an update looks at a few rows drawn at random and not at all of them.

# %%
wiggled = lesson.compute("wiggles", descents.wiggles, data)
lesson.show(picture.wiggles(wiggled))
smooth = lesson.compute("smooth", descents.smooth, data)

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**With all rows the loss does not wiggle.** In {descents} descents below 2/L, with {all} updates from near and far starts, it rose {rises} times (rises in"
    " the last digits of float64 are not counted). “Tiny oscillations are normal” is wrong for this problem.",
    shown_by="smooth",
    **picture.smooth_told(smooth),
)
lesson.explain(
    "**Where wiggles come from.** {floor} With mini-batches it rose {batch} times in {updates} updates, by up to {batch_largest}, because each batch points"
    " downhill for its own rows and not for all. With all rows, in float64 and with the same η, it rose {exact} times. So a loss that wiggles tells you"
    " something: ask whether it is rounding, or batches. {chosen}",
    shown_by="wiggles",
    chosen=facts.chosen(wiggle),
    **picture.wiggles_told(wiggled),
)

# %% [markdown]
# ## Modify, and make
#
# **Exercise:** write `should_stop(losses, max_iter, tol)`. It is asked after each loss, with the list of all losses so far (J₀ first), and returns
# `"diverged"`, `"converged"`, `"max_iter"`, or `None` to go on. It must give the same number of updates and the same reason as every backend on this machine,
# and be right on losses made to trip it: infinite ones, NaN, a rising loss, a change that is exactly tol · J₀, tol = 0, max_iter = 0.

# %%
lesson.exercise()
