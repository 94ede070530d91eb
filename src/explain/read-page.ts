import { lstatSync, statSync } from 'node:fs';
import { errorCodeOf, messageOf } from '../errors/index.js';
import type { SymptomId } from '../symptoms/index.js';
import { readSmallFile } from '../system/small-files/index.js';
import { parseBoundedJson } from '../text/index.js';
import { askLocally, type LocalTarget, targetText } from './local-http.js';
import { askStatus } from './status/ask-status.js';

/** Where a page is: on this machine, or in a file. */
export type PageSource = { readonly address: LocalTarget } | { readonly path: string };

export type ReadPage =
  | {
      readonly kind: 'read';
      readonly document: unknown;
      readonly where: string;
      /** When it was asked for, in epoch milliseconds; `undefined` of a file. */
      readonly askedAtMs: number | undefined;
    }
  | { readonly kind: 'failed'; readonly reason: string; readonly symptom: SymptomId };

const TIMEOUT_MS = 5000;

/** A status page has 4 MB at most, the configuration dump of an Envoy of a mesh tens. */
const MAX_BYTES = 32 * 1024 * 1024;
const BOUNDS = { maxDepth: 64, maxParts: 2_000_000 };

/** A status page from an agent or a file. Resolves in any case. */
export async function readStatusPage(source: PageSource, now: () => number): Promise<ReadPage> {
  const target = targetOf(source);
  if (target === undefined) return readFile(source);
  const beganMs = now();
  const reply = await askStatus(target, TIMEOUT_MS);
  if (reply.kind === 'failed')
    return { kind: 'failed', reason: `${reply.reason}: ${reply.advice}`, symptom: reply.symptom };
  return { kind: 'read', document: reply.document, where: targetText(target), askedAtMs: (beganMs + now()) / 2 };
}

/** The configuration dump of an Envoy, from its admin pages or a file. Resolves in any case. */
export async function readConfigDump(source: PageSource): Promise<ReadPage> {
  const target = targetOf(source);
  if (target === undefined) return readFile(source);
  const where = targetText(target);
  try {
    const { status, body } = await askLocally(target, '/config_dump', { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
    if (status !== 200) throw new Error(`got HTTP status ${status}, expected the admin pages of an Envoy`);
    return {
      kind: 'read',
      document: documentOf(body, 'what an Envoy answers on /config_dump'),
      where,
      askedAtMs: undefined,
    };
  } catch (error) {
    return { kind: 'failed', reason: `${where}: ${messageOf(error)}`, symptom: 'status-unreachable' };
  }
}

const EXPECTED = 'what sidecert status --output json has written, or the /config_dump of an Envoy';

/** The parser's own words quote what is there, which may be a key. @throws Error that says what was met. */
function documentOf(bytes: Buffer, expected: string, what?: string): unknown {
  try {
    return parseBoundedJson(bytes, BOUNDS);
  } catch {
    const got = bytes.length === 0 ? 'nothing' : `${bytes.length} octets that are no JSON`;
    throw new Error(`${what === undefined ? '' : `${what}: `}got ${got}, expected ${expected}`);
  }
}

/** A path of what is not there is that of a file. */
function targetOf(source: PageSource): LocalTarget | undefined {
  if ('address' in source) return source.address;
  return lstatSync(source.path, { throwIfNoEntry: false })?.isSocket() ? { socketPath: source.path } : undefined;
}

async function readFile(source: PageSource): Promise<ReadPage> {
  const path = 'path' in source ? source.path : '';
  const what = `file ${path}`;
  try {
    const { content } = await readSmallFile(path, { what, code: 'ERR_CONFIG_INVALID', maxBytes: MAX_BYTES });
    return { kind: 'read', document: documentOf(content, EXPECTED, what), where: path, askedAtMs: undefined };
  } catch (error) {
    const isDenied =
      statSync(path, { throwIfNoEntry: false }) !== undefined &&
      errorCodeOf(error) === 'ERR_CONFIG_INVALID' &&
      /EACCES/.test(messageOf(error));
    return { kind: 'failed', reason: messageOf(error), symptom: isDenied ? 'status-locked' : 'status-unreachable' };
  }
}
