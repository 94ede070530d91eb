import { checkPolicyFile, testPolicyFile } from '../app/index.js';
import type { PolicyCheckConfig, PolicyTestConfig } from '../config/index.js';
import { readSmallFile } from '../system/small-files/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, print, printError } from './process.js';

/** `sidecert policy check`: all problems on a line each. */
export async function runPolicyCheck(config: PolicyCheckConfig): Promise<number> {
  const { rules, problems } = await checkPolicyFile(config);
  if (problems.length === 0) {
    print(`${config.policyFile}: good, rules: ${rules}\n`);
    return Exit.ok;
  }
  for (const problem of problems) printError(`${redact(`${config.policyFile}: ${problem}`)}\n`);
  return Exit.failed;
}

/** `sidecert policy test`: exit code 0 when a certificate would be issued. */
export async function runPolicyTest(config: PolicyTestConfig): Promise<number> {
  const { lines, isIssued } = await testPolicyFile(config, await readToken(config.tokenFile), Date.now());
  print(`${redact(lines.join('\n'))}\n`);
  return isIssued ? Exit.ok : Exit.failed;
}

/** More than any token; what is longer is refused by its reader. */
const MAX_TOKEN_FILE_BYTES = 64 * 1024;

/** Of a file, or of the standard input; without the line end that editors and shells put behind it. */
async function readToken(path: string): Promise<Buffer> {
  const limits = { what: `token ${path}`, code: 'ERR_TOKEN_MISSING', maxBytes: MAX_TOKEN_FILE_BYTES } as const;
  const content = path === '-' ? await readStandardInput() : (await readSmallFile(path, limits)).content;
  return Buffer.from(content.toString('latin1').trim(), 'latin1');
}

async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_TOKEN_FILE_BYTES) break;
  }
  return Buffer.concat(chunks);
}
