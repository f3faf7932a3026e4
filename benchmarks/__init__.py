"""Time and memory of the product as ratios to bare imports and to a bare load, measured in one go (`make bench`).

Not here: tests of behaviour (tests).
"""
