"""`python -m acd`: the command `acd`, also where its script is not on the path."""

import sys

from acd.cli import main

sys.exit(main())
