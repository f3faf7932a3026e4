"""Dagster assets: thin wrappers that run the steps, one folder layer a file, and report what they made.

Not here: what the steps do (intake, marts, publishing).
"""
