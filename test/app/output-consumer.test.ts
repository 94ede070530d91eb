import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { Written } from '../support/written.js';

/** One connection, verified against the root; resolves with the serial of the server's leaf, small letters. */
async function serialOf(port: number, ca: Buffer): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  let text = '';
  for await (const chunk of socket) text += chunk;
  if (text !== 'served\n') throw new Error(`got ${JSON.stringify(text)}, expected served`);
  return serialNumber.toLowerCase();
}

t.test('a server without SDS serves each new certificate after SIGHUP, and no handshake fails', async (t) => {
  const [path, pidFile] = [shortDir(t), join(shortDir(t), 'server.pid')];
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'issues', lifeMs: 60_000 };
  const flags = { 'output-certs': path, 'on-rotate': `SIGHUP:${pidFile}`, 'renew-at': '0.04' };
  const { logger } = await startSidecarAgent(t, { ca, flags });
  await logger.until('svid files written');
  const script = fileURLToPath(new URL('../support/reloading-server.js', import.meta.url));
  const server = spawn(process.execPath, [script, path, pidFile], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => server.kill('SIGKILL'));
  const said = await new Written(server.stdout, 'the server').line('port ');
  const port = Number(said.slice('port '.length));
  const seen = new Set<string>();
  let handshakes = 0;
  while (seen.size < 3) {
    seen.add(await serialOf(port, ca.rootPem));
    handshakes += 1;
  }
  t.ok(handshakes >= 3);
  // The server may have been told of the last one before the log is.
  const writes = async (serial: string): Promise<void> => {
    const isThere = () => logger.of('svid files written').some(({ fields }) => fields.serial === serial);
    while (!isThere()) await logger.until('svid files written', logger.of('svid files written').length + 1);
  };
  // All of them are those of the files.
  for (const serial of seen) await writes(serial);
  t.equal(server.exitCode, null);
});
