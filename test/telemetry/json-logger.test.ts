import t from 'tap';
import { createJsonLogger, Field, type LogLevel, silentLogger } from '../../src/telemetry/index.js';

function capture(level: LogLevel) {
  const lines: string[] = [];
  const logger = createJsonLogger({ level, write: (line) => lines.push(line), now: () => Date.UTC(2030, 0, 1) });
  return { logger, lines };
}

t.test('a line is one JSON object with time, level, message and fields', async (t) => {
  const { logger, lines } = capture('debug');
  logger.info('svid issued', { [Field.serial]: 'ab', [Field.ttlMs]: 5, [Field.path]: undefined });
  t.equal(lines.length, 1);
  t.ok(lines[0]?.endsWith('}\n'));
  t.strictSame(JSON.parse(lines[0] ?? ''), {
    ts: '2030-01-01T00:00:00.000Z',
    level: 'info',
    msg: 'svid issued',
    serial: 'ab',
    ttl_ms: 5,
  });
});

t.test('only the level that is set, and those above it, are written', async (t) => {
  const { logger, lines } = capture('warn');
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  silentLogger.error('e');
  t.strictSame(
    lines.map((line) => JSON.parse(line).msg),
    ['c', 'd'],
  );
});

t.test('a key or a token in a foreign error text is cut out', async (t) => {
  const { logger, lines } = capture('debug');
  const pem = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0LWNhbmFyeQ==\n-----END PRIVATE KEY-----';
  const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl';
  logger.error('failed', { [Field.error]: `read ${pem} and ${jwt}, then -----BEGIN PRIVATE KEY-----\nMIIcut` });
  t.notMatch(lines[0], /c2VjcmV0|MIIcut|eyJzdWI|c2lnbmF0/);
  t.match(lines[0], /redacted PEM.*redacted token.*redacted PEM/);
});

t.test('a token that was cut short before it came is cut out, too', async (t) => {
  const { logger, lines } = capture('debug');
  const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl';
  logger.warn('refused', { [Field.clusterId]: jwt.slice(0, 40), [Field.nodeId]: jwt.slice(0, 15) });
  t.match(JSON.parse(lines[0] ?? ''), { cluster_id: '[redacted token]', node_id: '[redacted token]' });
});

t.test('a value of a megabyte does not fill the log, and a line feed does not make two lines of one', async (t) => {
  const { logger, lines } = capture('debug');
  logger.warn('nack', { [Field.reason]: `a\nb${'x'.repeat(1024 * 1024)}` });
  t.ok((lines[0]?.length ?? 0) < 1200);
  t.equal(lines[0]?.split('\n').length, 2);
});

t.test('row 70: lines that are lost are counted, and told of before the next one', async (t) => {
  const lines: string[] = [];
  let isFull = true;
  const write = (line: string): boolean => !isFull && lines.push(line) > 0;
  const logger = createJsonLogger({ level: 'info', write, now: () => 0 });
  for (let count = 0; count < 3; count += 1) logger.info('lost');
  logger.debug('not to be written');
  isFull = false;
  logger.info('written');
  logger.info('written too');
  t.match(
    lines.map((line) => JSON.parse(line)),
    [{ level: 'warn', msg: 'log lines lost', count: 3 }, { msg: 'written' }, { msg: 'written too' }],
  );
});
