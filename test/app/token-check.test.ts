import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { startAgent, startCitadel } from '../../src/app/index.js';
import { COMMANDS } from '../../src/config/index.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { openSdsClient } from '../support/sds-client.js';
import { settings } from '../support/settings.js';
import { shortDir } from '../support/short-dir.js';
import { StatusReader } from '../support/status-reader.js';
import { TokenIssuer } from '../support/test-tokens.js';

const keysOf = (...issuers: TokenIssuer[]) => JSON.stringify({ keys: issuers.flatMap(({ jwks }) => jwks.keys) });

/** A Citadel that knows the keys of `atCitadel`, and an agent in node mode whose key set has those of `atAgent`. */
async function startNode(
  t: Test,
  { atCitadel, atAgent, flags }: Record<'atCitadel' | 'atAgent', TokenIssuer[]> & { flags?: Record<string, string> },
) {
  const directory = shortDir(t);
  const file = (name: string, content = ''): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const rootFile = join(directory, 'root.pem');
  const issuer = atCitadel[0]?.issuer ?? '';
  const contextOf = (logger: RecordingLogger) => ({ logger, now: Date.now, random: Math.random, nodeFlags: [] });
  const [logger, ofCitadel] = [new RecordingLogger(), new RecordingLogger()];
  const citadel = await startCitadel(
    settings(COMMANDS.citadel, {
      ...{ listen: '127.0.0.1:0', jwks: file('citadel.json', keysOf(...atCitadel)), 'token-issuer': issuer },
      'root-cert-out': rootFile,
    }),
    contextOf(ofCitadel),
  );
  t.teardown(() => citadel.close());
  const jwks = file('agent.json', keysOf(...atAgent));
  const agent = await startAgent(
    settings(COMMANDS.agent, {
      ...{ mode: 'node', socket: join(directory, 'sds.sock'), 'ca-address': citadel.address, 'ca-root': rootFile },
      ...{ jwks, 'token-issuer': issuer, 'status-address': '127.0.0.1:0' },
      ...flags,
    }),
    contextOf(logger),
  );
  t.teardown(() => agent.close());
  const ask = (token: string) => {
    const stream = openSdsClient(t, agent.address, { authorization: `Bearer ${token}` });
    stream.request({ names: ['default'] });
    return stream;
  };
  const pages = new StatusReader(logger);
  return {
    logger,
    /** Resolves when a token is let in. */
    served: async (token: string) => (await ask(token).expectResponse()).names,
    /** Resolves with the status that the stream of a token ends with. */
    refused: async (token: string) => (await ask(token).ended).code,
    /** How many tokens the CA was asked about. */
    asked: () => ['certificate issued', 'certificate refused'].map((message) => ofCitadel.of(message).length),
    setKeys: (...issuers: TokenIssuer[]) => file('agent.json', keysOf(...issuers)),
    metrics: async () => (await pages.page('/metrics')).text,
  };
}

function podToken(issuer: TokenIssuer, podUid: string, changes = {}): Promise<string> {
  const pod = { namespace: 'foo', serviceaccount: { name: 'sleep' }, pod: { uid: podUid } };
  return issuer.token('foo', 'sleep', { 'kubernetes.io': pod, ...changes });
}

