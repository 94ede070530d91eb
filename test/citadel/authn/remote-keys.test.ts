import t, { type Test } from 'tap';
import { issuerAuthenticator, RemoteKeys, tokenAuthenticator } from '../../../src/citadel/authn/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { rejectionCode } from '../../hotpath/pki.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const ISSUER = 'https://issuer.example';
const trustDomain = TrustDomain.parse('cluster.local');

interface SetUp {
  readonly source?: URL | 'discovery';
  /** By URL; what is an Error is thrown. */
  readonly documents: Record<string, unknown>;
}

async function setup(t: Test, { source = 'discovery', documents }: SetUp) {
  const logger = new RecordingLogger();
  const reads: string[] = [];
  let nowMs = Date.now();
  let tick = (): void => {};
  const keys = await RemoteKeys.open({
    ...{ issuer: ISSUER, source, logger, now: () => nowMs },
    async read(url) {
      reads.push(url.href);
      const document = documents[url.href];
      if (document instanceof Error) throw document;
      return Buffer.from(JSON.stringify(document ?? null));
    },
    every(_, act) {
      tick = act;
      return () => {};
    },
  });
  t.teardown(() => keys.close());
  const expected = { audiences: ['istio-ca'], binding: 'any', trustDomain, now: () => nowMs } as const;
  const authenticator = tokenAuthenticator(keys, expected);
  return {
    ...{ logger, reads, authenticator },
    codeFor: async (token: Promise<string>) => rejectionCode(authenticator.authenticate(await token)),
    advance(milliseconds: number) {
      nowMs += milliseconds;
    },
    tick: () => tick(),
  };
}

const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const KEYS = 'https://keys.example/jwks';
const documentsOf = (issuer: TokenIssuer): Record<string, unknown> => ({
  [DISCOVERY]: { issuer: ISSUER, jwks_uri: KEYS },
  [KEYS]: issuer.jwks,
});

t.test('the keys are where the issuer says that they are', async (t) => {
  const issuer = new TokenIssuer({ issuer: ISSUER });
  const { codeFor, reads, logger } = await setup(t, { documents: documentsOf(issuer) });
  t.equal(await codeFor(issuer.token()), 'none');
  t.same(reads, [DISCOVERY, KEYS]);
  t.match(logger.of('token keys read'), [{ fields: { issuer: ISSUER } }]);
});

t.test('the keys of a URL are read without discovery', async (t) => {
  const issuer = new TokenIssuer({ issuer: ISSUER });
  const { codeFor, reads } = await setup(t, { source: new URL(KEYS), documents: { [KEYS]: issuer.jwks } });
  t.equal(await codeFor(issuer.token()), 'none');
  t.same(reads, [KEYS]);
});

t.test(
  'a new key is read for the first token that names it, and made-up ones cause one look in ten seconds',
  async (t) => {
    const issuer = new TokenIssuer({ issuer: ISSUER });
    const next = new TokenIssuer({ issuer: ISSUER, kid: 'key-2' });
    const documents = documentsOf(issuer);
    const { codeFor, reads, advance } = await setup(t, { documents });
    documents[KEYS] = { keys: [...issuer.jwks.keys, ...next.jwks.keys] };
    t.equal(await codeFor(next.token()), 'ERR_TOKEN_REFUSED', 'just after a look');
    advance(10_000);
    t.same(await Promise.all([codeFor(next.token()), codeFor(next.token())]), ['none', 'none']);
    t.equal(reads.length, 4, 'one look for both');
    for (const kid of ['a', 'b', 'c']) {
      t.equal(await codeFor(new TokenIssuer({ issuer: ISSUER, kid }).token()), 'ERR_TOKEN_REFUSED');
    }
    t.equal(reads.length, 4);
  },
);

t.test('a key that was withdrawn is out of use after the next read', async (t) => {
  const issuer = new TokenIssuer({ issuer: ISSUER });
  const documents = documentsOf(issuer);
  const { codeFor, tick, logger } = await setup(t, { documents });
  documents[KEYS] = new TokenIssuer({ issuer: ISSUER, kid: 'key-2' }).jwks;
  tick();
  await logger.until('token keys reloaded');
  t.equal(await codeFor(issuer.token()), 'ERR_TOKEN_REFUSED');
});

