// A screenshot of a Superset dashboard in headless Chromium: node screenshot.mjs URL FILE [WIDTH HEIGHT]
// User and password from SUPERSET_USER and SUPERSET_PASSWORD. Prints JSON: texts of errors and charts that were drawn.
import { open } from './chromium.mjs';

const [url, file, width = '1440', height = '900'] = process.argv.slice(2);
const browser = await open();
try {
  const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) } });
  const site = new URL(url).origin;
  const refused = [];
  page.on('response', (answer) => {
    if (answer.url().includes('/api/v1/chart/data') && answer.status() >= 400) refused.push(answer.url());
  });
  await page.goto(`${site}/login/`);
  await page.locator('input[type=text], input#username').first().fill(process.env.SUPERSET_USER ?? 'admin');
  await page.locator('input[type=password]').first().fill(process.env.SUPERSET_PASSWORD);
  await page.locator('button[type=submit], input[type=submit]').first().click();
  await page.waitForURL((to) => !to.pathname.startsWith('/login'));
  page.setDefaultTimeout(240000);
  page.setDefaultNavigationTimeout(240000);
  await page.goto(url);
  await page.waitForSelector('.dashboard-component-chart-holder', { timeout: 240000 });
  // Charts are drawn when they come into view, so the window is made as tall as the page.
  const tall = await page.evaluate(() => Math.max(document.documentElement.scrollHeight, ...[...document.querySelectorAll('*')].map((e) => e.scrollHeight)));
  await page.setViewportSize({ width: Number(width), height: Math.max(Number(height), tall) });
  await page.waitForTimeout(1500);
  await page.waitForFunction(() => document.querySelectorAll('.dashboard-component-chart-holder .loading').length === 0 && document.querySelectorAll('[data-test="loading-indicator"]').length === 0, null, { timeout: 240000 });
  await page.waitForTimeout(2500);
  const seen = await page.evaluate(() => ({
    charts: document.querySelectorAll('.dashboard-component-chart-holder').length,
    drawn: [...document.querySelectorAll('.dashboard-component-chart-holder')].filter((e) => e.querySelector('canvas, svg.chart, table, .header-line, [class*=header-line]')).length,
    errors: [...document.querySelectorAll('[role=alert], .ant-alert, [data-test=chart-error]')].map((e) => e.innerText.slice(0, 300)),
    titles: [...document.querySelectorAll('.header-title')].map((e) => e.innerText),
    empty: [...document.querySelectorAll('.dashboard-component-chart-holder')].filter((e) => /No results were returned|No data/.test(e.innerText)).map((e) => e.innerText.slice(0, 100)),
    numbers: [...document.querySelectorAll('.header-line')].map((e) => e.innerText.trim()),
    height: document.documentElement.scrollHeight,
  }));
  await page.screenshot({ path: file });
  console.log(JSON.stringify({ ...seen, refused }));
} finally {
  await browser.close();
}
