import t from 'tap';
import { answerTo, type PeoplesPage, type StatusContent, type StatusRequest } from '../../src/status/status-pages.js';
import { Metric, MetricRegistry } from '../../src/telemetry/index.js';

const registry = new MetricRegistry();
registry.gauge(Metric.sdsStreams).set(2);

const content: StatusContent = {
  notReady: () => undefined,
  metrics: () => registry.series(),
  status: () => ({ mode: 'sidecar', nothing: undefined }),
};

const page: PeoplesPage = {
  html: async () => ({ code: 200, contentType: 'text/html', text: 'for people' }),
  json: async () => ({ code: 200, contentType: 'application/json', text: 'for their script' }),
};

const shown = { content, page, isLoopback: true };

const ask = (changes: Partial<StatusRequest>): StatusRequest => ({
  ...{ method: 'GET', target: '/healthz/live', host: '127.0.0.1:15020', hasBody: false },
  ...changes,
});

const cases: { name: string; request: Partial<StatusRequest>; code: number; text: RegExp }[] = [
  { name: 'metrics', request: { target: '/metrics' }, code: 200, text: /^sidecert_sds_streams 2$/m },
  { name: 'live', request: {}, code: 200, text: /^live\n$/ },
  { name: 'ready', request: { target: '/healthz/ready' }, code: 200, text: /^ready\n$/ },
  { name: 'status', request: { target: '/status' }, code: 200, text: /^\{\n {2}"mode": "sidecar"\n\}\n$/ },
  { name: 'HEAD is as GET', request: { method: 'HEAD' }, code: 200, text: /live/ },
  { name: 'the page for people', request: { target: '/' }, code: 200, text: /^for people$/ },
  { name: 'what its script asks for', request: { target: '/page.json' }, code: 200, text: /^for their script$/ },
  { name: 'another page', request: { target: '/page' }, code: 404, text: /\/metrics/ },
  { name: 'a query makes another page', request: { target: '/status?a' }, code: 404, text: /\/status/ },
  { name: 'a whole URL', request: { target: 'http://x/status' }, code: 404, text: /\/status/ },
  { name: 'POST', request: { method: 'POST' }, code: 405, text: /GET/ },
  { name: 'a GET with a body', request: { hasBody: true }, code: 413, text: /body/ },
];
for (const { name, request, code, text } of cases) {
  t.test(`${name}: ${code}`, async (t) => {
    const answer = await answerTo(ask(request), shown);
    t.equal(answer.code, code);
    t.match(answer.text, text);
  });
}

t.test('why it is not ready is said to the probe', async (t) => {
  const waiting = { ...content, notReady: () => 'there is no bundle' };
  t.strictSame(await answerTo(ask({ target: '/healthz/ready' }), { ...shown, content: waiting }), {
    ...{ code: 503, contentType: 'text/plain; charset=utf-8', text: 'not ready: there is no bundle\n' },
  });
  t.equal((await answerTo(ask({}), { ...shown, content: waiting })).code, 200, 'and it is live all the same');
});

t.test('on loopback a name that others can point at us is refused, an address is not', async (t) => {
  const answered = ['127.0.0.1:15020', 'localhost', 'LOCALHOST:1', '[::1]:15020', '10.0.0.7', undefined];
  const codeFor = async (host: string | undefined, isLoopback: boolean) =>
    (await answerTo(ask({ target: '/', host }), { ...shown, isLoopback })).code;
  for (const host of answered) t.equal(await codeFor(host, true), 200, String(host));
  const refused = ['evil.example', 'evil.example:15020', 'localhost.evil.example', '127.0.0.1.evil.example', '', '[x]'];
  for (const host of refused) t.equal(await codeFor(host, true), 421, host);
  for (const host of refused) t.equal(await codeFor(host, false), 200, `${host} on all interfaces`);
});

t.test('row 77: a key or a token that another has put into a text is cut out of the status', async (t) => {
  const token = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl';
  const pem = '-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----';
  const leaking = { ...content, status: () => [{ error: `${token} ${pem}` }] };
  const { text } = await answerTo(ask({ target: '/status' }), { ...shown, content: leaking });
  t.notMatch(text, /eyJ|Y2FuYXJ5/);
  t.match(text, /redacted token.*redacted PEM/);
});
