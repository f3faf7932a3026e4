"""The report of a release: one self-contained HTML file that a director, a journalist or an auditor reads.

Not here: the numbers (they are read from the release file), the run's own report (pipelines.run_report).
"""
