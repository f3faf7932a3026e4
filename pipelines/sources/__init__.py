"""From a provider's bytes to readings: fetch, read, lay out, conform.

Not here: keeping bytes (warehouse.snapshots), vintages over several files (core), the YAML models
(warehouse.catalogue.source).
"""
