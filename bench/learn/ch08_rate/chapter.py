# %% [markdown]
# # 8 · Which learning rate?
#
# The learning rate η sets the length of each update of gradient descent. If it is too small, progress is slow. If it is too large, the loss
# grows without limit: the descent **diverges**. Where is the limit? Can you compute it before you try?
#
# In this chapter, the descent predicts the body mass of penguins from the length of their flippers: ŷ = β₀ + β₁·length. So d = 2, an
# intercept and a slope. The lengths are **standardized** first: subtract their mean, then divide by their spread (the standard deviation).

# %%
from bench.learn import begin, facts
from bench.learn.ch08_rate import descents, picture
from bench.report import player
from bench.report.plots.descent import still

lesson = begin(8)

# %% [markdown]
# ## Predict
#
# Go along a straight line through the best β. On this line the loss is a parabola, J* + (λ/2)·t², where t is the distance to the best β and
# J* is the minimum of the loss. Its slope at t is λ·t, so an update moves you from t to t − η·λ·t = (1 − η·λ)·t. The number λ is the
# **curvature** of the parabola in this direction.
#
# A small table of d × d numbers, H = (2/n)XᵀX, contains all curvatures. For the standardized penguins it is [[2, 0], [0, 2]]: the curvature
# is λ = 2 in every direction. For which η does t not grow?

# %%
guess = lesson.predict("limit", "What is the largest learning rate η at which this descent does not diverge?")
start = lesson.choose(
    "start", "A descent diverges. What prevents this?", ["a better start", "a smaller learning rate", "more iterations"]
)

# %% [markdown]
# ## Run
#
# The next chart uses the same penguins with the flipper length in three forms: standardized, in centimeters from 190 mm, and in millimeters.
# The best line is the same each time; only the numbers in X differ. Each dot is a descent with its own η. The *remaining gap* is the
# distance of the loss from its minimum, divided by the distance at the start: 1 is the start, and 1e-03 is a thousandth. Look for the steep
# rise of each line.

# %%
valleys = lesson.compute("flippers", descents.flippers)
swept = lesson.compute("sweep", descents.sweep, valleys)
lesson.show(picture.sweep_picture(swept, guess))

# %% [markdown]
# The next experiment finds the limit without a formula. It takes an η at which the loss falls and an η at which it rises, tries the middle,
# and repeats. The table compares the result with 2/L, where **L** is the largest curvature over all directions.
# (`numpy.linalg.eigvalsh(H)` returns the curvatures from the smallest to the largest. They are the *eigenvalues* of H.)

# %%
limits = lesson.compute("limit", descents.limits, valleys)
lesson.table(picture.limits_table(valleys, limits))

# %% [markdown]
# ## Investigate
#
# Play the descent. On the left, the line moves through the points of the penguins. On the right, the same descent is a path over the
# contours of the loss, which are curves of equal loss. The cross is the best β. Choose η as a fraction of 2/L, from very slow to diverging.

# %%
tilted = valleys["cm from 190 mm"]
played = player.cloud_and_map(tilted.X, tilted.y, descents.MULTIPLES, 40, ("cm from 190 mm", "body mass (g)"))
lesson.play(played, still(played, descents.MULTIPLES.index(0.9)))
lesson.show(picture.curves(tilted, descents.MULTIPLES))

# %% jupyter={"source_hidden": true}
statements = picture.statements(valleys, limits, guess)
lesson.explain(
    "**The limit is 2/L.** For the standardized lengths, the experiment finds {trial}, and 2/L is {limit}. {verdict} In centimeters it finds"
    " {tilted}, and 2/L is {limit_tilted}. In millimeters it finds {raw}, and 2/L is {limit_raw}. Below the limit, each factor (1 − η·λ) is"
    " between −1 and 1, so every error shrinks. Above the limit, the factor of the steepest direction is below −1: each update jumps across"
    " the valley and ends higher on the other side.",
    shown_by="limit",
    **statements,
)
begun = lesson.compute("starts", descents.starts, tilted)
lesson.explain(
    "**A bad start does not make it diverge.** The experiment uses {starts} starts, from next to the best β to a distance of a thousand"
    " million. {below} diverge at 0.9 of 2/L, and {above} diverge at 1.1 of 2/L. Only η changed between the two, so η decides. There are"
    " exceptions: a start whose whole error is in flatter directions, where η is small enough, does not diverge. A start exactly at the best"
    " β has a gradient of exactly 0 and {at} there even at 1.1 of 2/L (tried with three points on one line, so that nothing is rounded)."
    " From a start that is off by 1e-12, the same descent {beside}. {chosen}",
    shown_by="starts",
    chosen=facts.chosen(start, "a smaller learning rate"),
    **begun,
)
more = lesson.compute("longer", descents.longer, tilted)
lesson.explain(
    "**More iterations go further, not faster.** At 1.05 of 2/L, the gap to the minimum loss relative to the first gap is {after_10} after"
    " 10 updates, {after_100} after 100 and {after_1000} after 1000. Update 10 multiplies the size of the error by {factor_10}, and update"
    " 1000 by {factor_1000}. The error grows because every update multiplies it by the same 1 − η·L.",
    shown_by="longer",
    **more,
)

# %% [markdown]
# How many updates does a descent below the limit need? The **condition number** is the largest curvature divided by the smallest. It
# measures how long and narrow the valley is. The next experiment stretches one column of X and changes nothing else.

# %%
needs = lesson.compute("conditions", descents.conditions)
lesson.show(picture.conditions_picture(needs))

# %% jupyter={"source_hidden": true}
lesson.explain(
    "**The condition number determines the speed.** With η = 1/L, the descent needs {first_updates} updates at condition number {first} and"
    " {last_updates} at {last}: {growth} as many, for {stretch} the condition number. η must be small because the steepest direction would"
    " diverge otherwise, and with such a small η the flattest direction hardly moves. The best possible η, 2/(L + flattest curvature), needs"
    " {best_updates} at {last}: a better η helps, but the valley stays narrow.",
    shown_by="conditions",
    **picture.pace(needs),
)
new = lesson.compute("new row", descents.new_row)
lesson.explain(
    "**Scaling changes the descents.** The standardized condition number is {condition}; in millimeters it is {condition_raw}. After {updates}"
    " updates at a quarter of 2/L, the remaining gap is {gap} with standardized lengths and {gap_raw} in millimeters, and it shrinks slowly"
    " from there. Only the scaling of X changed, so the scaling makes the difference.",
    shown_by="sweep",
    **picture.scaling(valleys),
)
lesson.explain(
    "**Keep the mean and the scale.** β now belongs to scaled lengths, so you must scale a new penguin with the *same* two numbers. For a"
    " flipper of 190 mm, this gives {kept}. The line in millimeters gives {raw}, which agrees. Without scaling, the prediction is {bare}. If"
    " you scale the new row by its own mean, every penguin becomes the average one: {row_mean}. `Problem.features` stores both numbers for you.",
    shown_by="new row",
    **new,
)

# %% [markdown]
# ## Modify and make
#
# **Exercise:** write `learning_rate(X, y)`, which returns an η for a problem. The check tries it on several unknown problems. Some have
# columns of very different size. On each problem, a descent from zeros has a limited number of updates, N, to reach a remaining gap of
# 1e-06. N is large enough for a good η and too small for a very cautious one.

# %%
lesson.exercise()
