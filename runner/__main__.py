"""`python -m runner` is the command `course`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parent.parent)  # not here, where a utils.py may lie
from runner.cli import main

sys.exit(main())
