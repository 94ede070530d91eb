import type { X509Certificate } from 'node:crypto';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { ChainLink } from '../../pki/x509/index.js';
import { encodeBundleSecret } from '../secret-codec.js';

/** A root roll-over has two of each; agents of several CAs have a few. */
const MAX_KEPT = 8;

/** What is larger is rare, and not worth its memory. */
const MAX_KEPT_BYTES = 64 * 1024;

/**
 * What issuers leave behind between two leaves: their certificates, parsed, and who has signed whom, which costs as
 * much as a signature each. Whether they are valid now is asked for each leaf.
 */
export class KnownIssuers {
  private readonly bundles = new LastUsed<KnownBundle>();
  private readonly intermediates = new LastUsed<ChainLink>();

  /** @throws as {@link TrustBundle.parsePem}. */
  bundle(pem: Buffer): KnownBundle {
    return this.bundles.get(pem, () => new KnownBundle(TrustBundle.parsePem(pem)));
  }

  /** The certificate of these bytes, by `parse` unless it is known. What that throws comes out. */
  intermediate(der: Buffer, parse: () => X509Certificate): ChainLink {
    return this.intermediates.get(der, () => new ChainLink(parse()));
  }
}

/** A trust bundle as leaves are proved by it, and as Envoy gets it. */
class KnownBundle {
  readonly anchors: readonly ChainLink[];
  private whole: Buffer | undefined;

  constructor(private readonly bundle: TrustBundle) {
    this.anchors = bundle.list().map((certificate) => new ChainLink(certificate));
  }

  /** The secret with what verifiers may be given at `nowMs`. In memory of its own, which is the cache's: copy it. */
  secretAt(nowMs: number): Buffer {
    const usable = this.bundle.usableAt(nowMs) ?? this.bundle;
    if (usable !== this.bundle) return encodeBundleSecret(usable.toPem());
    this.whole ??= encodeBundleSecret(usable.toPem());
    return this.whole;
  }
}

/** The last few values, by the bytes that they were made of. */
class LastUsed<V> {
  /** The last one first. */
  private kept: readonly { readonly bytes: Buffer; readonly value: V }[] = [];

  get(bytes: Buffer, make: () => V): V {
    const found = this.kept.find((kept) => kept.bytes.equals(bytes));
    if (found !== undefined && found === this.kept[0]) return found.value;
    const used = found ?? { bytes: Buffer.from(bytes), value: make() };
    if (bytes.length > MAX_KEPT_BYTES) return used.value;
    this.kept = [used, ...this.kept.filter((kept) => kept !== found)].slice(0, MAX_KEPT);
    return used.value;
  }
}
