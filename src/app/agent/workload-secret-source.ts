import { errorCodeOf, IdentityError } from '../../errors/index.js';
import type { Pod, TokenGate, WorkloadIdentity } from '../../identity/index.js';
import type { SecretSource, SecretView, ServedSecret, StreamCaller } from '../../sds/index.js';
import { Field } from '../../telemetry/index.js';
import type { QuietLog } from './quiet-log.js';
import type { FileSecretsOfStream } from './secrets/file-secrets.js';
import type { SecretCatalog } from './secrets/secret-catalog.js';

const BEARER = 'Bearer ';

/** The pod's identity for every stream: in sidecar mode the socket belongs to one pod. */
export function openSource(identity: WorkloadIdentity, catalog: SecretCatalog): SecretSource {
  return { open: () => viewOf(identity, catalog) };
}

/** For each stream whose own token the CA has accepted, the identity of that token's pod. */
export function gatedSource(gate: TokenGate, catalog: SecretCatalog, log: QuietLog): SecretSource {
  const admit = async (caller: StreamCaller, signal: AbortSignal): Promise<Pod> => {
    try {
      return await gate.admit(bearerToken(caller), signal);
    } catch (error) {
      if (errorCodeOf(error) !== 'ERR_CANCELLED') tellRefusal(log, caller, error);
      throw error;
    }
  };
  return {
    async open(caller, gone) {
      const pod = await admit(caller, gone());
      return viewOf(pod.identity, catalog, { release: pod.hold(), onTokenNeeded: (end) => pod.onTokenNeeded(end) });
    },
  };
}

/** What a stream's own token brings along. */
interface Admission {
  release(): void;
  onTokenNeeded(end: () => void): () => void;
}

/** The workload's secrets, and the files. A name means at most one of them: the configuration has been checked for that. */
function viewOf(identity: WorkloadIdentity, catalog: SecretCatalog, admission?: Admission): SecretView {
  const workload = catalog.of(identity);
  let changed = (_names: readonly string[]): void => {};
  // Few streams want a file, and there are thousands of streams.
  let files: FileSecretsOfStream | undefined;
  const file = (name: string): ServedSecret | undefined => {
    if (!catalog.files.mayServe(name)) return undefined;
    files ??= catalog.files.openStream((one) => changed([one]));
    return files.secret(name);
  };
  const ends: (() => void)[] = [];
  if (admission !== undefined) ends.push(() => admission.release());
  return {
    secret: (name) => workload.secret(name) ?? file(name),
    isImpossible: (name) => !workload.mayServe(name) && !catalog.files.mayServe(name),
    subscribe(events) {
      changed = (names) => events.changed(names);
      ends.push(workload.subscribe(changed));
      // Ended with OK, Envoy comes back at once and reads its token file anew.
      if (admission !== undefined) ends.push(admission.onTokenNeeded(() => events.end()));
    },
    close() {
      files?.close();
      for (const end of ends.splice(0)) end();
    },
  };
}

/** Envoy comes back ten times a second with what was refused: one line a minute for each reason and connection. */
function tellRefusal(log: QuietLog, { connection }: StreamCaller, error: unknown): void {
  const code = errorCodeOf(error);
  const reason = error instanceof IdentityError ? error.message : 'internal error';
  const fields = { [Field.connection]: connection, [Field.code]: code, [Field.error]: reason };
  log.warn('sds stream refused', fields, `${code} ${connection}`);
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
