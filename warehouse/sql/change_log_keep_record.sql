-- grain: source_id, sequence of the accepted records, with what became of their cells. Where values have dates of
-- their own, the record's date is the newest of them.
insert into core.record
with counted as (
    select
        source_id, sequence,
        cast(count(*) filter (where outcome = 'loaded') as integer) as rows_loaded,
        cast(count(*) filter (where outcome = 'unchanged') as integer) as rows_unchanged,
        cast(count(*) filter (where outcome = 'quarantined') as integer) as rows_quarantined,
        cast(count(*) filter (where outcome not in ('loaded', 'unchanged', 'quarantined')) as integer) as rows_excluded
    from outcome
    group by source_id, sequence
)
select
    r.source_id, r.sequence, coalesce(d.vintage, r.vintage), r.retrieved_at, r.snapshot_id,
    coalesce(d.vintage_basis, r.vintage_basis), r.file_name, r.media_type, r.size_kb, r.rows_in,
    coalesce(c.rows_loaded, 0), coalesce(c.rows_unchanged, 0), coalesce(c.rows_quarantined, 0),
    coalesce(c.rows_excluded, 0), false, '', '', ''
from record_input as r
left join counted as c on c.source_id = r.source_id and c.sequence = r.sequence
left join record_date as d on d.source_id = r.source_id and d.sequence = r.sequence
where not r.is_rejected
order by r.source_id, r.sequence
