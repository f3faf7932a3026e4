-- Working file: what is known of every source, in all vintages. Made again from snapshots at any time.
create schema if not exists core;
create schema if not exists meta;

-- grain: one collapsed record of a source, accepted or rejected; key (source_id, sequence)
create table if not exists core.record (
    source_id varchar, sequence integer, vintage date, retrieved_at timestamp, snapshot_id varchar,
    vintage_basis varchar, file_name varchar, media_type varchar, size_kb double,
    rows_in integer, rows_loaded integer, rows_unchanged integer, rows_quarantined integer, rows_excluded integer,
    is_rejected boolean, reason_code varchar, reason_en varchar, reason_zh varchar
);
-- grain: a row where value, status or presence of a key changes; key (indicator_id, ref_area, freq, time_period, source_id, vintage)
create table if not exists core.observation (
    indicator_id varchar, ref_area varchar, freq varchar, time_period varchar, source_id varchar, vintage date,
    obs_value double, decimals integer, unit_id varchar, obs_status varchar, snapshot_id varchar, locator varchar,
    vintage_basis varchar, is_corrected boolean
);
-- grain: one value cell that is not loaded, and why; key (source_id, sequence, locator, reason_code)
create table if not exists core.reject (
    source_id varchar, sequence integer, snapshot_id varchar, file_name varchar, locator varchar, outcome varchar,
    reason_code varchar, reason_en varchar, reason_zh varchar, raw_text varchar
);
-- grain: one indicator of one source ('' stands for all others that it brings); the lowest priority wins
create table if not exists core.priority (source_id varchar, indicator_id varchar, priority integer);
-- grain: one source; what its rows above were computed from
create table if not exists meta.source_state (source_id varchar, state varchar);
-- grain: one run of the build; key run_id
create table if not exists meta.run (
    run_id varchar, started_at timestamp, finished_at timestamp, state varchar, status varchar, release_id varchar,
    rows_in bigint, rows_loaded bigint, rows_unchanged bigint, rows_quarantined bigint, rows_excluded bigint
);
-- grain: one judgement in one run; key (run_id, check_id)
create table if not exists meta.check_result (
    run_id varchar, border varchar, check_id varchar, table_name varchar, column_name varchar, expectation varchar,
    severity varchar, status varchar, rows_checked bigint, rows_failed bigint, observed varchar
);
-- grain: one record: those dated until a date (null: all), and the first that brought a snapshot whose values were known
-- by then (a late download of old values)
create or replace temp macro record_known(known_at) as table
select r.*
from core.record as r
where
    known_at is null
    or r.vintage <= known_at
    or (
        not r.is_rejected
        and exists (
            select 1 from core.observation as o
            where o.source_id = r.source_id and o.snapshot_id = r.snapshot_id and o.vintage <= known_at
        )
        and not exists (
            select 1 from core.record as e
            where e.source_id = r.source_id and e.snapshot_id = r.snapshot_id and e.sequence < r.sequence
              and not e.is_rejected
        )
    );
