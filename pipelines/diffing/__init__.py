"""What changed from one release, or one edition, to another: data, method, scores, and which did what to which.

Not here: the change of a score from one period to the next (index.contribute), revisions inside one release (the table
`revision`).
"""
