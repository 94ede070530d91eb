import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { type SidecarAgent, startSidecarAgent } from '../support/sidecar-agent.js';
import { TokenIssuer } from '../support/test-tokens.js';

const issuer = new TokenIssuer();
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function start(t: Test): Promise<SidecarAgent> {
  return startSidecarAgent(t, { flags: { 'token-source': 'stream' } });
}

async function served({ connect }: SidecarAgent, token: string): Promise<readonly string[]> {
  const stream = connect(bearer(token));
  stream.request({ names: ['default'], nodeId: 'test' });
  return (await stream.expectResponse()).names;
}

const [header, payload, signature] = (await issuer.token()).split('.');
const refusals = [
  { what: 'no token', metadata: {}, reason: 'no token came with the stream' },
  {
    what: 'another scheme',
    metadata: { authorization: 'Basic eA==' },
    reason: 'what came with the stream is no bearer token',
  },
  {
    what: 'more space before the token than the one',
    metadata: bearer(` ${await issuer.token()}`),
    reason: 'what came with the stream is no bearer token',
  },
  { what: 'no JWT', metadata: bearer('nonsense'), reason: 'what came with the stream is no bearer token' },
  {
    what: 'an unsigned JWT',
    metadata: bearer(`${header}.${payload}.`),
    reason: 'what came with the stream is no bearer token',
  },
  {
    what: 'a payload of nonsense',
    metadata: bearer(`${header}.AAAA.${signature}`),
    reason: 'what came with the stream is no bearer token',
  },
  {
    what: '25 kB of a token',
    metadata: bearer(`${header}.${'A'.repeat(25 * 1024)}.${signature}`),
    reason: 'what came with the stream is no bearer token',
  },
  {
    what: 'an ended token',
    metadata: bearer(await issuer.token('foo', 'sleep', { exp: Math.floor(Date.now() / 1000) - 60 })),
    reason: 'the token has expired',
  },
] as const;
for (const { what, metadata, reason } of refusals) {
  t.test(`row 67: a stream with ${what} is told "${reason}", and costs no CSR`, async (t) => {
    const agent = await start(t);
    const stream = agent.connect(metadata);
    stream.request({ names: ['default'], nodeId: 'test' });
    t.strictSame(await stream.ended, { code: status.UNAUTHENTICATED, details: `authentication failed: ${reason}` });
    t.equal(agent.ca.calls.length, 0);
    const [line, ...more] = agent.logger.of('sds stream refused');
    t.match(line, { level: 'warn', fields: { code: /^ERR_TOKEN_/, error: String } });
    t.equal(more.length, 0);
    t.notMatch(agent.logger.text, payload ?? '');
  });
}

t.test('a token of 20 kB passes', async (t) => {
  const agent = await start(t);
  const long = await issuer.token('foo', 'sleep', { groups: 'g'.repeat(15_000) });
  t.ok(long.length > 20_000);
  t.same(await served(agent, long), ['default']);
});

t.test(
  'row 67: who is refused and comes back ten times a second costs the CA nothing, and others are served',
  async (t) => {
    const agent = await start(t);
    const { ca, logger, connect } = agent;
    const refused = await issuer.token('foo', 'sleep', { jti: 'refused' });
    ca.faults.push({ kind: 'reject', code: status.UNAUTHENTICATED });
    const connection = connect(bearer(refused));
    connection.request({ names: ['default'], nodeId: 'test' });
    const first = await connection.ended;
    t.strictSame(first, { code: status.UNAUTHENTICATED, details: 'authentication failed' });
    t.equal(ca.calls.length, 1);
    // Three seconds of retries; that they follow one another at once makes it no easier.
    for (let retry = 0; retry < 30; retry += 1) {
      const stream = connection.another(bearer(refused));
      stream.request({ names: ['default'] });
      t.strictSame(await stream.ended, first);
    }
    t.equal(ca.calls.length, 1, 'no CSR, and so no handshake either');
    t.same(await served(agent, await issuer.token()), ['default']);
    t.equal(logger.of('sds stream refused').length, 1, 'one line for all of them');
    t.equal(logger.lines.filter(({ level }) => level === 'error').length, 0);
  },
);

t.test('row 67: a thousand peers with a thousand bad tokens make no flood of lines', async (t) => {
  const { connect, logger, ca } = await start(t);
  const connection = connect(bearer('first'));
  const streams = Array.from({ length: 1000 }, (_, index) => connection.another(bearer(`bad-${index}`)));
  for (const stream of streams) stream.request({ names: ['default'] });
  const ends = await Promise.all(streams.map(({ ended }) => ended));
  t.ok(ends.every(({ code }) => code === status.UNAUTHENTICATED));
  t.equal(ca.calls.length, 0);
  t.ok(logger.of('sds stream refused').length <= 64);
});

t.test('the token of the file: a newline after it is no matter, and what is wrong with it is told', async (t) => {
  const ca = await FakeCaServer.start(t);
  ca.fault = { kind: 'reject', code: status.UNAUTHENTICATED, details: 'issuer not known' };
  const { logger } = await startSidecarAgent(t, { ca });
  t.match((await logger.until('no valid svid')).fields, { code: 'ERR_CA_REFUSED_TOKEN', error: /issuer not known/ });
});
