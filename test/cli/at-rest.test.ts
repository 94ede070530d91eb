import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { NO_ADDON } from '../hotpath/implementations.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));

/** Prints at its end what the process has loaded: modules of Node.js, and files. */
const TELL_LOADED = `
  process.on('exit', () => {
    const { writeSync } = require('node:fs');
    writeSync(1, [...process.moduleLoadList, ...Object.keys(require.cache), 'told'].join('\\n'));
  });`;

/** What an agent of one workload has loaded when it serves and is ended. */
async function loadedBy(t: Test, ...flags: string[]): Promise<string> {
  const ca = await FakeCaServer.start(t);
  const directory = shortDir(t);
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const args = [
    ...['agent', '--socket', join(directory, 's'), '--ca-address', ca.address, '--ca-root', file('root', ca.rootPem)],
    ...['--token-file', file('token', await new TokenIssuer().token('foo', 'sleep'))],
    ...['--namespace', 'foo', '--service-account', 'sleep', ...flags],
  ];
  // The runner of the tests gives processes that these start something of its own to load.
  const sidecert = ['env', '-u', 'NODE_OPTIONS', process.execPath, '--require', file('tell.cjs', TELL_LOADED), PROGRAM];
  const agent = new SidecertProcess(t, args, { sidecert });
  await agent.says('"svid issued"');
  agent.kill('SIGTERM');
  const { code, out } = await agent.whole();
  t.equal(code, 0);
  t.match(out, /told$/);
  return out;
}

t.test('an agent of one workload that serves has loaded neither threads nor what few agents need', async (t) => {
  const loaded = await loadedBy(t, '--hot-path', 'auto');
  // `worker_threads` is loaded by `inspector`, which says whether one is open; without threads it costs nothing more.
  t.same(loaded.match(/NativeModule (http2?|zlib|dns)$/gm), null);
  // The servers of Node.js, which listen where there is no addon, load it.
  if (NO_ADDON === false) t.notMatch(loaded, /NativeModule child_process$/m);
  t.same(loaded.match(/dist\/packages\/.*/g), null);
});

t.test('an agent with the hot path in JavaScript never touches the addon', { skip: NO_ADDON }, async (t) => {
  t.match(await loadedBy(t, '--hot-path', 'auto'), /sidecert\.node$/m);
  t.notMatch(await loadedBy(t, '--hot-path', 'js'), /sidecert\.node$/m);
});
