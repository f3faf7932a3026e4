// Polls a release over HTTP with duckdb-wasm in headless Chromium: node wasm.mjs SITE PACKAGE whole|range ROUNDS, with
// {"queries": {name: SQL}} on stdin. SITE serves this folder under /bi/ and the release folder under /release/.
// Prints one JSON document: version, polls, answers, tables, comments.
import { mkdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { open } from './chromium.mjs';

const [site, name, mode, rounds] = process.argv.slice(2);
const { queries } = JSON.parse(await text(process.stdin));
const folder = new URL('./node_modules/.bi/', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [new URL('./wasm_page.mjs', import.meta.url).pathname],
  outfile: `${folder}${name}.js`,
  bundle: true,
  format: 'iife',
  alias: { duckdb: `${name}/dist/duckdb-browser.mjs` },
  logLevel: 'error',
});
const browser = await open();
try {
  const page = await browser.newPage();
  page.on('console', (line) => console.error(line.text()));
  await page.goto(`${site}/bi/wasm.html`);
  await page.addScriptTag({ url: `/bi/node_modules/.bi/${name}.js` });
  const base = `${site}/bi/node_modules/${name}/dist/`;
  console.log(JSON.stringify(await page.evaluate((asked) => globalThis.poll(asked), { base, mode, rounds: Number(rounds), queries })));
} finally {
  await browser.close();
}
