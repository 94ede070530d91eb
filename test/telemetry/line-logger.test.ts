import t from 'tap';
import {
  createLineLogger,
  Field,
  type LogLevel,
  LogThreshold,
  silentLogger,
  textLine,
} from '../../src/telemetry/index.js';

function capture(level: LogLevel) {
  const lines: string[] = [];
  const logger = createLineLogger({
    threshold: new LogThreshold(level),
    write: (line) => lines.push(line),
    now: () => Date.UTC(2030, 0, 1),
  });
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
  const logger = createLineLogger({ threshold: new LogThreshold('info'), write, now: () => 0 });
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

t.test('a warning that has a code leads to what the documentation says of it, and others do not', async (t) => {
  const { logger, lines } = capture('info');
  logger.warn('svid renewal failed', { [Field.code]: 'ERR_CA_UNAVAILABLE' });
  logger.error('no valid svid', { [Field.code]: 'ERR_CA_UNAVAILABLE' });
  logger.info('cancelled', { [Field.code]: 'ERR_CANCELLED' });
  logger.warn('nack');
  const advice = lines.map((line) => JSON.parse(line).advice);
  const page = 'https://github.com/sidecert/sidecert/blob/main/docs/errors.md#ERR_CA_UNAVAILABLE';
  t.strictSame(advice, [page, page, undefined, undefined]);
});

t.test('text has the same fields as JSON, in columns, and colours only where they are wanted', async (t) => {
  const lineOf = (hasColours: boolean): string => {
    const lines: string[] = [];
    const logger = createLineLogger({
      threshold: new LogThreshold('info'),
      format: textLine({ hasColours }),
      write: (line) => lines.push(line),
      now: () => Date.UTC(2030, 0, 1),
    });
    logger.info('agent ready', {
      [Field.path]: '/run/sds.sock',
      [Field.serial]: undefined,
      [Field.attempt]: 3,
      [Field.error]: 'two words "quoted"',
      [Field.reason]: '',
      [Field.nodeId]: 'a=b',
    });
    return lines.join('');
  };
  t.equal(
    lineOf(false),
    '2030-01-01T00:00:00.000Z INFO  agent ready                                  ' +
      'path=/run/sds.sock attempt=3 error="two words \\"quoted\\"" reason="" node_id="a=b"\n',
  );
  t.match(lineOf(true), '\u001b[');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys.
  t.equal(lineOf(true).replace(/\u001b\[\d+m/g, ''), lineOf(false));
});

t.test('a peer cannot say a word to the terminal in a line of text, nor make two lines of one', async (t) => {
  const odd = 'a\u001b[2Jb\u009b2Jc\u202ed\ne\u0007\u2028f\u200f';
  const text = textLine({ hasColours: false })('now', 'warn', 'nack', { [Field.detail]: odd });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
  t.notMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u202e\u200f]/);
  t.equal(JSON.parse(/detail=(.*)$/.exec(text)?.[1] ?? ''), odd, 'all of it can be read');
});

t.test('another level holds for its time, and the configured one is back then', async (t) => {
  const due: (() => void)[] = [];
  const clock = {
    now: () => 0,
    after: (_delayMs: number, fire: () => void) => {
      due.push(fire);
      return () => due.splice(due.indexOf(fire), 1);
    },
  };
  const threshold = new LogThreshold('warn', clock);
  const lines: string[] = [];
  const logger = createLineLogger({ threshold, write: (line) => lines.push(JSON.parse(line).msg), now: () => 0 });
  threshold.set('debug', 1000, () => logger.info('back'));
  t.ok(logger.writesDebug);
  logger.debug('a');
  threshold.set('info', 5000, () => logger.warn('back again'));
  t.equal(due.length, 1, 'the first time is no longer waited for');
  logger.debug('b');
  logger.info('c');
  due[0]?.();
  logger.info('d');
  t.strictSame(lines, ['a', 'c', 'back again']);
  t.equal(threshold.level, 'warn');
  t.notOk(logger.writesDebug);
});
