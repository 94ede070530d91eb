import { readFile, writeFile } from 'node:fs/promises';
import { text as allOf } from 'node:stream/consumers';
import { injectManifests } from '../app/index.js';
import type { KubeInjectConfig } from '../config/index.js';
import { redact } from '../telemetry/index.js';
import { clipped } from '../text/index.js';
import { Exit, print, printError } from './process.js';

/**
 * `sidecert kube-inject`. Nothing is printed unless all of it is right: what reads it would apply one half.
 * @throws Error of the system, when a file cannot be read or written.
 */
export async function runKubeInject({ files, output, isUninject, ...settings }: KubeInjectConfig): Promise<number> {
  const texts: string[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const text = file === '-' ? await allOf(process.stdin) : await readFile(file, 'utf8');
    const result = await injectManifests(file === '-' ? 'stdin' : file, text, isUninject ? undefined : settings);
    if (result.kind === 'invalid') problems.push(...result.problems);
    else {
      texts.push(result.text);
      for (const note of result.notes) say(note);
    }
  }
  for (const problem of problems) say(problem);
  if (problems.length > 0) return Exit.failed;
  const text = texts.reduce(joined);
  if (output === undefined) print(text);
  else await writeFile(output, text);
  return Exit.ok;
}

/** Two files as one, with a line between them that ends a document. */
function joined(first: string, second: string): string {
  const end = first === '' || first.endsWith('\n') ? '' : '\n';
  return `${first}${end}${/^---/.test(second) ? '' : '---\n'}${second}`;
}

const MAX_COMPLAINT_CHARS = 2000;

/** A manifest may hold anything, and a complaint quotes it. */
function say(text: string): void {
  printError(`sidecert kube-inject: ${clipped(redact(text), MAX_COMPLAINT_CHARS)}\n`);
}
