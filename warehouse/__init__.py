"""Data at rest: the catalogue, the snapshot store, the working file, the release file; the only importer of duckdb.

Not here: anything that fetches or computes (pipelines) or judges (expectations).
"""
