"""From sources to core: look at the sources, read what is new, judge it at the first border, load the change log.

Not here: the network and the readers (sources), the rules (expectations), the relations (warehouse.core).
"""
