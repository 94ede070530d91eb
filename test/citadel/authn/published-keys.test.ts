import t, { type Test } from 'tap';
import { PublishedKeys, tokenAuthenticator } from '../../../src/citadel/authn/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { rejectionCode } from '../../hotpath/pki.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const trustDomain = TrustDomain.parse('cluster.local');

/** An API server whose answers a test replaces. */
class FakePublisher {
  readonly name = 'the API server api:443';
  reads = 0;
  issuer: unknown;
  keys: unknown;
  fault: Error | undefined;

  constructor(issuer: TokenIssuer) {
    this.issuer = issuer.issuer;
    this.keys = issuer.jwks;
  }

  async readDiscovery(): Promise<Buffer> {
    if (this.fault !== undefined) throw this.fault;
    return Buffer.from(JSON.stringify({ issuer: this.issuer, jwks_uri: 'https://elsewhere.example/keys' }));
  }

  async readKeys(): Promise<Buffer> {
    this.reads += 1;
    return Buffer.from(typeof this.keys === 'string' ? this.keys : JSON.stringify(this.keys));
  }
}

async function setup(t: Test, issuer: TokenIssuer, issuers: readonly string[] = []) {
  const publisher = new FakePublisher(issuer);
  const logger = new RecordingLogger();
  let nowMs = Date.now();
  let tick = (): void => {};
  const keys = await PublishedKeys.open({
    ...{ publisher, issuers, logger, now: () => nowMs },
    every(_, act) {
      tick = act;
      return () => {};
    },
  });
  t.teardown(() => keys.close());
  const expected = { audiences: ['istio-ca'], binding: 'any', trustDomain, now: () => nowMs } as const;
  const authenticator = tokenAuthenticator(keys, expected);
  return {
    ...{ publisher, logger, keys },
    codeFor: async (token: Promise<string>) => rejectionCode(authenticator.authenticate(await token)),
    advance(milliseconds: number) {
      nowMs += milliseconds;
    },
    /** The next read at its interval. */
    async readAgain() {
      const before = publisher.reads;
      tick();
      while (publisher.reads === before && publisher.fault === undefined) await new Promise(setImmediate);
      await new Promise(setImmediate);
    },
  };
}

t.test('tokens are verified by the keys and the issuer that an API server publishes', async (t) => {
  const issuer = new TokenIssuer();
  const { codeFor, publisher } = await setup(t, issuer);
  t.equal(await codeFor(issuer.token()), 'none');
  t.equal(await codeFor(issuer.token('foo', 'sleep', { iss: 'https://other.example' })), 'ERR_TOKEN_REFUSED');
  t.equal(await codeFor(new TokenIssuer().token()), 'ERR_TOKEN_REFUSED');
  t.equal(publisher.reads, 1, 'once');
});

t.test('a token with an unknown key id has the keys read again, at most once a second', async (t) => {
  const [old, fresh] = [new TokenIssuer({ kid: 'old' }), new TokenIssuer({ kid: 'fresh' })];
  const { codeFor, publisher, advance, logger } = await setup(t, old);
  publisher.keys = { keys: [...old.jwks.keys, ...fresh.jwks.keys] };
  t.equal(await codeFor(fresh.token()), 'none');
  t.equal(await codeFor(old.token()), 'none');
  t.equal(publisher.reads, 2);
  for (let index = 0; index < 20; index += 1) {
    t.equal(await codeFor(new TokenIssuer({ kid: `made-up-${index}` }).token()), 'ERR_TOKEN_REFUSED');
  }
  t.equal(publisher.reads, 2);
  advance(1000);
  await codeFor(new TokenIssuer({ kid: 'made-up' }).token());
  t.equal(publisher.reads, 3);
  t.strictSame(
    logger.lines.map(({ message }) => message),
    ['token keys read', 'token keys reloaded'],
  );
});

t.test('a key that was withdrawn is out of use after the next read', async (t) => {
  const [old, fresh] = [new TokenIssuer({ kid: 'old' }), new TokenIssuer({ kid: 'fresh' })];
  const { codeFor, publisher, readAgain } = await setup(t, old);
  publisher.keys = fresh.jwks;
  await readAgain();
  t.equal(await codeFor(old.token()), 'ERR_TOKEN_REFUSED');
  t.equal(await codeFor(fresh.token()), 'none');
});

const faults: readonly { readonly name: string; readonly answers: Partial<FakePublisher> }[] = [
  { name: 'that is away', answers: { fault: new IdentityError('ERR_KUBERNETES_UNAVAILABLE', 'away') } },
  { name: 'with no keys', answers: { keys: { keys: [] } } },
  { name: 'with half a key set', answers: { keys: '{"keys":[' } },
  { name: 'with too many keys', answers: { keys: ' '.repeat(300_000) } },
  { name: 'without issuer', answers: { issuer: '' } },
  { name: 'with a number for an issuer', answers: { issuer: 7 } },
];

for (const { name, answers } of faults) {
  t.test(`an API server ${name} does not take the last good keys away, and cannot be begun with`, async (t) => {
    const issuer = new TokenIssuer();
    const { codeFor, publisher, readAgain, logger, keys, advance } = await setup(t, issuer);
    const readAtMs = keys.readAtMs;
    Object.assign(publisher, answers);
    advance(60_000);
    await readAgain();
    t.equal(await codeFor(issuer.token()), 'none');
    t.match(logger.of('token keys could not be reloaded, the old ones stay').length, 1);
    t.equal(keys.readAtMs, readAtMs, 'and their age tells of it');
    const options = { publisher, issuers: [], logger, now: Date.now };
    await t.rejects(PublishedKeys.open(options), { code: /^ERR_(JWKS_INVALID|KUBERNETES_UNAVAILABLE)$/ });
  });
}

t.test(
  'an issuer that has changed stays accepted for its tokens that are left, and so do those of the settings',
  async (t) => {
    const issuer = new TokenIssuer();
    const { codeFor, publisher, readAgain, keys } = await setup(t, issuer, ['https://set.example']);
    publisher.issuer = 'https://new.example';
    await readAgain();
    for (const iss of [issuer.issuer, 'https://new.example', 'https://set.example']) {
      t.equal(await codeFor(issuer.token('foo', 'sleep', { iss })), 'none', iss);
    }
    for (let index = 0; index < 10; index += 1) {
      publisher.issuer = `https://${index}.example`;
      await readAgain();
    }
    t.strictSame(keys.issuers, [...[9, 8, 7, 6].map((index) => `https://${index}.example`), 'https://set.example']);
  },
);
