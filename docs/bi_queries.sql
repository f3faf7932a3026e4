-- Ten queries to start from. They run as they are on the release of the built-in catalogue, in DuckDB 1.1 and every later
-- client, and return types that any client shows (no BIGINT, no DECIMAL). Change the ids between quotes.
-- The word before the colon says what a query does with the large tables: it filters (answers at once) or scans.

-- headline filters: one row per index and edition: the newest scores of the leading area and their change.
select
    s.index_id, s.edition_id, n.name_en, n.name_zh, s.ref_area, s.time_period, s.score, s.areas_ranked,
    g.change_abs, g.change_pct
from index_edition as e
join index_node as n on n.index_id = e.index_id and n.edition_id = e.edition_id and n.node_kind = 'index'
join index_score as s
    on s.index_id = e.index_id and s.edition_id = e.edition_id and s.node_id = n.node_id and s.time_period = e.last_period
left join growth as g
    on g.series_kind = 'index' and g.series_id = s.index_id and g.edition_id = s.edition_id
    and g.node_id = s.node_id and g.ref_area = s.ref_area and g.time_period = s.time_period
where s.score_rank = 1
order by s.index_id, s.edition_id, s.ref_area;

-- trend filters: one row per year: score, growth and the 90 % interval of an index.
select s.period_year, s.period_start, s.score, g.change_abs, g.change_pct, i.p05, i.p95
from index_score as s
left join growth as g
    on g.series_kind = 'index' and g.series_id = s.index_id and g.edition_id = s.edition_id
    and g.node_id = s.node_id and g.ref_area = s.ref_area and g.time_period = s.time_period
left join rank_interval as i
    on i.index_id = s.index_id and i.edition_id = s.edition_id and i.node_id = s.node_id
    and i.ref_area = s.ref_area and i.time_period = s.time_period and i.measure = 'score'
where s.index_id = 'beijing_innovation' and s.edition_id = 'latest' and s.node_kind = 'index' and s.ref_area = 'CN-BJ'
order by s.period_year;

-- pillars filters: one row per pillar and year.
select n.ordinal, n.name_en, n.name_zh, s.period_year, s.score, s.coverage
from index_score as s
join index_node as n on n.index_id = s.index_id and n.edition_id = s.edition_id and n.node_id = s.node_id
where s.index_id = 'beijing_innovation' and s.edition_id = 'latest' and s.node_kind = 'pillar' and s.ref_area = 'CN-BJ'
order by n.ordinal, s.period_year;

-- ranks filters: one row per area: rank in the newest year with the interval it holds in nine of ten Monte Carlo runs.
select a.name_en, a.name_zh, s.score, s.score_rank, i.p05 as rank_low, i.p95 as rank_high
from index_edition as e
join index_score as s
    on s.index_id = e.index_id and s.edition_id = e.edition_id and s.time_period = e.last_period and s.node_kind = 'index'
join ref_area as a on a.ref_area = s.ref_area
left join rank_interval as i
    on i.index_id = s.index_id and i.edition_id = s.edition_id and i.node_id = s.node_id
    and i.ref_area = s.ref_area and i.time_period = s.time_period and i.measure = 'rank'
where e.index_id = 'china_regional_innovation' and e.edition_id = 'latest'
order by s.score_rank, a.name_en;

-- contributions filters: one row per indicator: what moved the index in 2023, largest first.
select c.node_id, n.name_en, n.name_zh, c.previous_period, c.contribution, c.contribution_share
from index_contribution as c
join index_node as n on n.index_id = c.index_id and n.edition_id = c.edition_id and n.node_id = c.node_id
where c.index_id = 'beijing_innovation' and c.edition_id = 'latest' and c.node_kind = 'indicator'
    and c.ref_area = 'CN-BJ' and c.time_period = '2023'
order by abs(c.contribution) desc nulls last, c.node_id;

-- series filters: one row per year: an indicator of an area, with unit, source and cell.
select o.period_year, o.period_start, o.obs_value, u.name_en as unit, o.obs_status, s.name_en as source, o.locator, o.vintage
from observation as o
join unit as u on u.unit_id = o.unit_id
left join source as s on s.source_id = o.source_id
where o.indicator_id = 'rd_intensity' and o.ref_area = 'CN-BJ' and o.freq = 'A'
order by o.period_year;

-- vintages filters: one row per source and vintage: everything that was ever said about one number.
select vintage, source_id, obs_value, superseded_on, vintage_basis, locator, is_preferred
from observation_vintage
where indicator_id = 'rd_intensity' and ref_area = 'CN-BJ' and freq = 'A' and time_period = '2018'
order by vintage, source_id;

-- coverage scans: one row per indicator: how many values, from when to when, how many of them computed.
select
    indicator_id, count(*)::integer as observations, min(period_year) as first_year, max(period_year) as last_year,
    (count(*) filter (where is_derived))::integer as computed
from observation
group by indicator_id
order by indicator_id;

-- movers scans: one row per indicator and area: the twenty largest relative changes since 2015, in size.
with largest as (
    select series_id as indicator_id, ref_area, time_period, previous_value, obs_value, change_pct
    from growth
    where series_kind = 'indicator' and period_year >= 2015 and change_pct is not null and previous_value > 0
    order by abs(change_pct) desc, series_id, ref_area, time_period
    limit 20
)
select indicator_id, ref_area, time_period, previous_value, obs_value, change_pct
from largest
order by abs(change_pct) desc, indicator_id, ref_area, time_period;

-- sources scans: one row per source: values in use, newest year, oldest and newest vintage, values with an assumed date.
with used as (
    select
        source_id, count(*)::integer as observations, max(period_year) as last_year, min(vintage) as first_vintage,
        max(vintage) as last_vintage, (count(*) filter (where vintage_basis = 'assumed'))::integer as assumed
    from observation
    group by source_id
)
select
    u.source_id, s.name_en, s.licence, u.observations, u.last_year, u.first_vintage, u.last_vintage, u.assumed
from used as u
left join source as s on s.source_id = u.source_id
order by u.source_id;
