import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readBootstrapConfig } from '../../src/demo/bootstrap-config.js';
import { bootstrapArgs, PORTS_NEEDED, planDemo, socketProblem } from '../../src/demo/plan.js';
import { readRotation } from '../../src/demo/rotation-line.js';
import { canInjectTokens } from '../../src/demo/sidecars/envoy-version.js';
import { commandsToTry } from '../../src/demo/things-to-try.js';

const ports = Array.from({ length: PORTS_NEEDED }, (_, index) => 20_000 + index);
const plan = planDemo('/tmp/demo', ports, { hasInjector: true });

t.test('the story has four workloads and a sidecar more, each with ports of its own', async (t) => {
  t.strictSame(
    plan.workloads.map(({ name }) => name),
    ['sleep.foo', 'sleep.bar', 'httpbin.foo', 'httpbin.bar'],
  );
  t.strictSame(
    plan.sidecars.map(({ name }) => name),
    ['sleep.foo', 'sleep.bar', 'httpbin.foo', 'httpbin.bar', 'restricted.foo'],
  );
  const used = plan.sidecars.flatMap(({ adminPort, inbound, outbound }) => [adminPort, inbound?.port, outbound?.port]);
  const shown = plan.workloads.map(({ statusPort }) => statusPort);
  const drawn = [
    plan.citadelPort,
    plan.citadelStatusPort,
    plan.indexPort,
    ...shown,
    ...used.filter((port) => port !== undefined),
  ];
  t.equal(new Set(drawn).size, drawn.length);
});

t.test('the pods of foo pass their token in each stream, those of bar leave it to the agent', async (t) => {
  t.strictSame(
    plan.workloads.map(({ name, tokenSource }) => `${name} ${tokenSource}`),
    ['sleep.foo stream', 'sleep.bar file', 'httpbin.foo stream', 'httpbin.bar file'],
  );
});

t.test(
  'of those that pass it, one does by the injector, where Envoy has that, and one by the client of Google',
  async (t) => {
    const passing = ({ workloads }: typeof plan) =>
      workloads.filter(({ tokenSource }) => tokenSource === 'stream').map(({ name, tokenBy }) => `${name} ${tokenBy}`);
    t.strictSame(passing(plan), ['sleep.foo google_grpc', 'httpbin.foo injector']);
    const older = planDemo('/tmp/demo', ports, { hasInjector: false });
    t.strictSame(passing(older), ['sleep.foo google_grpc', 'httpbin.foo google_grpc']);
  },
);

const versions = [
  { text: 'envoy  version: 9e558093/1.40.0/Clean/RELEASE/BoringSSL', want: true },
  { text: 'envoy  version: 9e558093/1.37.0/Clean/RELEASE/BoringSSL', want: true },
  { text: 'envoy  version: 9e558093/1.36.4/Clean/RELEASE/BoringSSL', want: false },
  { text: 'envoy  version: 9e558093/2.0.0-dev/Modified/DEBUG/BoringSSL', want: true },
  { text: 'no version', want: false },
];
for (const { text, want } of versions) {
  t.test(`an Envoy that says "${text}" has ${want ? 'the' : 'no'} injector`, async (t) => {
    const path = join(t.testdir(), 'envoy');
    writeFileSync(path, `#!/bin/sh\n[ "$*" = --version ] && echo '' && echo '${text}'\n`, { mode: 0o755 });
    t.equal(await canInjectTokens(path), want);
  });
}

t.test('no Envoy has no injector', async (t) => t.equal(await canInjectTokens(join(t.testdir(), 'none')), false));

t.test('sidecert bootstrap accepts the arguments of every sidecar', async (t) => {
  for (const sidecar of plan.sidecars) {
    const config = readBootstrapConfig(bootstrapArgs(sidecar));
    t.equal(config.socket, sidecar.workload.socketPath);
    t.equal(config.nodeId, sidecar.name);
    t.equal(config.upstreams.length, sidecar.outbound === undefined ? 0 : 3);
  }
});

t.test('the restricted sidecar lets only sleep.foo in', async (t) => {
  t.strictSame(plan.restricted.inbound?.allow, ['spiffe://cluster.local/ns/foo/sa/sleep']);
});

t.test('too few ports are refused, and wrong arguments too', async (t) => {
  t.throws(() => planDemo('/tmp/demo', [1, 2], { hasInjector: true }), {
    message: 'demo plan: got 2 ports, expected 21',
  });
  t.throws(() => readBootstrapConfig(['--nonsense']), /refused/);
});

t.test('a directory that leaves no room for a socket is told before anything starts', async (t) => {
  t.equal(socketProblem(plan), undefined);
  const deep = planDemo(`/${'d'.repeat(100)}`, ports, { hasInjector: true });
  t.match(
    socketProblem(deep),
    /^Unix sockets of the demo: got "\/d.*" of \d+ bytes, expected at most 107; set TMPDIR to/,
  );
});

t.test('the things to try name the addresses that are there', async (t) => {
  const processes = plan.workloads.map(({ name, directory, statusPort }, index) => ({
    ...{ name: `agent of ${name}`, pid: 4000 + index, directory, url: `http://127.0.0.1:${statusPort}/` },
  }));
  const started = { isReal: true, processes, index: 'http://127.0.0.1:1/', directory: '/tmp/demo' };
  const text = commandsToTry(plan, started).join('\n');
  t.match(text, 'To watch in a browser: http://127.0.0.1:1/');
  for (const { name, statusPort } of plan.workloads) {
    t.match(text, new RegExp(`agent of ${name} +http://127.0.0.1:${statusPort}/  pid 4.*, workloads/${name}/`));
  }
  t.match(text, 'all of their files are in /tmp/demo');
  for (const { adminPort } of plan.sidecars) t.match(text, `127.0.0.1:${adminPort}/certs`);
  for (const { outbound } of plan.clients) t.match(text, `127.0.0.1:${outbound?.port}/headers`);
  t.match(
    text,
    /curl -sSk --tls-max 1.2 https:.*refused/,
    'a refusal is visible: -S shows it, where -s alone says nothing',
  );
  t.match(text, /curl -sS -w .*http_code.*Host: restricted.foo.*refused with 503: sleep.bar/);
  t.notMatch(text, /curl -sk? .*refused/);
  t.notMatch(commandsToTry(plan, { ...started, isReal: false }).join('\n'), 'admin', 'a stand-in has no admin pages');
});

const lines = [
  {
    name: 'a first certificate',
    line: '{"msg":"svid issued","serial":"0a","not_after":"2026-01-01T00:00:00Z"}',
    want: { isRenewal: false, serial: '0a', notAfter: '2026-01-01T00:00:00Z' },
  },
  {
    name: 'a rotation',
    line: '{"msg":"svid rotated","serial":"0b","not_after":"2026-01-01T00:00:00Z"}',
    want: { isRenewal: true, serial: '0b', notAfter: '2026-01-01T00:00:00Z' },
  },
  { name: 'another message', line: '{"msg":"svid renewal failed","serial":"0b"}', want: undefined },
  { name: 'a message without its fields', line: '{"msg":"svid rotated"}', want: undefined },
  { name: 'text that is no JSON', line: 'oops "svid rotated"', want: undefined },
  { name: 'JSON that is no object', line: '"svid rotated"', want: undefined },
] as const;
for (const { name, line, want } of lines) {
  t.test(`${name} in an agent's log is read for what it is`, async (t) => t.strictSame(readRotation(line), want));
}
