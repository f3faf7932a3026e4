"""The method: one verb a file, pure functions on arrays and frames.

Not here: reading or writing anything, orchestration (pipelines.assets), models of what is declared.
"""
