import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CancelSignal } from '../../cancellation/index.js';
import { errorCodeOf } from '../../errors/index.js';
import { type ApiClient, CONFIG_MAPS } from '../../kubernetes/api/index.js';
import {
  lifeOfProcess,
  makeDirectory,
  markProcess,
  type ProcessLife,
  type ProcessMark,
  pathError,
  readIfThere,
  removeEndedMark,
  writeWhole,
} from '../../system/small-files/index.js';
import { KNOWN_SINCE, REPORTS_NAME } from './replica-report.js';

type Texts = Readonly<Record<string, string>>;
type Changes = Readonly<Record<string, string | null>>;

/** Where all Citadels of one authority tell what they have issued: texts by keys. */
export interface ReportBoard {
  /** As messages name it. */
  readonly name: string;
  /** All that it has after these changes, `null` taking a key away; `undefined` when it is not there. */
  change(changes: Changes, signal?: CancelSignal): Promise<Texts | undefined>;
  /** Makes it, with these. */
  make(changes: Changes, signal?: CancelSignal): Promise<Texts>;
  /** What it has. */
  read(): Promise<Texts>;
  /** Lets others learn whether the process of this key runs; left out where they cannot. */
  mark?(key: string): Promise<ProcessMark | undefined>;
}

/** That of one machine. */
export interface DirectoryBoard extends ReportBoard {
  /** Of the process of this key, which has marked itself under this boot of the system. */
  life(key: string, bootId: string): Promise<ProcessLife>;
}

/** A ConfigMap beside the Secret of the authority. */
export function configMapBoard(client: ApiClient, namespace: string): ReportBoard {
  const place = { namespace, name: REPORTS_NAME };
  const limits = (signal: CancelSignal | undefined) => (signal === undefined ? {} : { signal });
  return {
    name: `ConfigMap ${namespace}/${REPORTS_NAME}`,
    async change(data, signal) {
      const patched = await orAbsent(client.patch('merge', CONFIG_MAPS, place, { data }, limits(signal)));
      return patched?.data;
    },
    async make(data, signal) {
      return (await client.patch('apply', CONFIG_MAPS, place, { data }, limits(signal))).data;
    },
    read: async () => (await orAbsent(client.get(CONFIG_MAPS, place)))?.data ?? {},
  };
}

/** In a CA directory, beside the sets of its files. */
const BOARD = '.citadels';

const WRITABLE = 'a directory that this user can write to';

/** A report has ten names of each list. */
const MAX_REPORT_BYTES = 256 * 1024;

/** Behind the key, the socket file of its process. */
const MARK = '.process';

/** A process tells as soon as it has its mark; one that cannot write for so long makes that again. */
const LITTER_MS = 3_600_000;

/** What is no key of a Citadel is not read: a name of a host and random digits, or {@link KNOWN_SINCE}. */
const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]*\.[0-9a-f]{8}$/;

/** Files of a CA directory, for the Citadels of one machine. They hold names and fingerprints, no keys. */
export function directoryBoard(directory: string): DirectoryBoard {
  const place = join(directory, BOARD);
  const markOf = (key: string): string => join(place, `${key}${MARK}`);
  const isKey = (name: string): boolean => name === KNOWN_SINCE || KEY.test(name);
  const read = async (): Promise<Texts> => {
    const texts: Record<string, string> = {};
    for (const key of (await namesIn(place)) ?? []) {
      const path = join(place, key);
      const options = { what: path, code: 'ERR_SIGNER_INVALID', maxBytes: MAX_REPORT_BYTES } as const;
      const file = isKey(key) ? await readIfThere(path, options) : undefined;
      if (file !== undefined) texts[key] = file.content.toString('utf8');
    }
    return texts;
  };
  const remove = async (key: string): Promise<void> => {
    await rm(join(place, key), { force: true });
    await removeEndedMark(markOf(key));
  };
  /** Of processes that were killed before they had told anything. */
  const sweep = async (texts: Texts): Promise<void> => {
    for (const name of (await namesIn(place)) ?? []) {
      const key = name.slice(0, -MARK.length);
      if (!name.endsWith(MARK) || !isKey(key) || key in texts) continue;
      const { mtimeMs } = await stat(join(place, name)).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (Date.now() - mtimeMs >= LITTER_MS) await removeEndedMark(markOf(key));
    }
  };
  const apply = async (changes: Changes): Promise<Texts> => {
    try {
      for (const [key, text] of Object.entries(changes)) {
        if (text === null) await remove(key);
        else await writeWhole(join(place, key), Buffer.from(text), 0o600);
      }
      const texts = await read();
      await sweep(texts);
      return texts;
    } catch (error) {
      throw pathError('ERR_SIGNER_INVALID', place, error, WRITABLE);
    }
  };
  return {
    name: place,
    change: async (changes) => ((await namesIn(place)) === undefined ? undefined : apply(changes)),
    async make(changes) {
      await makeDirectory(place, 0o700).catch((error: unknown) => {
        throw pathError('ERR_SIGNER_INVALID', place, error, WRITABLE);
      });
      return apply(changes);
    },
    read,
    async mark(key) {
      await makeDirectory(place, 0o700);
      return markProcess(markOf(key));
    },
    life: (key, bootId) => lifeOfProcess(markOf(key), bootId),
  };
}

/** `undefined` when there is no such directory. */
async function namesIn(directory: string): Promise<string[] | undefined> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw pathError('ERR_SIGNER_INVALID', directory, error, 'a directory that this user can read');
  }
}

/** `undefined` when there is no such object. */
async function orAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (errorCodeOf(error) === 'ERR_KUBERNETES_NOT_FOUND') return undefined;
    throw error;
  }
}
