"""Verbs: everything that fetches, reads, computes, orders and runs; the command line and the Dagster definitions.

Not here: data at rest (warehouse) and judgements about it (expectations).
"""

import warehouse as _warehouse  # noqa: F401  (pins NumPy's instruction set before anything here imports NumPy)
