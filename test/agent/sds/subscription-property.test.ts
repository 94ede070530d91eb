import t from 'tap';
import type { Content } from '../../../src/agent/sds/contents.js';
import { blamedKind } from '../../../src/agent/sds/rejection.js';
import type { SecretKind } from '../../../src/agent/sds/secret-kind.js';
import { type SecretLookup, type Sending, toSend } from '../../../src/agent/sds/sending.js';
import { NEW_SUBSCRIPTION, onChanged, onRepeat, onRequest, onSent } from '../../../src/agent/sds/subscription.js';
import type { Form, Subscription, XdsRequest } from '../../../src/agent/sds/subscription-state.js';
import { seededRandom } from '../../support/prng.js';

const KINDS: Readonly<Record<string, SecretKind>> = {
  default: 'certificate',
  ROOTCA: 'validation-context',
  spare: 'certificate',
};
const NAMES = Object.keys(KINDS);
const HISTORIES = 600;
const STEPS = 60;

/** What a model Envoy says of a bad secret of each kind, or of no matter which. */
const COMPLAINTS = [
  'Failed to load private key from <inline>',
  'Failed to load trusted CA certificates from <inline>',
  'no reason given',
];

interface Message {
  readonly nonce: string;
  readonly sending: Sending;
}

/**
 * One random history: a model Envoy and a model store around the subscription of a stream, with messages under way in
 * both directions for as long as chance wants, and new streams in between. Keeps count of what may cause a response.
 *
 * The model Envoy refuses by chance, and as a real one does also the wrong secret: with the complaint about another
 * kind.
 */
class History {
  readonly #form: Form;
  readonly #isShared: boolean;
  readonly #random: () => number;
  readonly #store = new Map<string, Content>();
  readonly #impossible = new Set<string>();
  #toEnvoy: Message[] = [];
  #toServer: XdsRequest[] = [];
  /** Those that are ACKs and NACKs. */
  readonly #answers = new WeakSet<XdsRequest>();
  #sub: Subscription;
  #wanted: readonly string[] = [];
  #lastNonce = '';
  /** What the model Envoy holds: version by name. A name that it dropped is forgotten. */
  readonly held = new Map<string, string>();
  /**
   * What it has refused and not been offered a way out of since, by name: version, and the kinds whose change is one.
   */
  readonly refused = new Map<string, { readonly version: string; readonly cures: readonly SecretKind[] }>();
  /** Kinds of which a secret other than `name` has changed since the response to be answered was sent. */
  #changedSince: { name: string; kind: SecretKind }[] = [];
  responses = 0;
  causes = 0;
  readonly violations: string[] = [];
  #count = 0;
  /** Whether anything has happened since the last response that may justify another one. */
  #reasons = 1;

  constructor(seed: number, form: Form, { isShared }: { readonly isShared: boolean }) {
    this.#form = form;
    this.#isShared = isShared;
    this.#random = seededRandom(seed);
    this.#sub = NEW_SUBSCRIPTION[form];
    this.#ask(this.#someNames());
  }

