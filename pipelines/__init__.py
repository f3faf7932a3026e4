"""Verbs: everything that fetches, reads, computes, orders and runs; the command line and the Dagster definitions.

Not here: data at rest (warehouse) and judgements about it (expectations).
"""
