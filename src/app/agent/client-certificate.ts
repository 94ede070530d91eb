/** What an agent shows its CA beside the token: kept apart so that it loads only where it is switched on. */
import {
  ClientCertificate,
  ClientCertificateFiles,
  type ClientCertificateSource,
} from '../../agent/ca-client/index.js';
import type { SecretContent, WorkloadIdentity } from '../../agent/identity/index.js';
import { certificatePemsOf } from '../../agent/secrets/index.js';
import type { AgentConfig } from '../../config/index.js';
import type { AppContext } from '../running-app.js';

/**
 * The certificate of `--ca-client-cert` and `--ca-client-svid`: the own SVID once there is one, else the files.
 * `identity` is asked for each call.
 */
export function clientCertificateOf(
  { caClientCert, usesOwnSvid }: Pick<AgentConfig, 'caClientCert' | 'usesOwnSvid'>,
  { logger, now }: AppContext,
  identity: () => Pick<WorkloadIdentity, 'certificate'> | undefined,
): ClientCertificateSource {
  const own = usesOwnSvid === true ? new OwnSvid(identity) : undefined;
  const files =
    caClientCert === undefined ? undefined : new ClientCertificateFiles({ directory: caClientCert, logger, now });
  return { current: async () => own?.current() ?? (await files?.current()) };
}

/** The SVID that the agent serves, as long as it is valid. */
class OwnSvid {
  private content: SecretContent | undefined;
  private shown: ClientCertificate | undefined;

  constructor(private readonly identity: () => Pick<WorkloadIdentity, 'certificate'> | undefined) {}

  current(): ClientCertificate | undefined {
    const content = this.identity()?.certificate();
    if (content !== this.content) {
      this.shown?.wipe();
      this.content = content;
      this.shown = content && copyOf(content.body);
    }
    return this.shown;
  }
}

/** The identity wipes what it replaces; of the key in memory that is no one else's. */
function copyOf(body: Buffer): ClientCertificate {
  const { chainPem, privateKeyPem } = certificatePemsOf(body);
  const key = Buffer.allocUnsafeSlow(privateKeyPem.length);
  key.set(privateKeyPem);
  return new ClientCertificate(Buffer.from(chainPem), key);
}
