"""`python -m disrec_mini`."""

import sys

from disrec_mini.cli import main

sys.exit(main())
