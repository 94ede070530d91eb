import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { shortDir } from '../support/short-dir.js';
import { type Builder, type CommandLine, findBuilder } from './builder.js';
import { execForm, stagesOf, valuesOf } from './dockerfile.js';
import { findHadolint } from './hadolint.js';
import { type Outcome, outcomeOf, run } from './run.js';

/** build/test/image/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A build installs all packages anew: 20 to 40 s on two cores. Far above it, so that only a hang meets it. */
const BUILD_LIMIT_MS = 300_000;
t.setTimeout(BUILD_LIMIT_MS);

const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
const stages = stagesOf(dockerfile);
const [buildStage = [], image = []] = stages;
const entrypoint = execForm(valuesOf(image, 'ENTRYPOINT')[0]) ?? [];
const healthCheck = execForm(valuesOf(image, 'HEALTHCHECK')[0]) ?? [];
const [node = ''] = entrypoint;

t.test('the Dockerfile pleases hadolint', async (t) => {
  const hadolint = await findHadolint(ROOT);
  if ('reason' in hadolint) {
    t.pass('hadolint cannot be had here', { skip: hadolint.reason });
    return;
  }
  const { code, output } = await run(hadolint.path, ['--no-color', 'Dockerfile'], ROOT);
  t.equal(output, '');
  t.equal(code, 0);
});

t.test('the image starts from nothing, and its build from an argument with a pinned tag', async (t) => {
  t.equal(stages.length, 2);
  t.strictSame(valuesOf(buildStage, 'FROM'), [`\${BUILD_IMAGE} AS build`]);
  t.match(dockerfile, /^ARG BUILD_IMAGE=node:\d+\.\d+\.\d+-[a-z-]+$/m);
  t.strictSame(valuesOf(image, 'FROM'), ['scratch']);
});

t.test('the image runs as user 65532, without a shell, and stops by SIGTERM', async (t) => {
  t.strictSame(valuesOf(image, 'USER'), ['65532:65532']);
  t.strictSame(valuesOf(image, 'STOPSIGNAL'), ['SIGTERM']);
  t.strictSame(valuesOf(image, 'RUN'), [], 'nothing is run in the final stage');
  t.strictSame(
    stages.flatMap((stage) => valuesOf(stage, 'ADD')),
    [],
    'COPY does all',
  );
  t.equal(entrypoint.length, 2, 'the entry point is in exec form');
  t.strictSame(healthCheck, [...entrypoint, 'health'], 'so is the health check, and it asks the same program');
});

t.test('the image bears the version of the package', async (t) => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  t.strictSame(valuesOf(image, 'ARG'), [`VERSION=${version}`]);
});

