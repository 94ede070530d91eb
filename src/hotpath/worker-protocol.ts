import { IdentityError } from '../errors/index.js';
import type { PrepareRequest } from './hot-path.js';
import type { HotPathKind, IssueItem, Operation, Operations } from './implementation.js';
import type { Job } from './job.js';

/**
 * What travels between the pool and its threads. Both sides check the arguments: the pool, so that one bad request
 * cannot spoil the batch it would travel in, and the thread, which gets each Buffer as a plain Uint8Array.
 */

export interface BatchMessage<O extends Operation = Operation> {
  readonly op: O;
  readonly items: readonly Operations[O]['item'][];
}

/** What a thread is told at its start. */
export interface ThreadSettings {
  readonly kind: HotPathKind;
  readonly niceness: number;
}

type Reader<T> = (item: unknown) => T;

/**
 * Reads the item of an operation from what came as its argument.
 * @throws IdentityError `ERR_INTERNAL`: an argument of another type than the interface says.
 */
export const readItem: { readonly [O in Operation]: Reader<Operations[O]['item']> } = {
  prepare: (item) => {
    const fields = new Fields('prepare', item);
    // keyType: an unknown text is the implementation's to refuse, with a code of its own.
    return { spiffeId: fields.text('spiffeId'), keyType: fields.text('keyType') as PrepareRequest['keyType'] };
  },
  seal: (item) => {
    const fields = new Fields('seal', item);
    return {
      privateKey: fields.bytes('privateKey'),
      chainPem: fields.bytes('chainPem'),
      bundlePem: fields.bytes('bundlePem'),
      spiffeId: fields.text('spiffeId'),
      nowMs: fields.epochMs('nowMs'),
      minLifeMs: fields.epochMs('minLifeMs'),
      maxAheadMs: fields.value('maxAheadMs') === undefined ? 0 : fields.epochMs('maxAheadMs'),
    };
  },
  issue: (item) => readIssue('issue', item),
  draft: (item) => readIssue('draft', item),
};

function readIssue(op: 'issue' | 'draft', item: unknown): IssueItem {
  const fields = new Fields(op, item);
  const material = new Fields(`${op} signer`, fields.value('signer'));
  return {
    csrPem: fields.bytes('csrPem'),
    signer: {
      id: material.text('id'),
      certificateDer: material.sharedMemory('certificateDer'),
      privateKeyDer: material.sharedMemory('privateKeyDer'),
    },
    subjectAltNames: fields.texts('subjectAltNames'),
    notBeforeMs: fields.epochMs('notBeforeMs'),
    notAfterMs: fields.epochMs('notAfterMs'),
  };
}

/** Dates beyond year 9999 have no spelling in a certificate. (RFC 5280 §4.1.2.5.2) */
const MAX_EPOCH_MS = Date.UTC(10_000, 0) - 1;

/**
 * Typed access to the properties of an unknown value; each refusal says which one. It shows no value: it may be a key.
 */
class Fields {
  private readonly what: string;
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(what: string, item: unknown) {
    this.what = what;
    // Whatever it is, its properties may be asked for.
    this.values = Object(item) as Record<string, unknown>;
  }

  value(name: string): unknown {
    return this.values[name];
  }

  text(name: string): string {
    const value = this.values[name];
    return typeof value === 'string' ? value : this.refuse(name, 'text');
  }

  texts(name: string): string[] {
    const value = this.values[name];
    const isList = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
    return isList ? value : this.refuse(name, 'a list of at least one text');
  }

  bytes(name: string): Buffer {
    const value = this.values[name];
    return value instanceof Uint8Array ? asBuffer(value) : this.refuse(name, 'a Buffer');
  }

  sharedMemory(name: string): SharedArrayBuffer {
    const value = this.values[name];
    return value instanceof SharedArrayBuffer ? value : this.refuse(name, 'a SharedArrayBuffer');
  }

  epochMs(name: string): number {
    const value = this.values[name];
    const isTime = typeof value === 'number' && value >= 0 && value <= MAX_EPOCH_MS;
    return isTime ? value : this.refuse(name, `milliseconds from 0 to ${MAX_EPOCH_MS}`);
  }

  private refuse(name: string, expected: string): never {
    const message = `${this.what} ${name}: got ${typeof this.values[name]}, expected ${expected}`;
    throw new IdentityError('ERR_INTERNAL', message);
  }
}

/**
 * The message to a thread. A private key goes as a copy in memory that is moved to the thread, which wipes it: without
 * the move, the message itself would hold the key, which cannot be wiped.
 */
export function toMessage({ op, jobs }: { op: Operation; jobs: readonly Job[] }): {
  message: BatchMessage;
  transferList: ArrayBuffer[];
} {
  const transferList: ArrayBuffer[] = [];
  const items = jobs.map(({ item }) => {
    if (!('privateKey' in item)) return item;
    const memory = new ArrayBuffer(item.privateKey.length);
    const privateKey = Buffer.from(memory);
    item.privateKey.copy(privateKey);
    transferList.push(memory);
    return { ...item, privateKey };
  });
  return { message: { op, items }, transferList };
}

/** The same memory as a Buffer: messages between threads keep bytes, but not the class. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The Buffers among the properties of a result. */
export function buffersOf(value: object): Buffer[] {
  return Object.values(value).filter((part) => Buffer.isBuffer(part));
}

/** Which parts of a result are bytes. */
const BYTES: { readonly [O in Operation]: readonly (keyof Operations[O]['value'])[] } = {
  prepare: ['privateKey', 'csrPem'],
  seal: ['certificateBody', 'bundleBody'],
  issue: ['leafPem'],
  draft: ['toBeSigned'],
};

/** Which of them are private keys, or hold one. */
const SECRETS: { readonly [O in Operation]: readonly (keyof Operations[O]['value'])[] } = {
  prepare: ['privateKey'],
  seal: ['certificateBody'],
  issue: [],
  draft: [],
};

/** Overwrites the keys in a result that has no caller any more. */
export function wipeSecrets<O extends Operation>(op: O, value: Operations[O]['value']): void {
  const parts = value as unknown as Record<keyof Operations[O]['value'], unknown>;
  for (const name of SECRETS[op]) {
    const part = parts[name];
    if (part instanceof Uint8Array) part.fill(0);
  }
}

/** Makes a result what it was when it left the thread: its bytes are Buffers again. */
export function revive<O extends Operation>(op: O, value: Operations[O]['value']): Operations[O]['value'] {
  const parts = value as unknown as Record<keyof Operations[O]['value'], unknown>;
  for (const name of BYTES[op]) {
    const part = parts[name];
    if (part instanceof Uint8Array) parts[name] = asBuffer(part);
  }
  return value;
}
