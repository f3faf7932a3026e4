"""From a published score down to the cells of the source files, and up again: the answer of `indexhouse explain`.

Not here: the method itself (pipelines.index), what changed between releases or editions.
"""
