"""``python -m reference_pipeline SERVICE``: one service as a process."""

from __future__ import annotations

import sys

from reference_pipeline.process import main

sys.exit(main(sys.argv[1:]))
