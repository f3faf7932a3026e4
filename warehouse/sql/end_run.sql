-- grain: one run: its end and the totals of the records in force
update meta.run
set
    finished_at = $finished_at, status = $status, release_id = $release_id,
    rows_in = t.rows_in, rows_loaded = t.rows_loaded, rows_unchanged = t.rows_unchanged,
    rows_quarantined = t.rows_quarantined, rows_excluded = t.rows_excluded
from (
    select
        sum(rows_in) as rows_in, sum(rows_loaded) as rows_loaded, sum(rows_unchanged) as rows_unchanged,
        sum(rows_quarantined) as rows_quarantined, sum(rows_excluded) as rows_excluded
    from core.record
) as t
where run_id = $run_id
