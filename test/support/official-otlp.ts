import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../test/support/read_otlp.py', import.meta.url));

/** The official messages of OTLP for Python, where `npm test` says that they are, or why a test has to go without. */
export function officialOtlp(): { path: string; skip: string | false } {
  const path = process.env.OTLP_PROTO_PATH;
  const isThere = path !== undefined && path !== '' && path !== 'none';
  return {
    path: path ?? '',
    skip: isThere ? false : 'no opentelemetry-proto: npm test fetches it with Python and pip',
  };
}

/** What the official definitions make of requests: JSON as OpenTelemetry's own tools print it. */
export function readAsOfficialOtlp(bodies: readonly Buffer[]): { request: unknown; hasUnknownFields: boolean }[] {
  const env = { ...process.env, PYTHONPATH: officialOtlp().path, PYTHONDONTWRITEBYTECODE: '1' };
  const input = bodies.map((body) => `${body.toString('base64')}\n`).join('');
  return JSON.parse(execFileSync('python3', [SCRIPT], { env, input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }));
}
