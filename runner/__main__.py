"""`python -m runner` is the command `course`."""

import sys

from runner.cli import main

sys.exit(main())
