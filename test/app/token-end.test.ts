import t, { type Test } from 'tap';
import { type SidecarAgent, startSidecarAgent } from '../support/sidecar-agent.js';
import { TokenIssuer } from '../support/test-tokens.js';

/** Both mostly wait for an end, beside one another. */
t.jobs = 2;

const issuer = new TokenIssuer();

/** Renewals are due after 2.7 to 3.3 s, when the token of the stream has expired. */
const TTL = '6s';
const TOKEN_TTL_SECONDS = 2;

function start(t: Test): Promise<SidecarAgent> {
  return startSidecarAgent(t, { flags: { 'token-source': 'stream', ttl: TTL } });
}

/** A stream with a token of its own, which is served. */
async function open({ connect }: SidecarAgent) {
  const exp = Math.floor(Date.now() / 1000) + TOKEN_TTL_SECONDS;
  const stream = connect({ authorization: `Bearer ${await issuer.token('foo', 'sleep', { exp })}` });
  stream.request({ names: ['default'], nodeId: 'test' });
  stream.ack(await stream.expectResponse());
  return stream;
}

const troubles = ({ logger }: SidecarAgent) =>
  logger.lines.filter(({ level }) => level === 'warn' || level === 'error');

t.test(
  'the end of a token that a stream has brought is no fault while the stream comes back',
  { buffered: true },
  async (t) => {
    const agent = await start(t);
    const stream = await open(agent);
    await stream.ended;
    const tries = agent.logger.until('svid renewal waits for the next token of a stream', 2);
    const first = await agent.logger.until('svid renewal waits for the next token of a stream');
    t.match(first, { level: 'info', fields: { code: 'ERR_TOKEN_EXPIRED', attempt: 1 } });
    t.match(await tries, { level: 'debug', fields: { code: 'ERR_TOKEN_MISSING' } });
    await open(agent);
    await agent.logger.until('svid rotated');
    t.strictSame(troubles(agent), []);
  },
);

t.test(
  'when no stream brings another token, that is told as soon as the certificate has expired',
  { buffered: true },
  async (t) => {
    const agent = await start(t);
    const stream = await open(agent);
    await stream.ended;
    const line = await agent.logger.until('no valid svid');
    t.match(line, { level: 'error', fields: { code: 'ERR_TOKEN_MISSING' } });
  },
);
