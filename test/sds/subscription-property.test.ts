import t from 'tap';
import type { ServedSecret } from '../../src/sds/index.js';
import {
  type NamedSecret,
  NEW_SUBSCRIPTION,
  onChanged,
  onRequest,
  onSent,
  toSend,
} from '../../src/sds/subscription.js';
import { textSecret } from '../support/fake-secret-source.js';
import { seededRandom } from '../support/prng.js';

const NAMES = ['default', 'ROOTCA', 'spare'];
const HISTORIES = 400;
const STEPS = 60;

interface Message {
  readonly nonce: string;
  readonly secrets: readonly NamedSecret[];
}

/**
 * One random history: a model Envoy and a model store around the subscription, with messages under way in both
 * directions for as long as chance wants. Keeps count of what is allowed to cause a response.
 */
class History {
  readonly #random: () => number;
  readonly #store = new Map<string, ServedSecret>();
  readonly #toEnvoy: Message[] = [];
  readonly #toServer: { names: readonly string[]; nonce: string; error: string | undefined }[] = [];
  #sub = NEW_SUBSCRIPTION;
  #wanted: readonly string[] = [];
  #lastNonce = '';
  /** What the model Envoy holds: version by name. A name that it dropped is forgotten. */
  readonly held = new Map<string, string>();
  /** What it has refused, `name version`. */
  readonly refused = new Set<string>();
  responses = 0;
  causes = 0;
  violations: string[] = [];
  #count = 0;
  /** Whether anything has happened since the last response that may justify another one. */
  #hasReason = true;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#ask(this.#someNames());
  }

  step(): void {
    const choice = this.#random();
    if (choice < 0.3) this.#rotate();
    else if (choice < 0.4) this.#ask(this.#someNames());
    else if (choice < 0.7) this.#deliverRequest();
    else this.#deliverResponse(this.#random() < 0.3);
  }

  /** Delivers all that is under way, Envoy accepting everything, until nothing is left. */
  settle(): void {
    while (this.#toServer.length + this.#toEnvoy.length > 0) {
      this.#deliverRequest();
      this.#deliverResponse(false);
    }
  }

  /** Names that Envoy wants, that the store has, and that it holds no newest version of, unless it refused that. */
  missing(): string[] {
    return this.#wanted.filter((name) => {
      const version = this.#store.get(name)?.version;
      return version !== undefined && this.held.get(name) !== version && !this.refused.has(`${name} ${version}`);
    });
  }

  #rotate(): void {
    const names = this.#someNames();
    for (const name of names) {
      this.#count += 1;
      if (this.#random() < 0.1) this.#store.delete(name);
      else this.#store.set(name, textSecret(`${name} ${this.#count}`));
    }
    this.causes += 1;
    this.#hasReason ||= names.length > 0;
    this.#sub = onChanged(this.#sub, names);
    this.#push();
  }

  #ask(names: readonly string[]): void {
    for (const name of this.#wanted) if (!names.includes(name)) this.held.delete(name);
    this.#wanted = names;
    this.causes += 1;
    this.#toServer.push({ names, nonce: this.#lastNonce, error: undefined });
  }

  #deliverRequest(): void {
    const request = this.#toServer.shift();
    if (request === undefined) return;
    this.#hasReason ||= request.nonce === '' || request.names.some((name) => !this.#sub.names.includes(name));
    this.#sub = onRequest(this.#sub, request).next;
    this.#push();
  }

  #deliverResponse(isRefused: boolean): void {
    const message = this.#toEnvoy.shift();
    if (message === undefined) return;
    this.#lastNonce = message.nonce;
    for (const { name, secret } of message.secrets) {
      if (!this.#wanted.includes(name)) continue;
      if (isRefused) this.refused.add(`${name} ${secret.version}`);
      else this.held.set(name, secret.version);
    }
    this.#toServer.push({ names: this.#wanted, nonce: message.nonce, error: isRefused ? 'no' : undefined });
  }

  #push(): void {
    const hadOutstanding = this.#sub.outstanding !== undefined;
    const secrets = toSend(this.#sub, (name) => this.#store.get(name));
    if (secrets.length === 0) return;
    if (hadOutstanding) this.violations.push('a second response while one is outstanding');
    if (secrets.some(({ name }) => !this.#sub.names.includes(name)))
      this.violations.push('a name that was not asked for');
    if (!this.#hasReason) this.violations.push('an answer to a mere ACK or NACK');
    this.#hasReason = false;
    this.responses += 1;
    const nonce = String(this.responses);
    this.#sub = onSent(this.#sub, { nonce, secrets, nowMs: 0 });
    this.#toEnvoy.push({ nonce, secrets });
  }

  #someNames(): string[] {
    return NAMES.filter(() => this.#random() < 0.6);
  }
}

t.test(
  'when all is quiet, every wanted name that exists and was not refused is held at its newest version',
  async (t) => {
    for (let seed = 1; seed <= HISTORIES; seed += 1) {
      const history = new History(seed);
      for (let step = 0; step < STEPS; step += 1) history.step();
      history.settle();
      const found = {
        missing: history.missing(),
        violations: history.violations,
        tooMany: history.responses > history.causes,
      };
      if (found.missing.length + found.violations.length > 0 || found.tooMany) t.fail(`seed ${seed}`, { found });
    }
    t.pass(`${HISTORIES} histories of ${STEPS} steps`);
  },
);

t.test('without a change nothing is sent after the first response, however often it is acknowledged', async (t) => {
  const history = new History(7);
  history.settle();
  const before = history.responses;
  history.settle();
  t.equal(history.responses, before);
});
