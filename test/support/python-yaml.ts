import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCRIPT = fileURLToPath(new URL('../../../test/support/read_yaml.py', import.meta.url));

/** PyYAML, where `npm test` says that it is, or why a test has to go without. */
export function pythonYaml(): { path: string; skip: string | false } {
  const path = process.env.PYYAML_PATH;
  const isThere = path !== undefined && path !== '' && path !== 'none';
  return { path: path ?? '', skip: isThere ? false : 'no PyYAML: npm test fetches it with Python and pip' };
}

/** What a reader of YAML 1.1 that is not ours makes of the files. */
export function readAsYaml11(files: readonly string[]): Promise<unknown[]> {
  return read(files);
}

/** The same of all documents of one file. */
export async function readDocumentsAsYaml11(file: string): Promise<unknown> {
  const [documents] = await read(['--all', file]);
  return documents;
}

async function read(args: readonly string[]): Promise<unknown[]> {
  const env = { ...process.env, PYTHONPATH: pythonYaml().path, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await promisify(execFile)('python3', [SCRIPT, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}