  readonly #lookup: SecretLookup = {
    find: (name) => {
      const content = this.#store.get(name);
      return content && { secret: { version: content.version, body: Buffer.alloc(0) }, content };
    },
    isImpossible: (name) => this.#impossible.has(name),
  };

  step(): void {
    const choice = this.#random();
    if (choice < 0.28) this.#rotate();
    else if (choice < 0.38) this.#ask(this.#someNames());
    else if (choice < 0.42) this.#disturb();
    else if (choice < 0.45) this.#reconnect();
    else if (choice < 0.49) this.#subscribeAgain();
    else if (choice < 0.74) this.#deliverRequest();
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
      return version !== undefined && this.held.get(name) !== version && this.refused.get(name)?.version !== version;
    });
  }

  #rotate(): void {
    const names = this.#someNames();
    for (const name of names) {
      this.#count += 1;
      this.#impossible.delete(name);
      const kind = KINDS[name];
      const draw = this.#random();
      if (draw < 0.1) this.#store.delete(name);
      if (draw < 0.05) this.#impossible.add(name);
      if (draw >= 0.1 && kind !== undefined) this.#store.set(name, { version: `${name} ${this.#count}`, kind });
    }
    this.#reason(names.length);
    this.#noteCures(names);
    this.#sub = onChanged(this.#sub, names, this.#lookup);
    this.#push();
  }

  /** A change of the right kind is a way out for what was refused, and for what will be. */
  #noteCures(names: readonly string[]): void {
    for (const name of names) {
      const kind = this.#store.get(name)?.kind;
      if (kind === undefined) continue;
      this.#changedSince.push({ name, kind });
      for (const [own, { cures }] of this.refused) if (own !== name && cures.includes(kind)) this.refused.delete(own);
    }
  }

  #ask(names: readonly string[]): void {
    const dropped = this.#wanted.filter((name) => !names.includes(name));
    const added = names.filter((name) => !this.#wanted.includes(name));
    for (const name of dropped) {
      this.held.delete(name);
      this.refused.delete(name);
    }
    this.#wanted = names;
    this.#reason(1);
    const nonce = this.#form === 'sotw' ? this.#lastNonce : '';
    this.#tell({ names: this.#form === 'sotw' ? names : added, unsubscribed: dropped, nonce, error: undefined });
  }

  /**
   * Another subscriber of all that is wanted, on a stream that carries many: it holds nothing, and the classic mux asks
   * by the request that it sent last. What was refused is refused for it too.
   */
  #subscribeAgain(): void {
    if (!this.#isShared || this.#wanted.length === 0) return;
    this.held.clear();
    this.#tell({ names: this.#wanted, unsubscribed: [], nonce: this.#lastNonce, error: undefined });
  }

  /** Messages that say nothing: nonces of the past and of the future, with and without a complaint. */
  #disturb(): void {
    const nonce = this.#random() < 0.5 ? 'future' : '1';
    const error = this.#random() < 0.5 ? 'complaint about nothing' : undefined;
    const names = this.#form === 'sotw' ? this.#wanted : [];
    if (nonce !== this.#sub.outstanding?.nonce) this.#tell({ names, unsubscribed: [], nonce, error });
  }

  /** All that was under way is lost; Envoy keeps what it holds, and asks for it all on a new stream. */
  #reconnect(): void {
    this.#toEnvoy = [];
    this.#toServer = [];
    this.#changedSince = [];
    this.#sub = NEW_SUBSCRIPTION[this.#form];
    this.refused.clear();
    this.#reason(this.#wanted.length);
    const nonce = this.#random() < 0.5 ? this.#lastNonce : '';
    this.#tell({ names: this.#wanted, unsubscribed: [], nonce, error: undefined });
  }

  #tell(request: XdsRequest): XdsRequest {
    const told = this.#form === 'sotw' ? { ...request, unsubscribed: [] } : request;
    this.#toServer.push(told);
    return told;
  }

  #deliverRequest(): void {
    const request = this.#toServer.shift();
    if (request === undefined) return;
    // Without a nonce, and with nothing on its way, a SotW request asks for everything anew; on a shared stream each
    // that repeats the last one does.
    const mayRepeat = this.#isShared && !this.#answers.has(request);
    if (this.#form === 'sotw' && (request.nonce === '' || mayRepeat)) this.#reason(1);
    this.#reason(request.names.filter((name) => this.#form === 'delta' || !this.#sub.names.includes(name)).length);
    this.#sub = onRequest(this.#sub, request, this.#isShared).next;
    if (this.#sub.isRepeatOwed) this.#sub = onRepeat(this.#sub);
    this.#push();
  }

  #deliverResponse(isRefused: boolean): void {
    const message = this.#toEnvoy.shift();
    if (message === undefined) return;
    this.#lastNonce = message.nonce;
    const error = isRefused ? COMPLAINTS[Math.floor(this.#random() * COMPLAINTS.length)] : undefined;
    const { secrets } = message.sending;
    for (const { name, content } of secrets) {
      if (!this.#wanted.includes(name)) continue;
      if (error === undefined) this.#take(name, content.version);
      else
        this.#refuse(name, content, {
          error,
          isAlone: secrets.filter((one) => one.content.kind === content.kind).length === 1,
        });
    }
    const names = this.#form === 'sotw' ? this.#wanted : [];
    this.#answers.add(this.#tell({ names, unsubscribed: [], nonce: message.nonce, error }));
  }

  /** What it refused before it takes for what it has seen, without effect. */
  #take(name: string, version: string): void {
    if (this.refused.get(name)?.version === version) return;
    this.refused.delete(name);
    this.held.set(name, version);
  }

  #refuse(name: string, { version, kind }: Content, { error, isAlone }: { error: string; isAlone: boolean }): void {
    const blamed = blamedKind(error);
    const cures: SecretKind[] = blamed === undefined ? ['certificate', 'validation-context'] : [blamed];
    const isOwnFault = isAlone && blamed === kind;
    const isCured = this.#changedSince.some((change) => change.name !== name && cures.includes(change.kind));
    // A real Envoy takes the bad one; so the model's complaint is settled by the cure, not by its own say.
    if (isOwnFault || !isCured) this.refused.set(name, { version, cures: isOwnFault ? [] : cures });
  }

  #push(): void {
    const before = this.#sub;
    const sending = toSend(before, this.#lookup);
    if (sending === undefined) return;
    this.#check(before, sending);
    this.#changedSince = [];
    this.#reasons = this.#form === 'sotw' ? 0 : this.#reasons - 1;
    this.responses += 1;
    const nonce = `nonce-${this.responses}`;
    const contents = new Map(sending.secrets.map(({ name, content }) => [name, content]));
    for (const name of sending.removed) contents.set(name, { version: '', kind: undefined });
    this.#sub = onSent(before, { nonce, contents, cause: 'change', nowMs: 0 });
    this.#toEnvoy.push({ nonce, sending });
  }

  #check(sub: Subscription, { secrets, removed }: Sending): void {
    if (sub.outstanding !== undefined) this.violations.push('a second response while one is outstanding');
    if (this.#reasons <= 0) this.violations.push('an answer to a mere ACK or NACK');
    if (secrets.length + removed.length === 0) this.violations.push('an empty response');
    if (this.#form === 'sotw' && removed.length > 0) this.violations.push('a removal in SotW');
    if (this.#form === 'delta' && secrets.length + removed.length > 1) this.violations.push('several in one delta');
    if (removed.some((name) => !this.#impossible.has(name))) this.violations.push('a removal of what may come');
    for (const { name, content } of secrets) {
      if (!sub.names.includes(name)) this.violations.push('a name that was not asked for');
      if (content.kind !== KINDS[name]) this.violations.push('a secret of the wrong kind');
    }
    // Only what Envoy has told us of: a refusal on its way is not known yet. And not what goes along with something
    // new.
    const isRefused = secrets.every(({ name, content }) => this.refused.get(name)?.version === content.version);
    if (secrets.length > 0 && isRefused && this.#toServer.length === 0) this.violations.push('refused content again');
  }

  #reason(count: number): void {
    this.causes += count;
    this.#reasons += count;
  }

  #someNames(): string[] {
    return NAMES.filter(() => this.#random() < 0.6);
  }
}

const STREAMS = [
  { form: 'sotw', isShared: false, name: 'sotw' },
  { form: 'sotw', isShared: true, name: 'sotw with several subscribers' },
  { form: 'delta', isShared: false, name: 'delta' },
] as const;
for (const { form, isShared, name } of STREAMS) {
  t.test(
    `row 17: ${name}: when all is quiet, every wanted name that exists and was not refused is held at its newest version`,
    async (t) => {
      let responses = 0;
      for (let seed = 1; seed <= HISTORIES; seed += 1) {
        const history = new History(seed, form, { isShared });
        for (let step = 0; step < STEPS; step += 1) history.step();
        history.settle();
        responses += history.responses;
        const found = {
          missing: history.missing(),
          violations: history.violations,
          tooMany: history.responses > history.causes,
        };
        if (found.missing.length + found.violations.length > 0 || found.tooMany) t.fail(`seed ${seed}`, { found });
      }
      t.ok(responses > HISTORIES * 5, `${HISTORIES} histories of ${STEPS} steps with ${responses} responses`);
    },
  );

  t.test(`row 2: ${name}: without a change nothing is sent after the first response`, async (t) => {
    const history = new History(7, form, { isShared });
    history.settle();
    const before = history.responses;
    history.settle();
    t.equal(history.responses, before);
  });
}
