"""Watch it learn: an offline page that plays the descent on the user's data."""

from pathlib import Path
from typing import Any

import numpy as np

from bench import text
from bench.data.dataset import Dataset
from bench.fit.descent import Array, Problem
from bench.report import article, player
from bench.report.article import Descents, Picture, Words
from bench.report.plots.descent import still
from bench.report.quadratic import Quadratic
from bench.runtime.files import save

MULTIPLES = (0.05, 0.25, 0.5, 0.9, 1.02)  # the other learning rates, over 2/L
UPDATES = 40  # at least, of the other learning rates
FRAMES = 80  # of a descent; a longer one is shown in growing steps
SHORT = 8  # updates: a shorter fit shows too little to begin with
POINTS, VALUES = 2000, 6000  # drawn in the cloud; numbers of the predictions
FEATURES = 50  # with more, the page shows no predictions
WORD = 32  # letters of a column's name in a picture


def write(path: Path, data: Dataset, losses: Array, learning_rate: float, backend: str) -> None:
    """Write the page. losses, learning_rate: of a descent from zeros on standardized features with an intercept column.

    Raises OSError if the file cannot be written.
    """
    scene = _scene(data, losses, learning_rate)
    blocks = [
        Words(_introduction(data, losses, learning_rate, scene, text.markdown_code(text.clean(backend, 60)))),
        Descents(scene, Picture.of(still(scene, scene["shown"]))),
        Words(_notes(data, scene), note=True),
    ]
    save(path, article.page(f"Watch it learn: {text.clean(data.target, 60)}", blocks))


def updates(last: int) -> list[int]:
    """The updates that the page shows: all, or the first ones and then about FRAMES in steps that grow."""
    if last <= FRAMES:
        return list(range(last + 1))
    growing = np.geomspace(1, last, FRAMES).round().astype(int)
    return sorted({0, *map(int, growing)})


def _scene(data: Dataset, losses: Array, learning_rate: float) -> dict[str, Any]:
    """What player.js plays."""
    n, d = data.X.shape
    problem = Problem(data.X, data.y)
    loss, scaling = Quadratic.of(problem.X, data.y), problem.scaling
    ks = updates(max(len(losses) - 1, UPDATES))
    others = [m * loss.limit for m in MULTIPLES if abs(m * loss.limit / learning_rate - 1) > 0.02]
    played = player.descents(loss, [learning_rate, *others], ks, losses, d <= FEATURES)
    own = next(index for index, descent in enumerate(played) if descent["own"])
    rng = np.random.default_rng(0)
    names = [text.clean(column, WORD) for column in data.columns]
    target = text.clean(data.target, WORD)
    scene: dict[str, Any] = {"ks": ks, "shown": own if len(losses) > SHORT else 0, "names": [], "descents": played}
    if d == 1:
        rows = rng.permutation(n)[:POINTS]
        standard = float(scaling.means[1]), float(scaling.scales[1])
        scene["names"] = ["intercept", "slope"]
        scene["cloud"] = player.cloud(data.X[rows, 0], data.y[rows], (names[0], target), standard)
        scene["map"] = player.contour_map(loss, (0, 1), ("intercept", "slope"))
    elif d == 2:
        scene["names"] = ["intercept", *(f"coefficient of {name}" for name in names)]
        scene["map"] = player.contour_map(loss, (1, 2), (f"β of {names[0]}", f"β of {names[1]}"))
    if 2 <= d <= FEATURES:
        rows = rng.permutation(n)[: VALUES // d]
        scene["predictions"] = player.predictions(
            problem.X[rows, 1:], data.y[rows], (f"{target}, measured", "predicted")
        )
    scene["loss"] = player.loss_curve(loss.minimum, float(np.mean(data.y**2)), ks[-1])
    return scene


def _introduction(data: Dataset, losses: Array, learning_rate: float, scene: dict[str, Any], backend: str) -> str:
    n, d = data.X.shape
    columns = [text.markdown_code(text.clean(column, WORD)) for column in data.columns[:4]]
    columns += [text.number_of(d - 4, "other column")] if d > 4 else []
    rate, count = text.significant(learning_rate), text.number_of(len(losses) - 1, "update")
    start = (
        "" if scene["descents"][scene["shown"]]["own"]
        else " The fit needs so few updates that the page begins with a smaller η; the slider has its η too."
    )  # fmt: skip
    return (
        f"Gradient descent fits {text.markdown_code(text.clean(data.target, WORD))} to {text.listed(columns)} on"
        f" {text.number_of(n, 'row')}: {count} of {backend} at η = {rate}, from coefficients of 0. The loss, the mean"
        f" squared error, goes from {text.significant(losses[0])} to {text.significant(losses[-1])}, and the smallest"
        f" possible loss is {text.significant(scene['loss']['least'])}.{start}\n\n**Play** shows one update after the"
        " other. The slider of the learning rate plays other rates on the same data: a small η needs many updates, an η"
        " close to 2/L jumps across the valley, and above 2/L the loss grows. L is the largest curvature of the loss."
    )


def _notes(data: Dataset, scene: dict[str, Any]) -> str:
    """What the panels show and do not show."""
    n, d = data.X.shape
    notes = [
        "The features are standardized: each column minus its mean, divided by its standard deviation. The losses at"
        " the η of this fit are those of the backend; all other numbers come from the formula of the descent.",
        "Loss: the dashed line is the smallest possible loss, that of least squares.",
    ]
    if "map" in scene:
        notes.append("Contours: the loss is the same on each line, and the cross is the solution of least squares.")
        notes[-1] += " They hold the intercept at its best value." if d == 2 else ""
    if "predictions" in scene:
        notes.append("Predictions: a point on the dashed line is a row whose value is predicted exactly.")
    drawn = len((scene.get("cloud") or {}).get("points", scene.get("predictions", {}).get("measured", [])))
    if 0 < drawn < n:
        notes.append(f"{text.count(drawn)} of {text.number_of(n, 'row')} are drawn, chosen at random; all rows count.")
    if (last := scene["ks"][-1]) >= (shown := len(scene["ks"])):
        notes.append(f"The page shows {shown} of {text.number_of(last, 'update')}, in growing steps.")
    return "\n".join(f"* {note}" for note in notes)
