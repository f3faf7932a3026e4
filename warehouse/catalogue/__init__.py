"""The catalogue: typed models of units, areas, indicators, sources, indices and claims, and how they are loaded and checked.

Not here: reading data files (pipelines.sources) or computing with the method (pipelines.index).
"""
