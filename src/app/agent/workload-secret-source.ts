import { IdentityError } from '../../errors/index.js';
import type { TokenGate, WorkloadIdentity } from '../../identity/index.js';
import type { SecretSource, SecretView, StreamCaller } from '../../sds/index.js';

/** The names under which Istio's Envoys ask for their certificate and for their trust bundle. (reference: Istio A24, A25) */
const CERTIFICATE_NAME = 'default';
const BUNDLE_NAME = 'ROOTCA';

/** Names that metrics and status call by their name. */
export const CONFIGURED_NAMES: readonly string[] = [CERTIFICATE_NAME, BUNDLE_NAME];

const BEARER = 'Bearer ';

/** The pod's identity for every stream: in sidecar mode the socket belongs to one pod. */
export function openSource(identity: WorkloadIdentity): SecretSource {
  return { open: async () => viewOf(identity) };
}

/** For each stream whose own token the CA has accepted, the identity of that token's pod. */
export function gatedSource(gate: TokenGate): SecretSource {
  return {
    async open(caller, signal) {
      const pod = await gate.admit(bearerToken(caller), signal);
      return viewOf(pod.identity, { release: pod.hold(), onTokenNeeded: (end) => pod.onTokenNeeded(end) });
    },
  };
}

/** What a stream's own token brings along. */
interface Admission {
  release(): void;
  onTokenNeeded(end: () => void): () => void;
}

function viewOf(identity: WorkloadIdentity, admission?: Admission): SecretView {
  const ends: (() => void)[] = [];
  if (admission !== undefined) ends.push(() => admission.release());
  return {
    secret(name) {
      if (name === CERTIFICATE_NAME) return identity.certificate();
      if (name === BUNDLE_NAME) return identity.bundle();
      return undefined;
    },
    subscribe(events) {
      ends.push(
        identity.onChange(({ certificate, bundle }) => {
          events.changed([...(bundle ? [BUNDLE_NAME] : []), ...(certificate ? [CERTIFICATE_NAME] : [])]);
        }),
      );
      // Ended with OK, Envoy comes back at once and reads its token file anew.
      if (admission !== undefined) ends.push(admission.onTokenNeeded(() => events.end()));
    },
    close() {
      for (const end of ends.splice(0)) end();
    },
  };
}

function bearerToken({ authorization }: StreamCaller): Buffer {
  const [value, ...others] = authorization;
  if (value === undefined)
    throw new IdentityError('ERR_TOKEN_MISSING', 'stream without authorization, expected a bearer token');
  if (others.length > 0)
    throw new IdentityError('ERR_TOKEN_MALFORMED', 'stream with several authorization values, expected one');
  if (!value.startsWith(BEARER))
    throw new IdentityError('ERR_TOKEN_MALFORMED', `authorization of another scheme, expected ${BEARER}`);
  return Buffer.from(value.slice(BEARER.length).trim(), 'latin1');
}
