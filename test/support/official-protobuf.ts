import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { grpcCore } from './grpc-core.js';

// The build has no Python in it: the script lies where this file was written.
const SCRIPT = fileURLToPath(new URL('../../../test/support/python_protobuf_verdicts.py', import.meta.url));

/**
 * Whether Google's own library (upb, which comes with gRPC's C core) parses each of these messages; all fields are
 * unknown to it.
 */
export function officialVerdicts(messages: readonly Buffer[]): ('read' | 'refused')[] {
  const env = { ...process.env, PYTHONPATH: grpcCore().path, PYTHONDONTWRITEBYTECODE: '1' };
  const input = messages.map((message) => `${message.toString('hex')}\n`).join('');
  const { status, stdout, stderr } = spawnSync('python3', [SCRIPT], { env, input, maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`python3 ended with ${status}: ${stderr}`);
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => (line === 'read' ? 'read' : 'refused'));
}
