import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { errorCodeOf, IdentityError, messageOf, wrapError } from '../../errors/index.js';
import { TLS_PARAMETERS } from '../../net/transport/index.js';
import { readPrivateKey } from '../../pki/x509/index.js';
import { ChangingFiles, ISTIO_IDENTITY_FILES, readSmallFile } from '../../system/small-files/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { ClientCertificate, type ClientCertificateSource } from './client-certificate.js';

/** Of each file: a chain has a few kB. */
const MAX_BYTES = 256 * 1024;

/** How often the files are looked at, at most: in a herd of calls each would. */
const MIN_LOOK_INTERVAL_MS = 1000;

const CODE = 'ERR_SECRET_FILE_INVALID';

export interface ClientCertificateFilesOptions {
  /** Has `cert-chain.pem` and `key.pem`, as Istio's PROV_CERT. */
  readonly directory: string;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * A client certificate from files that become others under us. Key and chain of different states, half written or
 * swapped one after the other, never replace a pair; one that has expired is not shown, for a CA would refuse the
 * handshake, and the token may still do. (reference: Istio A50)
 */
export class ClientCertificateFiles implements ClientCertificateSource {
  private readonly chainPath: string;
  private readonly keyPath: string;
  private readonly files: ChangingFiles;
  private held: ClientCertificate | undefined;
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | undefined;
  private lastProblem: string | undefined;

  constructor(private readonly options: ClientCertificateFilesOptions) {
    this.chainPath = join(options.directory, ISTIO_IDENTITY_FILES.chain);
    this.keyPath = join(options.directory, ISTIO_IDENTITY_FILES.key);
    this.files = new ChangingFiles([this.chainPath, this.keyPath]);
  }

  async current(): Promise<ClientCertificate | undefined> {
    const nowMs = this.options.now();
    // The distance, not the order: a clock that was set back must not keep us from looking.
    if (this.looking !== undefined || Math.abs(nowMs - this.lookedAtMs) >= MIN_LOOK_INTERVAL_MS) {
      this.lookedAtMs = nowMs;
      this.looking ??= this.look().finally(() => {
        this.looking = undefined;
      });
      await this.looking;
    }
    if (this.held === undefined) return undefined;
    if (nowMs < this.held.notAfterMs) return this.held;
    this.complain(
      new IdentityError(CODE, `client certificate ${this.chainPath}: got an expired one, expected a valid one`),
    );
    return undefined;
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    try {
      if (!(await this.files.haveChanged())) return;
      const next = await this.read();
      const previous = this.held;
      this.held = next;
      previous?.wipe();
      this.lastProblem = undefined;
      this.options.logger.info('client certificate read', {
        [Field.path]: this.chainPath,
        [Field.notAfter]: new Date(next.notAfterMs - 1).toISOString(),
      });
    } catch (error) {
      this.files.forget();
      this.complain(error);
    }
  }

  private async read(): Promise<ClientCertificate> {
    const limits = { code: CODE, maxBytes: MAX_BYTES } as const;
    const chain = await readSmallFile(this.chainPath, { ...limits, what: `client certificate ${this.chainPath}` });
    const what = `key of the client certificate ${this.keyPath}`;
    const key = await readSmallFile(this.keyPath, { ...limits, what });
    try {
      if (!leafOf(chain.content, this.chainPath).checkPrivateKey(readPrivateKey(key.content, { ...limits, what }))) {
        throw new IdentityError(CODE, `${what}: got the key of another certificate, expected that of the first one`);
      }
      // What OpenSSL refuses in the handshake, such as a key that is too short, is refused here.
      createSecureContext({ cert: chain.content, key: key.content, ...TLS_PARAMETERS });
      return new ClientCertificate(chain.content, key.content);
    } catch (error) {
      key.content.fill(0);
      throw wrapError(CODE, `client certificate ${this.chainPath}`, error);
    }
  }

  /** Once for each problem: it is met again with each call. */
  private complain(error: unknown): void {
    const message = messageOf(error);
    if (message === this.lastProblem) return;
    this.lastProblem = message;
    const fields = { [Field.code]: errorCodeOf(error), [Field.error]: message };
    this.options.logger.warn('client certificate cannot be used', fields);
  }
}

function leafOf(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new IdentityError(CODE, `client certificate ${path}: got what does not parse, expected PEM`, { cause });
  }
}
