import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CancelSignal } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { pathError } from '../../system/small-files/index.js';
import { Field, type Gauge, Metric, type MetricRegistry, type RateLimitedLogger } from '../../telemetry/index.js';
import { judgeDirectory } from './pod-directory.js';
import { type PodHold, PodSocket, type PodSocketOptions } from './pod-socket.js';

export interface PodSocketsOptions extends Pick<PodSocketOptions, 'admit' | 'listen' | 'now'> {
  /** Has a directory for each pod, by its UID. */
  readonly directory: string;
  /** Each costs a descriptor and an identity. */
  readonly maxPods: number;
  /** Tells of changes on the way to files, and looks at them now and then in any case. */
  readonly watch: { add(look: () => Promise<void>, wishes: { readonly paths: readonly string[] }): () => void };
  readonly log: RateLimitedLogger;
  readonly metrics: MetricRegistry;
}

/** Where the pods of the directory stand. */
export interface PodSocketsStatus {
  readonly directory: string;
  readonly serving: number;
  /** Their token has not come, or has not been accepted yet. */
  readonly waiting: number;
  /** A few of those that are not served, and why. */
  readonly refused: readonly { readonly name: string; readonly error: string }[];
}

interface Entry {
  readonly socket: PodSocket;
  readonly stop: () => void;
}

const KINDS = ['serving', 'waiting', 'refused'] as const;

/** The name of a directory that may be a UID: Kubernetes promises no more than that it is a text. */
const POD_UID = /^[0-9A-Za-z][0-9A-Za-z-]{0,62}$/;

/** Each has some file operations under way, for which there are four threads. */
const LOOKS_AT_ONCE = 16;

/** As many as an operator reads. */
const MAX_SHOWN = 20;

/** The sockets of all pods below one directory, which come and go with their directories. Its owner closes it. */
export class PodSockets {
  private readonly entries = new Map<string, Entry>();
  /** What is there and is no pod's, or one too many: why. */
  private readonly strays = new Map<string, unknown>();
  private readonly gauges: Readonly<Record<(typeof KINDS)[number], Gauge>>;
  private stop = (): void => {};
  private readonly closed = new Set<Promise<void>>();
  private isClosing = false;

  constructor(private readonly options: PodSocketsOptions) {
    const gauge = (state: string): Gauge => options.metrics.gauge(Metric.podSockets, { state });
    this.gauges = { serving: gauge('serving'), waiting: gauge('waiting'), refused: gauge('refused') };
  }

  /**
   * Looks for pods, and goes on doing so.
   * @throws IdentityError `ERR_SOCKET_INVALID`: others may write to the directory, or it is none.
   */
  async start(): Promise<void> {
    await judgeDirectory(this.options.directory);
    this.stop = this.options.watch.add(() => this.scan(), { paths: [this.options.directory] });
    await this.scan();
  }

  /**
   * A hold of the pod of a socket, for a stream that came by it.
   * @throws IdentityError `ERR_TOKEN_MISSING`: its directory has gone; and what the token is refused with.
   */
  async open(podUid: string, signal: CancelSignal): Promise<PodHold> {
    const entry = this.entries.get(podUid);
    if (entry === undefined) throw new IdentityError('ERR_TOKEN_MISSING', `the directory of pod ${podUid} has gone`);
    return entry.socket.open(signal);
  }

  /** Where they stand; sets the gauges by it. */
  status(): PodSocketsStatus {
    const counts = { serving: 0, waiting: 0, refused: this.strays.size };
    const refused = [...this.strays].map(([name, error]) => ({ name, error }));
    for (const [name, { socket }] of this.entries) {
      const { state } = socket;
      counts[state?.kind ?? 'waiting'] += 1;
      if (state?.kind === 'refused') refused.push({ name, error: state.error });
    }
    for (const kind of KINDS) this.gauges[kind].set(counts[kind]);
    return {
      ...{ directory: this.options.directory, serving: counts.serving, waiting: counts.waiting },
      refused: refused.slice(0, MAX_SHOWN).map(({ name, error }) => ({ name, error: messageOf(error) })),
    };
  }

  /**
   * Removes all sockets, and looks at no directory any more; streams go on. For the beginning of a shutdown:
   * directories that go together, and pods that connect again, are no work then. Safe to call twice.
   */
  async closeListeners(): Promise<void> {
    this.isClosing = true;
    this.stop();
    const open = [...this.entries.values()];
    for (const { stop } of open) stop();
    await Promise.all(open.map(({ socket }) => socket.closeListener()));
  }

  /** Ends all streams of these sockets, and removes them. Safe to call twice. */
  async close(): Promise<void> {
    await this.closeListeners();
    for (const name of this.entries.keys()) this.remove(name);
    await Promise.all(this.closed);
  }

  /** Never rejects. */
  private async scan(): Promise<void> {
    const { directory } = this.options;
    try {
      await judgeDirectory(directory);
      const names = (await readdir(directory)).filter((name) => !name.startsWith('.'));
      if (this.isClosing) return;
      const isThere = new Set(names);
      for (const name of this.entries.keys()) if (!isThere.has(name)) this.remove(name);
      for (const name of this.strays.keys()) if (!isThere.has(name)) this.strays.delete(name);
      const added = names.flatMap((name) => (this.entries.has(name) ? [] : (this.add(name) ?? [])));
      // The watch looks at one after the other, and sets up watches before: a node that starts has hundreds.
      for (let from = 0; from < added.length; from += LOOKS_AT_ONCE) {
        await Promise.all(added.slice(from, from + LOOKS_AT_ONCE).map((socket) => socket.look()));
      }
    } catch (error) {
      if (this.isClosing) return;
      const refusal = pathError('ERR_SOCKET_INVALID', `directory ${directory}`, error, 'one that can be read');
      this.complain(directory, refusal);
      // As it is with that of a pod: others may say now who is which.
      for (const name of this.entries.keys()) this.remove(name);
    }
  }

  /** `undefined` for what is no pod's. */
  private add(name: string): PodSocket | undefined {
    const { directory, maxPods, watch, log } = this.options;
    const problem = !POD_UID.test(name)
      ? new IdentityError('ERR_SOCKET_INVALID', `got the name ${name.slice(0, 80)}, expected the UID of a pod`)
      : this.entries.size >= maxPods
        ? new IdentityError('ERR_SOCKET_INVALID', `got more than ${maxPods} directories of pods, expected no more`)
        : undefined;
    if (problem !== undefined) {
      if (!this.strays.has(name)) this.complain(join(directory, name), problem);
      this.strays.set(name, problem);
      return undefined;
    }
    this.strays.delete(name);
    const socket = new PodSocket({
      ...this.options,
      directory: join(directory, name),
      podUid: name,
      onState: (state) => {
        if (state.kind === 'serving') log.info('pod socket serves', { [Field.podUid]: name });
        if (state.kind === 'refused') this.complain(join(directory, name), state.error);
      },
    });
    this.entries.set(name, { socket, stop: watch.add(() => socket.look(), { paths: socket.paths }) });
    return socket;
  }

  private remove(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    this.entries.delete(name);
    entry.stop();
    const closing = entry.socket.close().finally(() => this.closed.delete(closing));
    this.closed.add(closing);
    this.options.log.info('pod socket closed', { [Field.podUid]: name });
  }

  private complain(path: string, error: unknown): void {
    this.options.log.warn('pod directory refused', {
      [Field.path]: path,
      [Field.code]: errorCodeOf(error),
      [Field.error]: messageOf(error),
    });
  }
}
