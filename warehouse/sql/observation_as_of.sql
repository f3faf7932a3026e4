-- grain: indicator_id, ref_area, freq, time_period: the value in force at $as_of (null: everything known).
-- Per source the newest vintage; among sources the lowest priority, then the newest vintage, then the source id.
with known as (
    select
        o.indicator_id, o.ref_area, o.freq, o.time_period, o.source_id, o.vintage, o.obs_value, o.decimals, o.unit_id,
        o.obs_status, o.snapshot_id, o.locator, o.vintage_basis, o.is_corrected
    from core.observation as o
    where $as_of is null or o.vintage <= $as_of
    qualify row_number() over (
        partition by o.source_id, o.indicator_id, o.ref_area, o.freq, o.time_period order by o.vintage desc
    ) = 1
)
select
    k.indicator_id, k.ref_area, k.freq, k.time_period, k.obs_value, k.decimals, k.unit_id, k.obs_status, k.source_id,
    k.snapshot_id, k.locator, k.vintage, k.vintage_basis, k.is_corrected
from known as k
inner join core.priority as other on other.source_id = k.source_id and other.indicator_id = ''
left join core.priority as own on own.source_id = k.source_id and own.indicator_id = k.indicator_id
where k.obs_value is not null
qualify row_number() over (
    partition by k.indicator_id, k.ref_area, k.freq, k.time_period
    order by coalesce(own.priority, other.priority), k.vintage desc, k.source_id
) = 1
order by k.indicator_id, k.ref_area, k.freq, k.time_period;
