"""Data at rest: the catalogue, the snapshot store, the working file, the release file; the only importer of duckdb.

Not here: anything that fetches or computes (pipelines) or judges (expectations).
"""

import os
import platform

# NumPy has exponentials and logarithms of its own for processors with AVX-512; they differ in the last digit from those
# of the C library, which all others use. It chooses when it is imported, so the choice is taken from it before.
if platform.machine().lower() in ("x86_64", "amd64"):
    os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4,AVX512_ICL,AVX512_SPR")
