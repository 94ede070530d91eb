import t from 'tap';
import { adviceOf } from '../../src/explain/index.js';
import { BROWSER_NEEDED, Chromium } from '../support/chromium.js';
import { startMesh } from '../support/mesh.js';
import { realEnvoy } from '../support/real-envoy.js';

const { path: envoyPath, skip } = realEnvoy();

/** Renewals come after 2.7 to 3.3 s. */
const TTL_SECONDS = 6;

t.test('the pages of the demo, in a browser', { skip, ...BROWSER_NEEDED, timeout: 200_000 }, async (t) => {
  const { cluster } = await startMesh(t, { envoyPath, ttlSeconds: TTL_SECONDS });
  const browser = new Chromium(t);
  const tab = await browser.open();
  const text = () => tab.evaluate<string>('document.querySelector("main").textContent');

  await t.test('one page leads to those of the four agents and of Citadel', async (t) => {
    await tab.goTo(await cluster.startStatusIndex());
    const rows = await tab.evaluate<{ name: string; url: string; pid: string }[]>(`
      [...document.querySelectorAll('tbody tr')].map((row) => ({
        name: row.cells[0].textContent, url: row.querySelector('a').href, pid: row.cells[1].textContent,
      }))`);
    t.strictSame(
      rows.map(({ name }) => name),
      ['sleep.foo', 'sleep.bar', 'httpbin.foo', 'httpbin.bar'].map((name) => `agent of ${name}`).concat('Citadel'),
    );
    t.strictSame(
      rows.map(({ pid }) => Number(pid)),
      [...cluster.plan.workloads.map(({ name }) => cluster.agent(name).pid), cluster.citadel.pid],
    );
    for (const { name, url } of rows) {
      await tab.goTo(url);
      // For a moment of each rotation an agent may wait for its Envoy's answer.
      await tab.until(`/^valid · sidecert (agent|citadel)/.test(document.title)`);
      t.pass(name);
    }
    t.strictSame(tab.complaints, []);
  });

  await t.test('that of an agent shows its life, its Envoy, and each rotation as it happens', async (t) => {
    const [workload] = cluster.plan.workloads;
    await tab.goTo(`http://127.0.0.1:${workload?.statusPort}/`);
    for (const shown of [`${workload?.spiffeId}.*valid`, 'default.*applied']) {
      await tab.until(`new RegExp(${JSON.stringify(shown)}).test(document.querySelector('main').textContent)`);
    }
    const rotations = `[...document.querySelectorAll('[role=log] li')].filter((one) => one.textContent.includes('new certificate')).length`;
    const seen = await tab.evaluate<number>(rotations);
    const serial = 'document.querySelector("tbody code").textContent';
    const before = await tab.evaluate<string>(serial);
    await tab.until(`${rotations} > ${seen} && ${serial} !== ${JSON.stringify(before)}`);
    t.equal(await tab.evaluate('document.querySelectorAll("svg.life .renewal").length'), 1);
    t.strictSame(tab.complaints, []);
  });

  await t.test('that of Citadel shows what it has issued and to whom', async (t) => {
    await tab.goTo(`http://127.0.0.1:${cluster.plan.citadelStatusPort}/`);
    for (const { spiffeId } of cluster.plan.workloads) t.match(await text(), spiffeId);
    const count = 'document.querySelectorAll("#requests ~ table tbody tr").length';
    const before = await tab.evaluate<number>(count);
    await tab.until(`${count} > ${before}`);
    t.strictSame(tab.complaints, []);
  });

  await t.test(
    'an agent that has lost its CA says so, and what to do, while its certificate is still valid',
    async (t) => {
      const [, workload] = cluster.plan.workloads;
      await tab.goTo(`http://127.0.0.1:${workload?.statusPort}/`);
      await cluster.citadel.stop();
      await tab.until(`document.body.textContent.includes('ERR_CA_UNAVAILABLE')`);
      t.match(await text(), `to do: ${adviceOf('ERR_CA_UNAVAILABLE')}`, 'in the words of sidecert doctor');
      await tab.until(`document.querySelector('.summary').textContent.includes('has expired')`);
      t.match(await tab.evaluate('document.title'), /^1 problem/);
      t.strictSame(tab.complaints, []);
    },
  );
});
