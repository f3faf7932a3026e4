-- grain: source_id, sequence of the accepted records, with what became of their cells. Where each value has a date of
-- its own by a rule, the record's date is the newest that was given.
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
),
newest as (
    select source_id, sequence, max(vintage) as vintage, max_by(vintage_basis, (vintage, vintage_basis)) as vintage_basis
    from dated
    where is_assumed_each
    group by source_id, sequence
)
select
    r.source_id, r.sequence, coalesce(n.vintage, r.vintage), r.retrieved_at, r.snapshot_id,
    coalesce(n.vintage_basis, r.vintage_basis), r.file_name, r.media_type, r.size_kb, r.rows_in,
    coalesce(c.rows_loaded, 0), coalesce(c.rows_unchanged, 0), coalesce(c.rows_quarantined, 0),
    coalesce(c.rows_excluded, 0), false, '', '', ''
from record_input as r
left join counted as c on c.source_id = r.source_id and c.sequence = r.sequence
left join newest as n on n.source_id = r.source_id and n.sequence = r.sequence
where not r.is_rejected
order by r.source_id, r.sequence
