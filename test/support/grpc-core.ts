import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

// The build has no Python in it: the script lies where this file was written.
const SCRIPT = fileURLToPath(new URL('../../../test/support/grpc_core_client.py', import.meta.url));

/** The package of gRPC's C core for Python, where `npm test` says that it is, or why a test has to go without. */
export function grpcCore(): { path: string; skip: string | false } {
  const path = process.env.GRPC_CORE_PATH;
  const isThere = path !== undefined && path !== '' && path !== 'none';
  return { path: path ?? '', skip: isThere ? false : 'no grpcio from PyPI: npm test fetches it with Python and pip' };
}

export interface CallEnd {
  /** The name of the status. */
  readonly code: string;
  readonly details: string;
}

interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutSeconds?: number;
  /** Compresses what is sent. */
  readonly gzip?: boolean;
}

interface StartOptions {
  /** Passed as Envoy's google_grpc does: local channel credentials with call credentials. */
  readonly token?: string;
}

type Event = { readonly id: number } & ({ readonly message: string } | CallEnd);

/** A channel of gRPC's C core to a Unix socket, in a Python process. */
export class GrpcCore {
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, GrpcCoreCall>();

  /** Ended with the test. */
  constructor(t: Test, socketPath: string, { token = '' }: StartOptions = {}) {
    const env = { ...process.env, PYTHONPATH: grpcCore().path, PYTHONDONTWRITEBYTECODE: '1' };
    this.#child = spawn('python3', [SCRIPT, socketPath, token], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('the Python process has no output to read');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const event: Event = JSON.parse(line);
      this.#calls.get(event.id)?.take(event);
    });
    t.teardown(async () => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    });
  }

  call(method: string, { timeoutSeconds, ...options }: CallOptions = {}): GrpcCoreCall {
    const id = this.#calls.size;
    const call = new GrpcCoreCall((command) => this.#child.stdin?.write(`${JSON.stringify({ ...command, id })}\n`));
    this.#calls.set(id, call);
    call.tell({ do: 'call', method, ...options, ...(timeoutSeconds !== undefined && { timeout: timeoutSeconds }) });
    return call;
  }

  /** A call with one message each way: the answer, or none, and how it ended. */
  async unary(method: string, request: Buffer, options?: CallOptions): Promise<CallEnd & { answer?: Buffer }> {
    const call = this.call(method, options);
    call.send(request);
    call.halfClose();
    const end = await call.ended;
    const [answer] = call.received;
    return { ...end, ...(answer !== undefined && { answer }) };
  }
}

export class GrpcCoreCall {
  /** All messages so far. */
  readonly received: Buffer[] = [];
  readonly ended: Promise<CallEnd>;
  #finish = (_end: CallEnd): void => {};
  #end: CallEnd | undefined;
  #taken = 0;
  #wake = (): void => {};

  constructor(readonly tell: (command: object) => void) {
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  send(message: Buffer): void {
    this.tell({ do: 'send', message: message.toString('base64') });
  }

  halfClose(): void {
    this.tell({ do: 'halfClose' });
  }

  /** The next message. @throws Error when the call has ended instead. */
  async next(): Promise<Buffer> {
    for (;;) {
      const message = this.received[this.#taken];
      if (message !== undefined) {
        this.#taken += 1;
        return message;
      }
      if (this.#end !== undefined) throw new Error(`call ended with ${this.#end.code}: ${this.#end.details}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** What the process has to say of this call. */
  take(event: Event): void {
    if ('message' in event) {
      this.received.push(Buffer.from(event.message, 'base64'));
    } else {
      this.#end = { code: event.code, details: event.details };
      this.#finish(this.#end);
    }
    this.#wake();
  }
}
