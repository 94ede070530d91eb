import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { expectNoKeyMaterial } from '../../src/demo/checks/file-scan.js';
import { SIDECERT, UNBUNDLED_SIDECERT } from '../support/mesh.js';
import { realEnvoy } from '../support/real-envoy.js';
import { scannedDirectories } from '../support/scanned-directories.js';
import { shortDir } from '../support/short-dir.js';
import { Written } from '../support/written.js';

const { path: envoyPath, skip } = realEnvoy();

const MATRIX = [
  'sleep.foo to httpbin.foo: 200',
  'sleep.foo to httpbin.bar: 200',
  'sleep.bar to httpbin.foo: 200',
  'sleep.bar to httpbin.bar: 200',
];

const PROMISES = [
  /^ok {4}every client reaches every server over mutual TLS: 4 of 4/,
  /^ok {4}httpbin\.foo saw who sleep\.foo is: .*URI=spiffe:\/\/cluster\.local\/ns\/foo\/sa\/sleep$/,
  /^ok {4}a client without a certificate is refused: .*CERTIFICATE_REQUIRED/,
  /^ok {4}a certificate of a foreign CA is refused: .*; the same client with a certificate of our CA: 200/,
  /^ok {4}an? .* that lets only sleep\.foo in refuses sleep\.bar: 503/,
  /^ok {4}no file of a workload holds a private key or certificate: \d+ files/,
  /^ok {4}sleep\.foo and httpbin\.bar rotate under load without a failed request: \d+ requests at 50\/s, 0 failed/,
];

/** A JWT's first part is the beginning of a JSON object. */
const TOKEN = /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\./;

interface Played {
  readonly child: ChildProcess;
  readonly out: Written;
  /** All that it has printed, when it has ended. */
  lines(): Promise<string[]>;
  /** The demo's directory lies alone in it. */
  readonly temporary: string;
  readonly done: Promise<number | null>;
}

function play(t: Test, envoy: string, { args = ['--once'] as readonly string[], sidecert = SIDECERT } = {}): Played {
  const temporary = shortDir(t);
  const [command = '', ...leading] = sidecert;
  const env = { ...process.env, ENVOY_PATH: envoy, TMPDIR: temporary };
  const child = spawn(command, [...leading, 'demo', ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const out = new Written(child.stdout, 'the demo');
  const done = once(child, 'close').then(([code]) => code as number | null);
  const lines = async (): Promise<string[]> => (await out.whole()).split('\n');
  return { child, out, lines, temporary, done };
}

const stages = [
  { name: 'with real Envoys', args: ['--once'], sidecert: SIDECERT, envoy: envoyPath, skip, word: 'with real Envoys' },
  {
    name: 'without an Envoy, saying so, and all in JavaScript',
    args: ['--once', '--hot-path', 'js'],
    sidecert: UNBUNDLED_SIDECERT,
    envoy: 'none',
    skip: false,
    word: 'with stand-ins for Envoy',
  },
];
for (const { name, args, sidecert, envoy, skip, word } of stages) {
  t.test(`the demo keeps all its promises ${name}`, { skip, timeout: 250_000 }, async (t) => {
    const played = play(t, envoy, { args, sidecert });
    const lines = await played.lines();
    t.equal(await played.done, 0, 'exit code', { lines });
    t.strictSame(
      lines.filter((line) => line.includes(' to httpbin.')),
      MATRIX,
    );
    for (const promise of PROMISES)
      t.ok(
        lines.some((line) => promise.test(line)),
        String(promise),
      );
    t.ok(lines.some((line) => line.endsWith(`all 7 checks hold, ${word}`)));
    t.equal(
      lines.some((line) => line.includes('STAND')),
      envoy === 'none',
      'stand-ins are labelled',
    );
    await expectNoKeyMaterial(...scannedDirectories(t, Buffer.from(lines.join('\n'))));
    t.notMatch(lines.join('\n'), TOKEN);
    t.strictSame(await readdir(played.temporary), [], 'its directory has been removed');
  });
}

t.test('Ctrl-C ends the demo and all that it started', { timeout: 250_000 }, async (t) => {
  const { child, done, out, lines, temporary } = play(t, 'none', { args: [] });
  await out.line(/^rotation under load/);
  child.kill('SIGINT');
  t.equal(await done, 130);
  t.notOk(
    (await lines()).some((line) => line.startsWith('FAIL')),
    'what was interrupted has not failed',
  );
  t.strictSame(await readdir(temporary), []);
});

t.test('a part that does not start is named, and the exit code says so', { timeout: 250_000 }, async (t) => {
  const { done, lines, temporary } = play(t, '/bin/false');
  t.equal(await done, 1);
  t.ok((await lines()).some((line) => /^FAIL {2}Envoy of .* did not get ready/.test(line)));
  t.strictSame(await readdir(temporary), []);
});
