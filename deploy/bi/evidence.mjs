// What Evidence's own connector answers: node evidence.mjs FILE, with {"queries": {name: SQL}} on stdin.
// Prints one JSON document with the answers; the connector opens the file read only by itself.
import { text } from 'node:stream/consumers';
import connector from '@evidence-dev/duckdb';

const asked = JSON.parse(await text(process.stdin));
const shown = (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : (value ?? null));
const answers = {};
const types = {};
for (const [name, sql] of Object.entries(asked.queries)) {
  const result = await connector(sql, { filename: process.argv[2] });
  const rows = [];
  for await (const batch of result.rows()) rows.push(...batch);
  answers[name] = rows.map((row) => Object.values(row).map(shown));
  types[name] = result.columnTypes?.map((column) => column.evidenceType);
}
console.log(JSON.stringify({ answers, types }));
