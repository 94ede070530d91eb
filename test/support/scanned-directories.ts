import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import type { Test } from 'tap';

/**
 * What the demo's scan for keys is given: the directory of workloads, with one file, and that of a CA, with a key which
 * shows that the scan is not blind.
 */
export function scannedDirectories(t: Test, content: Buffer): [workloads: string, citadel: string] {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' });
  const directory = t.testdir({ workloads: { file: content }, citadel: { 'ca-key.pem': key } });
  return [join(directory, 'workloads'), join(directory, 'citadel')];
}
