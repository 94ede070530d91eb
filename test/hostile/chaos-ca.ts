import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';
import { FakeCaServer, type Fault } from '../support/fake-ca-server.js';
import { TestCa } from '../support/test-ca.js';
import { spiffeIdOf } from './chaos-tokens.js';

const foreign = TestCa.root('another root');
const past = { notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 };
const future = { notBeforeMs: Date.now() + 3_600_000, notAfterMs: Date.now() + 7_200_000 };
const rejected = (code: status): Fault => ({ kind: 'reject', code });

/** What a CA answers wrongly, in fifteen ways, or late, or not at all; `undefined`: it is killed. */
export const CA_FAULTS: Readonly<Record<string, Fault | undefined>> = {
  'is killed': undefined,
  hangs: { kind: 'hang' },
  'is slow': { kind: 'slow', delayMs: 1500 },
  'is unavailable': rejected(status.UNAVAILABLE),
  'has an internal error': rejected(status.INTERNAL),
  'is overloaded': rejected(status.RESOURCE_EXHAUSTED),
  'ends by its deadline': rejected(status.DEADLINE_EXCEEDED),
  'knows no such method': rejected(status.UNIMPLEMENTED),
  'refuses the token': rejected(status.UNAUTHENTICATED),
  'permits nothing': rejected(status.PERMISSION_DENIED),
  'answers nothing': { kind: 'elements', elements: [] },
  'answers text': { kind: 'elements', elements: ['no certificate', 'nor this'] },
  'answers roots alone': { kind: 'elements', elements: [String(foreign.certificatePem)] },
  'answers no message': { kind: 'garbage-bytes' },
  'certifies another key': { kind: 'wrong-key' },
  'certifies another workload': { kind: 'issues', leaf: { uris: ['spiffe://cluster.local/ns/foo/sa/someone'] } },
  'certifies another trust domain': { kind: 'issues', leaf: { uris: ['spiffe://elsewhere/ns/foo/sa/sleep'] } },
  'certifies nobody': { kind: 'issues', leaf: { uris: [] } },
  'certifies two': {
    kind: 'issues',
    leaf: { uris: ['spiffe://cluster.local/ns/foo/sa/a', 'spiffe://cluster.local/ns/foo/sa/b'] },
  },
  'issues for the past': { kind: 'issues', leaf: past },
  'issues for the future': { kind: 'issues', leaf: future },
  'issues for a second': { kind: 'issues', lifeMs: 1000 },
  'signs by a CA that is not of its roots': { kind: 'issues', signer: foreign },
  'answers roots that have not signed': { kind: 'issues', roots: String(foreign.certificatePem) },
  'answers roots that are none': { kind: 'issues', roots: 'nothing' },
};

const ABSENT: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
  status.DEADLINE_EXCEEDED,
]);

/** Whether it gives no answer, so that the same request is tried again: else it refuses, or answers what is no good. */
export function isAbsence(fault: Fault | undefined): boolean {
  if (fault === undefined || fault.kind === 'hang' || fault.kind === 'slow') return true;
  return fault.kind === 'reject' && ABSENT.has(fault.code);
}

/**
 * A CA that goes wrong, and can be killed and come back at the same address, with the same root. It takes P-256 keys
 * from CSRs unchecked, so that it can serve thousands; that each certificate is for the key of its workload is judged
 * there. Tokens that have expired it refuses.
 */
export class MortalCa {
  /** Of certificates, through all of its lives. */
  calls = 0;
  readonly root = TestCa.root();
  readonly #serverCertificate = this.root.server();
  #server: (FakeCaServer & { address: string }) | undefined;
  #port = 0;

  private constructor(private readonly t: Test) {}

  static async start(t: Test): Promise<MortalCa> {
    const ca = new MortalCa(t);
    await ca.#start();
    return ca;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Goes wrong in this way, until {@link mend}. */
  break(fault: Fault | undefined): void {
    if (this.#server === undefined) return;
    if (fault !== undefined) {
      this.#server.fault = fault;
      return;
    }
    this.#server.stop();
    this.#server = undefined;
  }

  async mend(): Promise<void> {
    if (this.#server === undefined) await this.#start();
    else this.#server.fault = { kind: 'none' };
  }

  async #start(): Promise<void> {
    const options = { root: this.root, serverCertificate: this.#serverCertificate, port: this.#port };
    const server = await FakeCaServer.start(this.t, options);
    this.#port = Number(server.address.split(':')[1]);
    server.checksCsrs = false;
    server.identityOf = (authorization) => spiffeIdOf(authorization) ?? '';
    server.decide = ({ authorization }) => {
      this.calls += 1;
      // In half an hour they would be hundreds of thousands.
      server.calls.length = 0;
      return spiffeIdOf(authorization) === undefined ? rejected(status.UNAUTHENTICATED) : undefined;
    };
    this.#server = server;
  }
}
