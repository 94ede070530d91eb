import { IdentityError } from '../errors/index.js';
import { CSR_SUBJECTS, KEY_FORMS, type PrepareRequest } from './hot-path.js';
import type { HotPathKind, Operation, Operations } from './implementation.js';
import type { Job } from './job.js';

/**
 * What travels between the pool and its threads. Both sides check the arguments: the pool, so that one bad request
 * cannot spoil the batch it would travel in, and the thread, which gets each Buffer as a plain Uint8Array.
 */

export interface Batch<O extends Operation = Operation> {
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
    const fields = fieldsOf('prepare', item);
    // keyType: an unknown text is the implementation's to refuse, with a code of its own.
    return {
      spiffeId: fields.text('spiffeId'),
      keyType: fields.text('keyType') as PrepareRequest['keyType'],
      ...fields.choice('subject', CSR_SUBJECTS),
    };
  },
  seal: (item) => {
    const fields = fieldsOf('seal', item);
    return {
      privateKey: fields.bytes('privateKey'),
      chainPem: fields.bytes('chainPem'),
      bundlePem: fields.bytes('bundlePem'),
      spiffeId: fields.text('spiffeId'),
      nowMs: fields.epochMs('nowMs'),
      minLifeMs: fields.epochMs('minLifeMs'),
      ...fields.choice('keyForm', KEY_FORMS),
    };
  },
  issue: (item) => {
    const fields = fieldsOf('issue', item);
    const material = fieldsOf('issue signer', fields.value('signer'));
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
  },
};

/** Dates beyond year 9999 have no spelling in a certificate. (RFC 5280 §4.1.2.5.2) */
const MAX_EPOCH_MS = Date.UTC(10_000, 0) - 1;

/** Typed access to the properties of an unknown value; each refusal says which one. It shows no value: it may be a key. */
function fieldsOf(what: string, item: unknown) {
  const fields: Record<string, unknown> = typeof item === 'object' && item !== null ? { ...item } : {};
  const refuse = (name: string, expected: string): never => {
    throw new IdentityError('ERR_INTERNAL', `${what} ${name}: got ${typeof fields[name]}, expected ${expected}`);
  };
  return {
    value: (name: string): unknown => fields[name],
    text: (name: string): string => {
      const value = fields[name];
      return typeof value === 'string' ? value : refuse(name, 'text');
    },
    texts: (name: string): string[] => {
      const value = fields[name];
      const isList = Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');
      return isList ? value : refuse(name, 'a list of at least one text');
    },
    bytes: (name: string): Buffer => {
      const value = fields[name];
      return value instanceof Uint8Array ? asBuffer(value) : refuse(name, 'a Buffer');
    },
    sharedMemory: (name: string): SharedArrayBuffer => {
      const value = fields[name];
      return value instanceof SharedArrayBuffer ? value : refuse(name, 'a SharedArrayBuffer');
    },
    /** What may be left out, by its name, when it is there. */
    choice: <N extends string, T extends string>(name: N, values: readonly T[]): { readonly [K in N]?: T } => {
      const value = fields[name];
      if (value === undefined) return {};
      const chosen = values.find((known) => known === value) ?? refuse(name, values.join(' or '));
      return { [name]: chosen } as { readonly [K in N]?: T };
    },
    epochMs: (name: string): number => {
      const value = fields[name];
      const isTime = typeof value === 'number' && value >= 0 && value <= MAX_EPOCH_MS;
      return isTime ? value : refuse(name, `milliseconds from 0 to ${MAX_EPOCH_MS}`);
    },
  };
}

/**
 * The message to a thread. A private key goes as a copy in memory that is moved to the thread, which wipes it: without
 * the move, the message itself would hold the key, and nobody could wipe that.
 */
export function toMessage({ op, jobs }: { op: Operation; jobs: readonly Job[] }): {
  message: Batch;
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
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The Buffers among the properties of a result. */
export function buffersOf(value: object): Buffer[] {
  return Object.values(value).filter((part) => Buffer.isBuffer(part));
}

/** A result as it left the thread: its bytes as Buffers again. */
export function revive<T extends object>(value: T): T {
  const revived = Object.entries(value).map(([name, part]) => [
    name,
    part instanceof Uint8Array ? asBuffer(part) : part,
  ]);
  // The properties and, but for Uint8Array's subclass, their types are those of `value`.
  return Object.fromEntries(revived) as T;
}
