"""`python -m matsmith` is the same as `matsmith`."""

from __future__ import annotations

import sys

from matsmith.app.main import main

sys.exit(main())
