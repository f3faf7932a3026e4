"""An index to take away from a release: a workbook, CSV with metadata, SDMX-CSV, a data package.

Not here: reports and pages (reporting), answers of `query` (querying), the release itself (warehouse.publish).
"""
