# %% [markdown]
# # 8 · Which learning rate?
#
# Gradient descent has one knob: the learning rate η, which says how far each update goes. Too small, and it creeps. Too large, and it runs
# away: the loss grows without end, which is called to **diverge**. Where is the border? Is there a way to know it before you try?
#
# Here the descent finds the body mass of penguins from the length of their flippers: ŷ = β₀ + β₁·length, so d = 2, an intercept and a slope.
# The lengths are first **standardized**: minus their mean, divided by their spread (the standard deviation).

# %%
from bench.learn import begin, facts
from bench.learn.ch08_rate import picture, valley
from bench.learn.player import descents, still

lesson = begin(8)

# %% [markdown]
# ## Predict
#
# Walk along a straight line through the best β. The loss on it is a parabola, J* + (λ/2)·t², with t the distance to the best β and J* the least
# loss. Its slope at t is λ·t, so an update moves you from t to t − η·λ·t = (1 − η·λ)·t. The number λ says how strongly the parabola bends: it is
# the **curvature** in that direction.
#
# All curvatures stand in one small table of d × d numbers, H = (2/n)XᵀX. For the standardized penguins it is [[2, 0], [0, 2]]: the curvature
# is λ = 2 in every direction. What must η be, so that t does not grow?

# %%
guess = lesson.predict("limit", "The largest learning rate η at which this descent does not diverge?")
start = lesson.choose(
    "start",
    "A descent diverges. What would have saved it?",
    ["a better start", "a smaller learning rate", "more iterations"],
)

# %% [markdown]
# ## Run
#
# The same penguins, with the flipper length written in three ways: standardized, in centimetres counted from 190 mm, and in bare millimetres. The
# line that fits best is the same line each time; only the numbers in X differ. Each dot is a descent with its own η. *Share left* is how
# much of the way down is still to go: 1 is where it started, 1e-03 is a thousandth. Look for the walls.

# %%
valleys = lesson.compute("flippers", valley.flippers)
swept = lesson.compute("sweep", valley.sweep, valleys)
lesson.show(picture.sweep_picture(swept, guess))

# %% [markdown]
# Now the border is looked for by trying, without any formula: take an η at which the loss falls and one at which it rises, try the middle, and
# so on. The table has what was found beside 2/L, where **L** is the largest curvature over all directions. (`numpy.linalg.eigvalsh(H)`
# gives the curvatures from the smallest to the largest. They are called the *eigenvalues* of H.)

# %%
limits = lesson.compute("limit", valley.limits, valleys)
lesson.table(picture.limits_table(valleys, limits))

# %% [markdown]
# ## Investigate
#
# Play it. On the left the line moves through the cloud of penguins; on the right the same descent is a path over the contours of the loss, rings
# on which the loss is equal. The cross is the best β. Choose η as a share of 2/L, from creeping to diverging.

# %%
tilted = valleys["cm from 190 mm"]
played = descents(tilted.X, tilted.y, valley.MULTIPLES, 40, ("cm from 190 mm", "body mass (g)"))
lesson.play(played, still(played, valley.MULTIPLES.index(0.9)))
lesson.show(picture.curves(tilted, valley.MULTIPLES))

# %% jupyter={"source_hidden": true}
told = picture.told(valleys, limits, guess)
lesson.explain(
    "**The border is 2/L.** For the standardized lengths trying found {found}, and 2/L is {limit}. {verdict} In centimetres trying found {tilted} and"
    " 2/L is {limit_tilted}; in millimetres it found {raw}, and 2/L is {limit_raw}. Below the border each factor (1 − η·λ) lies between −1 and 1, so every"
    " error shrinks. Above it the factor of the steepest direction is below −1: each update jumps over the valley and lands higher on the other side.",
    shown_by="limit",
    **told,
)
begun = lesson.compute("starts", valley.starts, tilted)
lesson.explain(
    "**A bad start does not make it diverge.** Of {starts} starts, from next to the best β to a thousand million away, {below} diverged at 0.9 of 2/L"
    " and {above} at 1.1 of 2/L. Only η was changed between the two, so it is η that decides. A start whose whole error lies in flatter directions, where η is small enough, would stay as well; so does a start exactly at the best β,"
    " where the gradient is exactly 0 (tried with three points on one line, so that nothing is rounded), {at} there even at 1.1 of 2/L. From a start that is off by 1e-12 the same descent {beside}. {chosen}",
    shown_by="starts",
    chosen=facts.chosen(start),
    **begun,
)
more = lesson.compute("longer", valley.longer, tilted)
lesson.explain(
    "**More iterations go further, not faster.** At 1.05 of 2/L the gap to the least loss, as a share of the first one, is {after_10} after 10 updates,"
    " {after_100} after 100 and {after_1000} after 1000. The 10th update multiplies the size of the error by {factor_10}, the 1000th by {factor_1000}."
    " It grows because every update multiplies by the same 1 − η·L, again and again.",
    shown_by="longer",
    **more,
)

# %% [markdown]
# Below the border, how many updates does it take? The **condition number** is the largest curvature divided by the smallest: how long and narrow
# the valley is. In the next experiment one column of X is stretched, and nothing else is changed.

# %%
needs = lesson.compute("conditions", valley.conditions)
lesson.show(picture.conditions_picture(needs))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**The condition number sets the pace.** At condition number {first} it takes {first_updates} updates with η = 1/L, at {last} it takes {last_updates}:"
    " {growth} as many, at {stretch} the condition number. η must be small because the steepest direction would diverge; and with so small"
    " an η the flattest direction hardly moves. The best η of all, 2/(L + flattest curvature), takes {best_updates} at {last}: a better η helps, but the"
    " valley stays narrow.",
    shown_by="conditions",
    **picture.pace(needs),
)
new = lesson.compute("new row", valley.new_row)
lesson.explain(
    "**Scaling changes the valley itself.** Standardized, the condition number is {condition}; in bare millimetres it is {condition_raw}. After {updates}"
    " updates at a quarter of 2/L the share left is {left} in the one and {left_raw} in the other, and the rest goes slowly. Nothing but the writing of X was changed, so it is the scaling that does it.",
    shown_by="sweep",
    **picture.scaling(valleys),
)
lesson.explain(
    "**Keep the mean and the scale.** β now belongs to scaled lengths, so a new penguin must be scaled with the *same* two numbers. For a flipper of 190 mm"
    " that gives {kept}; the line in bare millimetres says {raw}, as it should. Forget to scale and you predict {bare}. Scale the new row by its own mean, and"
    " every penguin becomes the average one: {own}. `Problem.features` keeps both numbers for you.",
    shown_by="new row",
    **new,
)

# %% [markdown]
# ## Modify, and make
#
# **Exercise:** write `learning_rate(X, y)`, which looks at a problem and returns an η. It is tried on several problems that you do not know: some are
# scaled badly, with columns that are far larger or smaller than others. On each a descent from zeros has a limited number of updates, N, to come within a
# millionth of the way down (a share left of 1e-06). N is generous for a good η and too small for a timid one.

# %%
lesson.exercise()
