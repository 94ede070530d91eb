import { readFacts } from '../pki/x509/index.js';
import { Field } from '../telemetry/index.js';
import { derBlocks, shownCertificate } from './shown-certificate.js';
import type { JsonValue } from './status-pages.js';

/** A secret as Envoy gets it. The certificate has its key in it: only {@link SecretReaders} look inside. */
interface ServedSecret {
  readonly version: string;
  readonly body: Buffer;
}

/** What an identity serves. */
export interface ServedFacts {
  readonly certificate: ServedSecret;
  readonly bundle: ServedSecret;
}

/** Cut what is public out of a secret. */
export interface SecretReaders {
  /** The chain, in PEM, without the key. */
  chainPemOf(body: Buffer): Buffer;
  /** The roots, in PEM. */
  rootsPemOf(body: Buffer): Buffer;
}

/** A mesh has one to three roots, and a chain one to three certificates. */
const MAX_ROOTS = 100;
const MAX_CHAIN = 8;

/** Of all bundles that identities have: they share one. */
const MAX_BUNDLES = 8;

/**
 * What is served, as it is shown; each version is read once, and as long as it is served. Nothing is read before a
 * client asks for the page.
 */
export class ServedSections {
  private readonly shown = new WeakMap<ServedSecret, Readonly<Record<string, JsonValue>>>();

  private readonly rootEnds = new WeakMap<ServedSecret, number | undefined>();

  constructor(private readonly readers: SecretReaders) {}

  /** What is added to an identity: its leaf in words, and the chain for `sidecert explain`. */
  ofCertificate({ certificate, bundle }: ServedFacts): Readonly<Record<string, JsonValue>> {
    return {
      ...this.once(certificate, () => {
        const ders = derBlocks(this.readers.chainPemOf(certificate.body)).slice(0, MAX_CHAIN);
        const { serial, not_before, not_after, ...leaf } = ders[0] === undefined ? {} : shownCertificate(ders[0]);
        return { ...leaf, certificate_version: certificate.version, chain: ders.map((der) => der.toString('base64')) };
      }),
      bundle_version: bundle.version,
    };
  }

  /** Each bundle of these, once. */
  bundles(served: readonly ServedFacts[]): JsonValue {
    const bundles = new Map(served.map(({ bundle }) => [bundle.version, bundle]));
    return [...bundles.values()].slice(0, MAX_BUNDLES).map((bundle) =>
      this.once(bundle, () => {
        const ders = derBlocks(this.readers.rootsPemOf(bundle.body));
        return {
          [Field.version]: bundle.version,
          root_count: ders.length,
          roots: ders.slice(0, MAX_ROOTS).map((der) => ({ ...shownCertificate(der), der: der.toString('base64') })),
        };
      }),
    );
  }

  /**
   * When the last root of a bundle expires, in epoch milliseconds: no peer can be verified from then on. `undefined`
   * when no root can be read.
   */
  lastRootEndMs({ bundle }: ServedFacts): number | undefined {
    if (!this.rootEnds.has(bundle)) {
      const facts = derBlocks(this.readers.rootsPemOf(bundle.body)).slice(0, MAX_ROOTS).map(readFacts);
      const ends = facts.flatMap((root) => (typeof root === 'string' ? [] : root.notAfterMs));
      this.rootEnds.set(bundle, ends.length === 0 ? undefined : Math.max(...ends));
    }
    return this.rootEnds.get(bundle);
  }

  private once(secret: ServedSecret, read: () => Readonly<Record<string, JsonValue>>) {
    let shown = this.shown.get(secret);
    if (shown === undefined) {
      shown = read();
      this.shown.set(secret, shown);
    }
    return shown;
  }
}
