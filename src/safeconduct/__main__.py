"""Makes `python -m safeconduct` the same as the `safeconduct` command."""

import sys

from safeconduct.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
