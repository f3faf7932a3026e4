"""Published statements held against the warehouse: intervals, evidence, verdicts.

Not here: what the statements are (warehouse.catalogue.claim) and the numbers (core).
"""
