import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openChannel, status } from '../../../src/net/grpc/index.js';
import { NO_ADDON } from '../../hotpath/implementations.js';
import { OfficialSecrets } from '../../support/official-secrets.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { encodeRequest } from '../../support/sds-client.js';
import { shortDir } from '../../support/short-dir.js';
import { startSidecarAgent } from '../../support/sidecar-agent.js';
import { TestCa } from '../../support/test-ca.js';

const FETCH = '/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets';

const official = new OfficialSecrets();

interface Source {
  readonly inlineBytes?: string;
}

type Sources = Readonly<Record<string, Source | undefined>>;

/** What every form of one secret is reduced to. */
interface Fetched {
  readonly generic?: string | undefined;
  readonly bundle?: string | undefined;
  readonly chain?: string | undefined;
  readonly key?: string | undefined;
}

async function overGrpc(t: Test, socket: string, name: string): Promise<Fetched> {
  const channel = openChannel({ unix: socket });
  t.teardown(() => channel.close());
  const ask = () => channel.unary(FETCH, encodeRequest({ names: [name] }), { deadlineMs: Date.now() + PATIENCE_MS });
  for (;;) {
    const answer = await ask().catch((failure: { code: status }) => {
      if (failure.code !== status.UNAVAILABLE) throw failure;
    });
    if (answer !== undefined) return textsOf(official.resources(answer)[0]);
  }
}

/** As Envoy polls: what a busy machine has not read within the time of one poll comes with a later one. */
async function overRest(_t: Test, socketPath: string, name: string): Promise<Fetched> {
  for (;;) {
    const { code, body } = await poll(socketPath, name);
    if (code !== 503) return textsOf(JSON.parse(body).resources[0]);
  }
}

function poll(socketPath: string, name: string): Promise<{ code: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/v3/discovery:secrets', method: 'POST' }, async (response) => {
      resolve({ code: response.statusCode, body: Buffer.concat(await response.toArray()).toString() });
    })
      .once('error', reject)
      .end(JSON.stringify({ resource_names: [name] }));
  });
}

/** Both forms of a secret have the JSON names, and base64 for bytes. */
function textsOf(secret: unknown): Fetched {
  const { genericSecret, validationContext, tlsCertificate } = secret as Readonly<Record<string, Sources | undefined>>;
  const text = (source: Source | undefined) =>
    source?.inlineBytes && Buffer.from(source.inlineBytes, 'base64').toString();
  return {
    generic: text(genericSecret?.secret),
    bundle: text(validationContext?.trustedCa),
    chain: text(tlsCertificate?.certificateChain),
    key: text(tlsCertificate?.privateKey),
  };
}

for (const kind of ['native', 'js']) {
  const skip = kind === 'native' && NO_ADDON;
  for (const [form, fetch] of Object.entries({ FetchSecrets: overGrpc, REST: overRest })) {
    t.test(`${form} answers the content of files that no stream holds (${kind})`, { skip }, async (t) => {
      const ca = TestCa.root();
      const pair = ca.server();
      const directory = t.testdir();
      const path = (name: string, content: Buffer | string) => {
        writeFileSync(join(directory, name), content);
        return join(directory, name);
      };
      const [cert, key, root] = [path('c', pair.certPem), path('k', pair.keyPem), path('r', ca.certificatePem)];
      const restSocket = join(shortDir(t), 'r');
      const flags = {
        'secret-dir': directory,
        'generic-secret': `hmac=${path('hmac', 's3cret')}`,
        rest: 'keys',
        'rest-socket': restSocket,
      };
      const { socket } = await startSidecarAgent(t, { flags: { ...flags, 'hot-path': kind } });
      // Twice: the first fetch has closed the files again.
      for (const round of [1, 2]) {
        t.equal(
          (await fetch(t, form === 'REST' ? restSocket : socket, 'hmac')).generic,
          's3cret',
          `generic secret, round ${round}`,
        );
        const bundle = (await fetch(t, form === 'REST' ? restSocket : socket, `file-root:${root}`)).bundle ?? '';
        t.ok(
          new X509Certificate(bundle).raw.equals(new X509Certificate(ca.certificatePem).raw),
          `root, round ${round}`,
        );
        const { chain = '', key: keyPem = '' } = await fetch(
          t,
          form === 'REST' ? restSocket : socket,
          `file-cert:${cert}~${key}`,
        );
        t.ok(new X509Certificate(chain).raw.equals(new X509Certificate(pair.certPem).raw), `chain, round ${round}`);
        t.match(keyPem, /^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END PRIVATE KEY-----\n$/);
      }
    });
  }
}
