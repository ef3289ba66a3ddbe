"""`python -m remit`: the same as the command `remit`."""

import sys

from remit.cli import main

sys.exit(main())
