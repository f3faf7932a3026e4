-- grain: source_id, sequence, locator, reason_code: every value cell that is neither loaded nor unchanged
insert into core.reject
select
    o.source_id, o.sequence, o.snapshot_id, r.file_name, o.locator,
    case when o.outcome = 'quarantined' then 'quarantined' else 'excluded' end as outcome,
    case when o.outcome = 'superseded' then 'superseded' else o.reason_code end as reason_code,
    case when o.outcome = 'superseded' then 'another value of the same vintage was retrieved later' else o.reason_en end,
    case when o.outcome = 'superseded' then '同一发布日期的另一数值于其后取得' else o.reason_zh end,
    o.raw_text
from outcome as o
inner join record_input as r on r.source_id = o.source_id and r.sequence = o.sequence
where o.outcome not in ('loaded', 'unchanged')
order by o.source_id, o.sequence, o.locator, reason_code
