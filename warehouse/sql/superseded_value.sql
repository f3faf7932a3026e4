-- grain: one file with values that gave way to others of the same date
select
    source_id || ': ' || file_name || ': ' || count(*) || ' values gave way to a later retrieval of the same date, the first '
    || min(locator || ' (' || raw_text || ')')
from core.reject
where reason_code = 'superseded'
group by source_id, sequence, file_name
order by source_id, sequence
