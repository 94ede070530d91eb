// `node scripts/screenshots.mjs`, after a build: takes the pictures of the status page that the documentation has, with the Chromium of the tests.
import { mkdir, writeFile } from 'node:fs/promises';
import { findChromium } from './setup/chromium.mjs';

process.env.CHROMIUM_PATH ??= await findChromium();

const { Chromium } = await import('../build/test/support/chromium.js');
const { agentDocument, citadelDocument } = await import('../build/test/support/status-documents.js');
const { startStatusServer } = await import('../build/src/status/index.js');
const { silentLogger } = await import('../build/src/telemetry/index.js');

const FOLDER = 'docs/images';

const text = 'sidecar~10.0.0.7~sleep-5d9c.foo';
const rejection = 'Failed to load trusted CA certificates from <inline>';

const PICTURES = [
  {
    name: 'status-page',
    document: agentDocument({ text, rejection }),
    screen: { width: 1080, height: 900 },
  },
  {
    name: 'status-page-phone',
    document: agentDocument({ text, rejection }),
    screen: { width: 360, height: 720, theme: 'dark' },
  },
  {
    name: 'status-page-citadel',
    document: citadelDocument({
      text: 'Kubernetes',
      reason: 'token expires at 2026-12-01T00:00:00Z, and that was 9 s ago',
    }),
    screen: { width: 1080, height: 640 },
  },
];

const ends = [];
try {
  await mkdir(FOLDER, { recursive: true });
  const browser = new Chromium({ teardown: (end) => ends.push(end) });
  for (const { name, document, screen } of PICTURES) {
    const content = { notReady: () => undefined, metrics: () => [], status: () => document };
    const server = await startStatusServer({ address: { host: '127.0.0.1', port: 0 }, content, logger: silentLogger });
    ends.push(() => server.close());
    const tab = await browser.open();
    await tab.show(screen);
    await tab.goTo(`http://${server.address}/`);
    await writeFile(`${FOLDER}/${name}.png`, await tab.screenshot());
  }
} finally {
  for (const end of ends.reverse()) await end();
}
