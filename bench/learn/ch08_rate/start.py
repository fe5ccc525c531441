"""Chapter 8: write `learning_rate`, which looks at a problem and returns the η for it.

X has n rows and d columns, y has n numbers. Both are NumPy arrays. Return one number above 0. The descent starts at zeros and
must come within a millionth of the way down in a limited number of updates; it must not diverge.

Here is one number for all problems. Make it from X instead (you will want `import numpy as np`).
"""


def learning_rate(X, y):
    return 0.01
