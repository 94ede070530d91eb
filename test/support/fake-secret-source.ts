import { createHash } from 'node:crypto';
import type {
  SecretSource,
  SecretView,
  SecretViewEvents,
  ServedSecret,
  StreamCaller,
} from '../../src/agent/sds/index.js';
import type { CancelSignal } from '../../src/cancellation/index.js';
import { envoy } from '../../src/net/protobuf/index.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

/** A bundle secret that holds `text`; equal text has an equal version. */
export function textSecret(text: string): ServedSecret {
  const body = Buffer.from(
    Secret.encode({ validationContext: { trustedCa: { inlineBytes: Buffer.from(text) } } }).finish(),
  );
  return { body, version: createHash('sha256').update(body).digest('hex').slice(0, 16) };
}

/** A certificate secret that holds `text` as its chain. */
export function certificateSecret(text: string): ServedSecret {
  const inlineBytes = Buffer.from(text);
  const body = Buffer.from(
    Secret.encode({ tlsCertificate: { certificateChain: { inlineBytes }, privateKey: { inlineBytes } } }).finish(),
  );
  return { body, version: createHash('sha256').update(body).digest('hex').slice(0, 16), kind: 'certificate' };
}

/** One set of secrets for everybody, changed by the test. */
export class FakeSecretSource implements SecretSource {
  readonly #secrets = new Map<string, ServedSecret>();
  readonly #subscribers = new Set<SecretViewEvents>();
  /** Who opened a stream, in order. */
  readonly callers: StreamCaller[] = [];
  readonly signals: CancelSignal[] = [];
  /** Decides over each caller; lets everybody in by default. */
  admit: (caller: StreamCaller) => Promise<void> = async () => {};
  /** Names that can never have a secret. */
  readonly impossible = new Set<string>();
  openViews = 0;
  /** Whether the secrets belong to their views, as those of files do: the last view that closes wipes them. */
  wipesWhenClosed = false;

  async open(caller: StreamCaller, gone: () => CancelSignal): Promise<SecretView> {
    this.callers.push(caller);
    this.signals.push(gone());
    await this.admit(caller);
    this.openViews += 1;
    let events: SecretViewEvents | undefined;
    let isOpen = true;
    return {
      secret: (name) => this.#secrets.get(name),
      isImpossible: (name) => this.impossible.has(name),
      subscribe: (given) => {
        events = given;
        this.#subscribers.add(given);
      },
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.openViews -= 1;
        if (events !== undefined) this.#subscribers.delete(events);
        if (this.wipesWhenClosed && this.openViews === 0) for (const { body } of this.#secrets.values()) body.fill(0);
      },
    };
  }

  /** Sets the secrets of several names at once, each to a text, or to nothing, and tells all views. */
  set(texts: Readonly<Record<string, string | undefined>>): void {
    for (const [name, text] of Object.entries(texts)) {
      if (text === undefined) this.#secrets.delete(name);
      else this.#secrets.set(name, textSecret(text));
    }
    const names = Object.keys(texts);
    for (const subscriber of [...this.#subscribers]) subscriber.changed(names);
  }

  /** The same with secrets of any kind. */
  setSecrets(secrets: Readonly<Record<string, ServedSecret>>): void {
    for (const [name, secret] of Object.entries(secrets)) this.#secrets.set(name, secret);
    const names = Object.keys(secrets);
    for (const subscriber of [...this.#subscribers]) subscriber.changed(names);
  }

  /** Lets go of what it remembers of callers. */
  forget(): void {
    this.callers.length = 0;
    this.signals.length = 0;
  }

  /** Asks all streams to end. */
  end(reason?: Error): void {
    for (const subscriber of [...this.#subscribers]) subscriber.end(reason);
  }
}
