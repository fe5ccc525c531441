"""The module `gdbench` of an installation: it runs bench/launch.py of this program, whatever else is called `bench`.

The wheel has this file beside the packages. An editable installation has it elsewhere, so Python's path is searched.
"""

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the command line and exit with its code."""
    here = Path(__file__).resolve().parent
    for folder in (here, *map(Path, sys.path)):
        if (launch := folder / "bench" / "launch.py").is_file():
            try:
                runpy.run_path(str(launch), run_name="__main__")
            except KeyboardInterrupt:  # during the imports; later the command itself reports it
                print("gdbench: interrupted", file=sys.stderr)
                sys.exit(130)
    print(f"gdbench: found no bench/launch.py in {here} or on Python's path; allowed: its packages", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
