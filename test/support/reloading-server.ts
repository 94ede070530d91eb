/** A TLS server without SDS: reads its files at start and at SIGHUP. Writes its port, and that it has reloaded. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { readWhole } from './output-sets.js';

const [directory = '', pidFile = ''] = process.argv.slice(2);
const files = () => ({
  cert: readFileSync(join(directory, 'cert-chain.pem')),
  key: readFileSync(join(directory, 'key.pem')),
});
// Nothing tells it to read again before its pid file is there.
const { chain, key } = readWhole(directory);
const server = createServer({ cert: chain, key }, (socket) => socket.end('served\n'));
server.on('tlsClientError', () => {});
process.on('SIGHUP', () => {
  try {
    server.setSecureContext(files());
    process.stdout.write('reloaded\n');
  } catch {
    // Key and chain of two SVIDs, when it was slow: the signal of the second one is on its way.
  }
});
server.listen(0, '127.0.0.1', () => {
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o644 });
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`);
});
