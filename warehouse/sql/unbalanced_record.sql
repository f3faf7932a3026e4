-- grain: one record whose value cells do not add up
select
    source_id || ' / ' || file_name || ': ' || rows_in || ' cells, but ' || rows_loaded || ' loaded + ' || rows_unchanged
    || ' unchanged + ' || rows_quarantined || ' quarantined + ' || rows_excluded || ' excluded'
from core.record
where rows_in <> rows_loaded + rows_unchanged + rows_quarantined + rows_excluded
order by source_id, sequence