t.test(
  'with a key set of its own an agent refuses what is no token for it, and the CA never hears of that',
  async (t) => {
    const genuine = new TokenIssuer();
    const { served, refused, asked, metrics, logger } = await startNode(t, {
      atCitadel: [genuine],
      atAgent: [genuine],
    });
    const seconds = Math.floor(Date.now() / 1000);
    const cases = {
      'signed by another key of the same id': await podToken(new TokenIssuer(), 'pod-1'),
      'for another audience': await podToken(genuine, 'pod-1', { aud: ['https://kubernetes.default.svc'] }),
      'of another issuer': await podToken(genuine, 'pod-1', { iss: 'https://elsewhere.example' }),
      'not valid yet': await podToken(genuine, 'pod-1', { nbf: seconds + 3600 }),
      expired: await podToken(genuine, 'pod-1', { exp: seconds - 3600 }),
      'without an end': await podToken(genuine, 'pod-1', { exp: undefined }),
      'of no key at all': await genuine
        .sign(genuine.claims(), { alg: 'ES256', kid: undefined })
        .then((token) => `${token}A`),
    };
    for (const [what, token] of Object.entries(cases)) t.equal(await refused(token), status.UNAUTHENTICATED, what);
    t.strictSame(asked(), [0, 0]);
    t.strictSame(await served(await podToken(genuine, 'pod-1')), ['default']);
    t.strictSame(asked(), [1, 0]);
    const page = await metrics();
    t.match(page, 'sidecert_token_checks_total{result="verified"} 1');
    t.match(page, 'sidecert_svid_issues_total{for="proof",code="OK"} 1');
    t.notMatch(page, /sidecert_svid_issues_total\{for="proof",code="ERR/, 'no key was made for them');
    t.match(logger.of('sds stream refused').at(0), { fields: { code: 'ERR_TOKEN_REFUSED' } });
  },
);

t.test('a key that has come into the file is known to the first token that names it', async (t) => {
  const [old, fresh] = [new TokenIssuer({ kid: 'old' }), new TokenIssuer({ kid: 'fresh' })];
  const { served, asked, setKeys, metrics } = await startNode(t, { atCitadel: [old, fresh], atAgent: [old] });
  t.strictSame(await served(await podToken(old, 'pod-1')), ['default']);
  setKeys(old, fresh);
  t.strictSame(await served(await podToken(fresh, 'pod-2')), ['default']);
  t.strictSame(asked(), [2, 0]);
  t.match(await metrics(), 'sidecert_token_checks_total{result="verified"} 2');
});

t.test(
  'while the file is older than the keys of the cluster new pods are served, and the log says what is wrong',
  async (t) => {
    const [old, fresh] = [new TokenIssuer({ kid: 'old' }), new TokenIssuer({ kid: 'fresh' })];
    const { served, asked, logger, metrics } = await startNode(t, { atCitadel: [old, fresh], atAgent: [old] });
    for (const pod of ['pod-1', 'pod-2', 'pod-3']) {
      t.strictSame(await served(await podToken(fresh, pod)), ['default'], pod);
    }
    t.strictSame(asked(), [3, 0]);
    const [line] = logger.of('the CA accepts a token key that the key set lacks');
    t.match(line, { level: 'warn', fields: { error: /got id "fresh" with ES256, which the JWKS file has not/ } });
    t.match(await metrics(), 'sidecert_token_checks_total{result="unknown_key"} 3');
  },
);

t.test('of forged tokens with made-up key ids one goes to the CA, and pods of known keys are served', async (t) => {
  const genuine = new TokenIssuer();
  const { served, refused, asked } = await startNode(t, { atCitadel: [genuine], atAgent: [genuine] });
  for (let index = 0; index < 30; index += 1) {
    const forged = await podToken(new TokenIssuer({ kid: `made-up-${index}` }), 'pod-1');
    t.equal(await refused(forged), status.UNAUTHENTICATED);
  }
  t.strictSame(asked(), [0, 1]);
  t.strictSame(await served(await podToken(genuine, 'pod-1')), ['default']);
  t.strictSame(asked(), [1, 1]);
});

t.test('a sidecar that goes by the tokens of streams has the same check', async (t) => {
  const genuine = new TokenIssuer();
  const flags = { mode: 'sidecar', 'token-source': 'stream', namespace: 'foo', 'service-account': 'sleep' };
  const { served, refused, asked } = await startNode(t, { atCitadel: [genuine], atAgent: [genuine], flags });
  t.equal(await refused(await podToken(new TokenIssuer(), 'pod-1')), status.UNAUTHENTICATED);
  t.strictSame(asked(), [0, 0]);
  t.strictSame(await served(await podToken(genuine, 'pod-1')), ['default']);
});

t.test('a file without a key ends the start', async (t) => {
  const genuine = new TokenIssuer();
  await t.rejects(startNode(t, { atCitadel: [genuine], atAgent: [] }), {
    code: 'ERR_JWKS_INVALID',
    message: /agent\.json: got no public key, expected at least one of type RSA, EC or OKP/,
  });
});