const faults: { name: string; documents: Record<string, unknown>; says: RegExp }[] = [
  {
    name: 'is away',
    documents: { [DISCOVERY]: new Error('ECONNREFUSED') },
    says: /openid-configuration: ECONNREFUSED/,
  },
  {
    name: 'tells of another issuer',
    documents: { [DISCOVERY]: { issuer: 'https://other', jwks_uri: KEYS } },
    says: /another issuer/,
  },
  {
    name: 'has its keys on plain HTTP',
    documents: { [DISCOVERY]: { issuer: ISSUER, jwks_uri: 'http://keys.example' } },
    says: /no URL of https/,
  },
  { name: 'answers null', documents: { [DISCOVERY]: null }, says: /another issuer, undefined/ },
  {
    name: 'has no keys',
    documents: { [DISCOVERY]: { issuer: ISSUER, jwks_uri: KEYS }, [KEYS]: { keys: [] } },
    says: /no public key/,
  },
];
for (const { name, documents: fault, says } of faults) {
  t.test(`an issuer that ${name} keeps its last good keys`, async (t) => {
    const issuer = new TokenIssuer({ issuer: ISSUER });
    const documents = documentsOf(issuer);
    const { codeFor, tick, logger } = await setup(t, { documents });
    Object.assign(documents, fault);
    tick();
    const { fields } = await logger.until('token keys of an issuer could not be read, the old ones stay');
    t.match(fields, { code: 'ERR_JWKS_INVALID', error: says });
    t.equal(await codeFor(issuer.token()), 'none');
  });

  t.test(`an issuer that ${name} at the start: its tokens are not verified until it is there`, async (t) => {
    const issuer = new TokenIssuer({ issuer: ISSUER });
    const documents = { ...documentsOf(issuer), ...fault };
    const { codeFor, reads, logger, advance } = await setup(t, { documents });
    t.match(logger.of('token keys of an issuer could not be read, its tokens are refused'), [
      { fields: { error: says } },
    ]);
    const before = reads.length;
    t.equal(await codeFor(issuer.token()), 'ERR_JWKS_INVALID');
    t.equal(reads.length, before, 'not asked again at once');
    Object.assign(documents, documentsOf(issuer));
    advance(10_000);
    t.equal(await codeFor(issuer.token()), 'none');
  });
}

t.test('each issuer is verified by its own keys alone', async (t) => {
  const [one, two] = [new TokenIssuer({ issuer: ISSUER }), new TokenIssuer({ issuer: 'https://two.example' })];
  const { authenticator } = await setup(t, { documents: documentsOf(one) });
  const asked: string[] = [];
  const others = {
    async authenticate(token: string) {
      asked.push(token);
      return authenticator.authenticate(token);
    },
  };
  const chosen = issuerAuthenticator(new Map([[ISSUER, authenticator]]), undefined);
  const codeOf = async (token: Promise<string>, by = chosen) => rejectionCode(by.authenticate(await token));
  t.equal(await codeOf(one.token()), 'none');
  t.equal(await codeOf(two.token()), 'ERR_TOKEN_REFUSED', 'an issuer of none');
  t.equal(await codeOf(two.token('foo', 'sleep', { iss: ISSUER })), 'ERR_TOKEN_REFUSED', 'the name of another issuer');
  t.equal(await codeOf(one.token('foo', 'sleep', { iss: 'https://two.example' })), 'ERR_TOKEN_REFUSED');
  const withOthers = issuerAuthenticator(new Map([[ISSUER, authenticator]]), others);
  t.equal(await codeOf(two.token(), withOthers), 'ERR_TOKEN_REFUSED');
  t.equal(asked.length, 1, 'the others have looked at it');
  for (const text of ['', 'a', 'a.b', 'a.b.c', '..', `${'a'.repeat(30_000)}.b.c`]) {
    t.match(await codeOf(Promise.resolve(text)), /^ERR_TOKEN_(REFUSED|MALFORMED)$/, text.slice(0, 9));
  }
});
