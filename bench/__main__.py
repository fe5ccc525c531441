"""python -m bench"""

import sys

if not sys.flags.safe_path:  # python -m puts the working folder first, from which no worker imports
    del sys.path[0]

from bench.launch import main
from bench.runtime import bootstrap  # noqa: F401 - the driver imports what its children import

main()
