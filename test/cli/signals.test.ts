import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { UNBUNDLED_SIDECERT as sidecert } from '../support/mesh.js';
import { openSdsClient } from '../support/sds-client.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';

const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

/** An agent whose CA is away, up to its ready line. */
async function startAgent(t: Test, { env = {}, level = 'info' } = {}) {
  const directory = shortDir(t);
  const [socket, root] = [join(directory, 's'), join(directory, 'root.pem')];
  await writeFile(root, TestCa.root().certificatePem);
  const agent = new SidecertProcess(
    t,
    [
      ...['agent', '--socket', socket, '--ca-address', '127.0.0.1:1', '--ca-root', root, '--log-level', level],
      ...['--token-file', root, '--namespace', 'foo', '--service-account', 'sleep'],
    ],
    { sidecert, env },
  );
  await agent.says('"agent ready"');
  return { agent, socket };
}

/** A proxy that never ends its stream: a shutdown waits for it for two seconds. */
async function holdOpen(t: Test, path: string): Promise<void> {
  const session = connect('http://localhost', { createConnection: () => createConnection(path) });
  t.teardown(() => session.destroy());
  session.on('error', () => {});
  await once(session, 'connect');
  const headers = { ':method': 'POST', ':path': STREAM_SECRETS, 'content-type': 'application/grpc', te: 'trailers' };
  session
    .request(headers, { endStream: false })
    .on('error', () => {})
    .resume();
  // Frames are answered in their order: with the answer to the ping the stream is there, too.
  await new Promise<void>((resolve, reject) => {
    session.ping((error) => (error ? reject(error) : resolve()));
  });
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} ends an agent cleanly: streams with OK, the socket gone, code 0`, async (t) => {
    const { agent, socket } = await startAgent(t);
    const envoy = openSdsClient(t, socket);
    envoy.request({ names: ['default'], nodeId: 'envoy' });
    await envoy.expectSilence();
    agent.kill(signal);
    t.match(await envoy.ended, { code: 0 });
    t.equal(await agent.ended, 0);
    t.notOk(existsSync(socket));
    t.match(agent.err, new RegExp(`"shutting down","signal":"${signal}"`));
    t.match(agent.err, /"stopped"}\n$/);
  });
}

for (const [first, second] of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGINT', 'SIGINT'],
  ['SIGTERM', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
] as const) {
  t.test(
    `${second} after ${first} ends an agent at once, with code 1, when somebody holds its shutdown up`,
    async (t) => {
      const { agent, socket } = await startAgent(t);
      await holdOpen(t, socket);
      agent.kill(first);
      await agent.says('"shutting down"');
      agent.kill(second);
      t.equal(await agent.ended, 1);
      t.notMatch(agent.err, /"stopped"/);
    },
  );
}

t.test('an error that nobody has caught is logged, and ends the agent with code 1', async (t) => {
  const planted = "process.on('SIGUSR2', () => { throw new Error('planted') })";
  for (const code of [planted, planted.replace('throw', 'return Promise.reject(').replace("')", "'))")]) {
    const env = { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import data:text/javascript,${encodeURI(code)}` };
    const { agent } = await startAgent(t, { env });
    agent.kill('SIGUSR2');
    t.equal(await agent.ended, 1);
    t.match(agent.err, /"level":"error","msg":"unexpected error, ending","error":"Error: planted\\n/);
  }
});

t.test('an agent whose log nobody reads any more serves on', async (t) => {
  const { agent, socket } = await startAgent(t, { level: 'debug' });
  agent.hangUp('stderr');
  const envoy = openSdsClient(t, socket);
  for (const names of [['default'], ['default', 'ROOTCA']]) {
    envoy.request({ names, nodeId: 'envoy' });
    await envoy.expectSilence();
  }
  agent.kill('SIGTERM');
  t.equal(await agent.ended, 0);
});

t.test('who reads the help only in part is not told of a broken pipe', async (t) => {
  const help = new SidecertProcess(t, ['agent', '--help'], { sidecert });
  help.hangUp('stdout');
  t.equal(await help.ended, 0);
  t.equal(help.err, '');
});

for (const { name, end, code } of [
  { name: 'a signal', end: (demo: SidecertProcess) => demo.kill('SIGTERM'), code: 130 },
  { name: 'a reader that has gone', end: (demo: SidecertProcess) => demo.hangUp('stdout'), code: 130 },
]) {
  t.test(`${name} ends the demo and all that it has started`, async (t) => {
    const temporary = shortDir(t);
    const demo = new SidecertProcess(t, ['demo'], { sidecert, env: { ENVOY_PATH: 'none', TMPDIR: temporary } });
    await demo.prints('starting 4 agents');
    end(demo);
    t.equal(await demo.ended, code);
    t.equal(demo.err, '');
    t.strictSame(await readdir(temporary), []);
  });
}
