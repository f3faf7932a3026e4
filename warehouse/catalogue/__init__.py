"""The catalogue: typed models of units, areas, indicators, sources, indices and claims; loading and checking.

Not here: reading data files (pipelines.sources) or computing with the method (pipelines.index).
"""
