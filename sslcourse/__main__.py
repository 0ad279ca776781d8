"""`python -m sslcourse ...` is the same as the command `sslcourse ...`."""

import sys

from sslcourse.cli import main

if __name__ == "__main__":
    sys.exit(main())
