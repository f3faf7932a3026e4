// What @duckdb/node-api answers: node answers.mjs FILE, with {"queries": {name: SQL}, "refused": [SQL]} on stdin.
// Prints the same JSON document as answers.py.
import { text } from 'node:stream/consumers';
import { DuckDBInstance, version } from '@duckdb/node-api';

const asked = JSON.parse(await text(process.stdin));
const instance = await DuckDBInstance.create(process.argv[2], {
  access_mode: 'READ_ONLY',
  enable_external_access: 'false',
  lock_configuration: 'true',
});
const connection = await instance.connect();
const rows = async (sql) => (await connection.runAndReadAll(sql)).getRowsJson();

const refused = {};
for (const sql of asked.refused ?? []) {
  refused[sql] = await rows(sql).then(() => null, (error) => String(error));
}
const answers = {};
for (const [name, sql] of Object.entries(asked.queries)) answers[name] = await rows(sql);
console.log(JSON.stringify({
  version: version(),
  tables: (await rows('select table_name from information_schema.tables order by 1')).flat(),
  table_comments: await rows('select table_name, comment from duckdb_tables() order by 1'),
  column_comments: await rows('select table_name, column_name, data_type, comment from duckdb_columns() where not internal order by 1, column_index'),
  answers,
  refused,
}));
