"""`indexhouse docs`: the catalogue in use and the dictionary of its release as static HTML pages.

Not here: the documents of the product itself (docs/), the report of one release (reporting).
"""