t.test('a build sees only what the Dockerfile copies', async (t) => {
  const rules = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).split('\n').filter((line) => /^[^#]/.test(line));
  const copied = [...buildStage, ...image]
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
    .flatMap(({ rest }) => rest.split(' ').slice(0, -1));
  t.equal(rules[0], '*', 'everything is left out first');
  t.strictSame(rules.slice(1).sort(), copied.map((path) => `!${path}`).sort());
});

t.test('the image, built and run', { timeout: BUILD_LIMIT_MS }, async (t) => {
  const baseImage = /^ARG BUILD_IMAGE=(.*)$/m.exec(dockerfile)?.[1] ?? '';
  const builder = await findBuilder(baseImage);
  if ('reason' in builder) {
    t.pass('no image builder here', { skip: builder.reason });
    return;
  }
  t.teardown(() => builder.close());
  await builder.build(ROOT);

  t.test('says its version', async (t) => {
    const { code, output } = await runOnce(builder, [...entrypoint, 'version']);
    t.match(output, /^sidecert \d+\.\d+\.\d+ \(node .*, hot path native\)/);
    t.equal(code, 0);
  });

  t.test('runs as user 65532 in a process that others of that user cannot dump', async (t) => {
    // The kernel gives the files of a process that it will not dump to root. (proc(5), /proc/pid)
    const script = 'console.log(process.getuid(), fs.statSync("/proc/self/environ").uid)';
    const { output } = await runOnce(builder, [node, '-e', script]);
    t.equal(output.trim(), '65532 0');
  });

  t.test('is healthy as Citadel and as agent, by the health check of the image', async (t) => {
    const state = join(shortDir(t), 'state');
    const sockets = join(shortDir(t), 'sockets');
    for (const directory of [state, sockets]) {
      await mkdir(directory);
      await chmod(directory, 0o777);
    }
    await writeTokenAndKeys(state);
    const volumes = { '/state': state, '/var/run/secrets/workload-spiffe-uds': sockets };

    const citadel = await start(t, builder, volumes, [
      ...['citadel', '--listen', '127.0.0.1:0', '--root-cert-out', '/state/root-cert.pem'],
      ...['--jwks', '/state/jwks.json', '--token-issuer', 'https://issuer.test'],
    ]);
    const address = await citadel.lineField('address');
    const citadelEnv = {
      SIDECERT_SOCKET: '',
      SIDECERT_ADDRESS: address.replace('127.0.0.1', 'localhost'),
      SIDECERT_CA_ROOT: '/state/root-cert.pem',
    };
    t.match(await citadel.health(citadelEnv), { code: 0, output: /^SERVING$/m });

    const agent = await start(t, builder, volumes, [
      ...['agent', '--ca-address', address, '--ca-root', '/state/root-cert.pem', '--token-file', '/state/token'],
      ...['--namespace', 'foo', '--service-account', 'sleep'],
    ]);
    await agent.lineField('serial');
    t.match(await agent.health({}), { code: 0, output: /^SERVING$/m });
    t.equal((await agent.stop()).code, 0, 'the agent ends cleanly by SIGTERM');
    t.equal((await citadel.stop()).code, 0, 'and so does Citadel');
  });
});

async function runOnce(builder: Builder, words: readonly string[]): Promise<Outcome> {
  const [program, ...args] = await builder.runCommand(`sidecert-${randomUUID()}`, words);
  return run(program, args);
}

/** Starts a long-lived command of the image, which logs one JSON object per line. */
async function start(t: Test, builder: Builder, volumes: Record<string, string>, args: readonly string[]) {
  const container = `sidecert-${randomUUID()}`;
  const [program, ...words] = await builder.runCommand(container, [...entrypoint, ...args], { volumes });
  const child = spawn(program, words, { stdio: 'pipe' });
  const ended = outcomeOf(child);
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  return {
    /** The value of `field` in the next log line that has it. */
    async lineField(field: string): Promise<string> {
      for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
        const value: unknown = parsed(line.value)[field];
        if (typeof value === 'string') return value;
      }
      throw new Error(`ended without a log line with ${field}: ${(await ended).output}`);
    },
    health(env: Readonly<Record<string, string>>): Promise<Outcome> {
      const [program, ...words]: CommandLine = builder.execCommand(container, healthCheck, { env, volumes });
      return run(program, words);
    },
    async stop(): Promise<Outcome> {
      if (child.pid !== undefined) process.kill(await builder.signalledPid(child.pid), 'SIGTERM');
      return ended;
    },
  };
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}

/** A service-account token of foo/sleep, and the keys to verify it with. */
async function writeTokenAndKeys(directory: string): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' };
  const token = await new SignJWT({ 'kubernetes.io': { namespace: 'foo', serviceaccount: { name: 'sleep' } } })
    .setProtectedHeader({ alg: 'ES256', kid: 'test' })
    .setIssuer('https://issuer.test')
    .setAudience('istio-ca')
    .setSubject('system:serviceaccount:foo:sleep')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);
  await writeFile(join(directory, 'jwks.json'), JSON.stringify({ keys: [jwk] }));
  await writeFile(join(directory, 'token'), token);
}
