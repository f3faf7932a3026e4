// In the browser: open a release with duckdb-wasm as docs/bi.md tells, ask, publish another one between the queries.
// The library itself is given by whoever bundles this file (`duckdb`), because two versions are tried.
import * as duckdb from 'duckdb';

const shown = (type, value) => {
  if (value === null || value === undefined) return null;
  if (/^Date/.test(type)) return new Date(Number(value)).toISOString().slice(0, 10);
  if (typeof value === 'bigint') throw new Error(`a BIGINT reached JavaScript: ${value}`);
  return value;
};

const rows = async (connection, sql) => {
  const table = await connection.query(sql);
  const fields = table.schema.fields;
  return table.toArray().map((row) => fields.map((field) => shown(String(field.type), row[field.name])));
};

// Without these the newer versions fetch the whole file even of a URL.
const RANGES = { reliableHeadRequests: true, allowFullHTTPReads: false, forceFullHTTPReads: false };

async function start(base) {
  const bundle = { mainModule: `${base}duckdb-eh.wasm`, mainWorker: `${base}duckdb-browser-eh.worker.js` };
  const database = new duckdb.AsyncDuckDB(new duckdb.VoidLogger(), new Worker(bundle.mainWorker));
  await database.instantiate(bundle.mainModule);
  await database.open({ filesystem: RANGES });
  return database;
}

// Both ways begin at latest.json, which names the folder of the release: what lies there never changes.
async function attach(database, mode) {
  const latest = await (await fetch('/release/latest.json', { cache: 'no-store' })).json();
  const url = new URL(`/release/${latest.file}`, location.href).href;
  const connection = await database.connect();
  if (mode === 'whole') {
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    await database.registerFileBuffer('indexhouse.duckdb', bytes);
    await connection.query("attach 'indexhouse.duckdb' as indexhouse (read_only)");
  } else {
    await database.registerFileURL('indexhouse.duckdb', url, duckdb.DuckDBDataProtocol.HTTP, false);
    await connection.query("attach 'indexhouse.duckdb' as indexhouse (read_only)");
  }
  await connection.query('use indexhouse');
  return { connection, latest };
}

async function detach(database, connection) {
  await connection.query('use memory');
  await connection.query('detach indexhouse');
  await connection.close();
  await database.dropFile('indexhouse.duckdb');
}

globalThis.poll = async ({ base, mode, rounds, queries }) => {
  const database = await start(base);
  const found = { version: null, polls: [], answers: {}, tables: null, table_comments: null };
  for (let round = 0; round < rounds; round += 1) {
    const { connection, latest } = await attach(database, mode);
    found.version ??= (await rows(connection, 'select version()'))[0][0];
    const named = (await rows(connection, "select table_name from duckdb_tables() where database_name = 'indexhouse' order by 1")).flat();
    const half = Math.floor(named.length / 2);
    const of = async (some) => (await rows(connection, some.map((name) => `select release_id from "${name}"`).join(' union '))).flat();
    const before = await of(named.slice(0, half));
    await fetch('/publish', { method: 'POST' });
    const after = await of(named.slice(half));
    found.polls.push({ pointed: latest.release_id, before, after });
    if (!(latest.release_id in found.answers)) {
      const answers = {};
      for (const [name, sql] of Object.entries(queries)) answers[name] = await rows(connection, sql);
      found.answers[latest.release_id] = answers;
    }
    found.tables ??= named;
    found.table_comments ??= await rows(connection, "select table_name, comment from duckdb_tables() where database_name = 'indexhouse' order by 1");
    await detach(database, connection);
  }
  await database.terminate();
  return found;
};
