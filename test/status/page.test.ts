import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { startStatusServer } from '../../src/status/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { BROWSER_NEEDED, Chromium, type Screen, type Tab } from '../support/chromium.js';
import { PATIENCE_MS } from '../support/patience.js';
import { agentDocument, citadelDocument, HOSTILE } from '../support/status-documents.js';

/** Deque's rules of accessibility. */
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const WIDE: Screen = { width: 1200, height: 900 };
const PHONE: Screen = { width: 320, height: 640 };

type Document = ReturnType<typeof agentDocument> | ReturnType<typeof citadelDocument>;

/**
 * A status server that shows what `shown` holds at the time, on loopback. A browser that has had no CPU time for as
 * long as a connection lasts elsewhere would find it closed, and say `ERR_EMPTY_RESPONSE`.
 */
async function serve(t: Test, document: Document, port = 0) {
  const shown = { document };
  const content = { notReady: () => undefined, metrics: () => [], status: () => shown.document };
  const server = await startStatusServer({
    ...{ address: { host: '127.0.0.1', port }, content, logger: silentLogger, connectionLimitMs: PATIENCE_MS },
  });
  t.teardown(() => server.close());
  return { shown, server, url: `http://${server.address}/` };
}

t.test('the page', BROWSER_NEEDED, async (t) => {
  const browser = new Chromium(t);

  /** A tab that shows this document. */
  async function look(t: Test, document: Document, screen = WIDE) {
    const served = await serve(t, document);
    const tab = await browser.open();
    await tab.show(screen);
    await tab.goTo(served.url);
    return { ...served, tab };
  }

  const ground = (tab: Tab) => tab.evaluate<string>('getComputedStyle(document.body).backgroundColor');

  const screens = [
    { name: 'in light', screen: WIDE, ground: 'rgb(246, 247, 249)' },
    { name: 'in dark', screen: { ...WIDE, theme: 'dark' }, ground: 'rgb(20, 23, 27)' },
    { name: 'on a phone', screen: PHONE, ground: 'rgb(246, 247, 249)' },
    { name: 'on a phone in dark', screen: { ...PHONE, theme: 'dark' }, ground: 'rgb(20, 23, 27)' },
  ] as const;
  const documents = [
    { name: 'an agent', document: agentDocument() },
    { name: 'a Citadel', document: citadelDocument() },
  ];
  for (const { name, screen, ground: wanted } of screens) {
    for (const { name: of, document } of documents) {
      t.test(`of ${of} ${name}: no complaint, no request but its own, no rule of accessibility broken`, async (t) => {
        const { tab, url } = await look(t, document, screen);
        t.equal(await ground(tab), wanted);
        t.ok(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'nothing to scroll sideways to');
        await tab.evaluate(`${AXE}; undefined`);
        const broken = 'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))';
        t.strictSame(await tab.evaluate(broken), []);
        await tab.evaluate('document.querySelectorAll("details").forEach((one) => (one.open = true))');
        t.strictSame(await tab.evaluate(broken), [], 'folded open');
        t.ok(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'folded open');
        t.strictSame(tab.complaints, []);
        t.strictSame(
          [...new Set(tab.requests)].filter((one) => one !== `${url}page.json`),
          [url],
        );
      });
    }
  }

  t.test('what peers send is text, with script and without', async (t) => {
    const { tab, shown } = await look(t, agentDocument());
    const held = `document.title.startsWith('valid') && document.images.length === 0 && document.scripts.length === 1`;
    const count = `[...document.querySelectorAll('bdi')].filter((one) => one.textContent.includes('<script>')).length`;
    t.ok(await tab.evaluate(held));
    const before = await tab.evaluate<number>(count);
    t.ok(before >= 4, `${before} texts of theirs are shown`);
    shown.document = agentDocument({ text: `${HOSTILE} again` });
    await tab.until(`document.querySelector('main').textContent.includes('again')`);
    t.ok(await tab.evaluate(held));
    t.strictSame(tab.complaints, []);
  });

  t.test(
    'without script it is a document: tables, lives as bars, and nothing that only a script could do',
    async (t) => {
      const served = await serve(t, agentDocument());
      const tab = await browser.open();
      await tab.withoutScripts();
      await tab.goTo(served.url);
      const nodes = await tab.accessibility();
      const has = (role: string, name: RegExp) => nodes.some((node) => node.role === role && name.test(node.name));
      t.ok(has('table', /Each workload identity/));
      t.ok(has('columnheader', /^Life$/));
      t.ok(has('rowheader', /spiffe:\/\/cluster\.local\/ns\/foo\/sa\/workload-0/));
      t.ok(has('image', /life of 1d, 37 % have passed, renewal at 50 %/));
      t.ok(has('link', /^Load again$/));
      t.notOk(has('button', /./));
      t.strictSame(tab.complaints, []);
    },
  );

  t.test(
    'it shows where a migration stands, other trust domains, and when a CA was asked for its bundle',
    async (t) => {
      const { tab } = await look(t, agentDocument({ text: 'a text' }));
      const textOf = (id: string) => tab.evaluate(`document.querySelector('[data-key="${id}"]').textContent`);
      t.match(
        await textOf('migration'),
        /Step taken5h ago.*Step file\/etc\/stepa text.*Held up bya stream of Envoy has not/,
      );
      t.match(await textOf('federation'), /partner\.example2https:\/\/partner\.example\/bundle \(https_web\)5h ago/);
      t.match(await textOf('federation'), /other\.examplenonefile \/etc\/other\.pem/);
      t.match(await textOf('cas'), /second\.example.*bundle checked 5h ago/);
    },
  );

  t.test('of a Citadel it shows how far the change of its root has come, and who claims to be whom', async (t) => {
    const { tab } = await look(t, citadelDocument());
    const text = await tab.evaluate(`document.querySelector('main').textContent`);
    t.match(text, /Change of the root.?staged.*3d/);
    t.match(text, /claims to be system:serviceaccount:foo:sleepclaimed pod sleep-7f/);
  });

  t.test('of a Citadel it shows which intermediate signs, the next one, and why there is none', async (t) => {
    const document = citadelDocument({ text: 'the token does not answer' });
    const { tab } = await look(t, document);
    const text = await tab.evaluate(`document.querySelector('main').textContent`);
    t.match(text, /Online intermediate.?0def.*9d.*the next one signs .*the token does not answer.*Roots/);
    t.notMatch(
      await tab.evaluate(`document.querySelector('main').innerHTML`),
      /<script/,
      'and takes nothing of it for its own',
    );
  });

  t.test('on a phone each row is a card, and to screen readers still a row of a table', async (t) => {
    const { tab } = await look(t, agentDocument(), PHONE);
    const nodes = await tab.accessibility();
    for (const [role, name] of [
      ['table', /Each workload identity/],
      ['columnheader', /^Life$/],
      ['rowheader', /workload-0/],
    ] as const) {
      t.ok(
        nodes.some((node) => node.role === role && name.test(node.name)),
        `${role} ${name}`,
      );
    }
    t.equal(await tab.evaluate('getComputedStyle(document.querySelector("tbody tr")).display'), 'block');
  });

  t.test('it goes with what happens: state, title and events change, and screen readers are told', async (t) => {
    const document = agentDocument({ identities: 1 });
    const { tab, shown } = await look(t, document);
    await tab.evaluate('window.kept = document.querySelector("tbody tr"), undefined');
    const [identity] = document.identities;
    const leaf = { at: new Date().toISOString(), spiffe_id: identity?.spiffe_id ?? '', serial: 'beef' };
    shown.document = {
      ...document,
      identities: document.identities.map((one) => ({ ...one, svid: 'expired', serial: 'beef' })),
      history: { ...document.history, leaves: [leaf, ...document.history.leaves] },
    };
    await tab.until('document.title.startsWith("1 problem")');
    t.equal(await tab.evaluate('window.kept === document.querySelector("tbody tr")'), true, 'the row is the same one');
    t.match(
      await tab.evaluate('document.querySelector("[role=status].summary").textContent'),
      'the certificate of spiffe://cluster.local/ns/foo/sa/workload-0 has expired',
      'as sidecert status says it',
    );
    t.match(
      await tab.evaluate('document.querySelector("[role=log] li").textContent'),
      /new certificate of .*serial beef/,
    );
    t.strictSame(tab.complaints, []);
  });

  t.test('by keyboard alone: past the head, to the button, into what is folded, which stays open', async (t) => {
    const { tab, shown } = await look(t, agentDocument());
    const focused = () => tab.evaluate<string>('document.activeElement.textContent.trim()');
    await tab.press('Tab');
    t.equal(await focused(), 'Skip to the status');
    t.ok(await tab.evaluate('document.activeElement.getBoundingClientRect().left >= 0'), 'it shows');
    await tab.press('Enter');
    t.equal(await tab.evaluate('document.activeElement.id'), 'main');
    await tab.press('Tab');
    t.match(await focused(), /^2 subscribers/);
    await tab.press('Enter');
    t.equal(await tab.evaluate('document.querySelector("details").open'), true);
    shown.document = agentDocument({ subscribers: 3 });
    await tab.until('document.querySelector("summary").textContent.startsWith("3 ")');
    t.match(await focused(), /^3 subscribers/, 'an update leaves the focus where it is');
    t.equal(await tab.evaluate('document.querySelector("details").open'), true);
  });

  t.test('it can be paused, and goes on', async (t) => {
    const { tab, shown } = await look(t, agentDocument());
    for (let presses = 0; presses < 3; presses += 1) await tab.press('Tab');
    t.equal(await tab.evaluate('document.activeElement.textContent'), 'Pause');
    await tab.press('Space');
    t.equal(await tab.evaluate('document.getElementById("connection").textContent'), 'paused');
    shown.document = agentDocument({ subscribers: 3 });
    await tab.press('Enter');
    await tab.until('document.querySelector("summary").textContent.startsWith("3 ")');
    t.equal(await tab.evaluate('document.getElementById("connection").textContent'), 'live');
  });

  t.test('when nobody answers any more it says so, and goes on when somebody does', async (t) => {
    const { tab, server } = await look(t, agentDocument());
    await server.close();
    await tab.until('document.getElementById("connection").textContent.startsWith("no answer since")');
    await serve(t, agentDocument({ subscribers: 3 }), Number(server.address.split(':')[1]));
    await tab.until('document.querySelector("summary").textContent.startsWith("3 ")');
    t.equal(await tab.evaluate('document.getElementById("connection").textContent'), 'live');
  });

  t.test('no width has anything to scroll sideways to', async (t) => {
    for (const document of [agentDocument(), citadelDocument(), agentDocument({ text: 'x'.repeat(400) })]) {
      const { tab } = await look(t, document);
      await tab.evaluate('document.querySelectorAll("details").forEach((one) => (one.open = true))');
      for (const width of [280, 360, 600, 760, 900, 991, 993, 1100, 1600]) {
        await tab.show({ ...WIDE, width });
        const overhang = 'document.documentElement.scrollWidth - innerWidth';
        t.ok((await tab.evaluate<number>(overhang)) <= 0, `${width} wide`);
      }
    }
  });

  t.test('nothing moves for who wants no motion', async (t) => {
    const moves = 'getComputedStyle(document.querySelector(".passed")).transitionDuration';
    t.equal(await (await look(t, agentDocument())).tab.evaluate(moves), '0.4s');
    t.equal(await (await look(t, agentDocument(), { ...WIDE, isMotionReduced: true })).tab.evaluate(moves), '0s');
  });

  t.test('an agent of 500 pods and 5 000 streams has a page of the same bounds', async (t) => {
    const many = agentDocument({ identities: 500, subscribers: 2500, streams: 5000, text: 'x'.repeat(5000) });
    const { tab, url } = await look(t, many, PHONE);
    t.match(await tab.evaluate('document.body.textContent'), /100 of 500 are shown.*4999 applied.*2500 subscribers/s);
    const elements = await tab.evaluate<number>('document.querySelectorAll("*").length');
    t.ok(elements < 6000, `${elements} elements`);
    const bytes = (await (await fetch(url)).text()).length;
    t.ok(bytes < 400_000, `${bytes} octets`);
    t.ok(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth'));
    t.strictSame(tab.complaints, []);
  });

  t.test('no page of another origin can have it in a frame, or read it', async (t) => {
    const { url } = await serve(t, agentDocument());
    const other = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<iframe src="${url}"></iframe>`);
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    t.teardown(() => other.close());
    const tab = await browser.open();
    await tab.goTo(`http://127.0.0.1:${(other.address() as AddressInfo).port}/`);
    t.match(tab.complaints.join('\n'), /frame-ancestors/);
    const fetched = `fetch(${JSON.stringify(`${url}page.json`)}).then(() => 'read', () => 'refused')`;
    t.equal(await tab.evaluate(fetched), 'refused');
  });

  t.test('what gets into the page does nothing: no script runs but its own, nothing is loaded', async (t) => {
    const { tab } = await look(t, agentDocument());
    await tab.evaluate(`(() => {
      const script = document.createElement('script');
      try { script.text = 'window.taken = 1'; } catch { script.append('window.taken = 1'); }
      document.body.append(script);
      const image = document.createElement('img');
      image.src = 'http://127.0.0.1:1/';
      document.body.append(image);
    })()`);
    t.equal(await tab.evaluate('window.taken === undefined'), true);
    t.match(tab.complaints.join('\n'), /script-src|TrustedScript/);
  });
});
