import t from 'tap';
import { COMMANDS, type CommandSpec, readConfig } from '../../src/config/index.js';

const files = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };

/** Every setting that is a socket, and what its command needs beside it. */
const SETTINGS = [
  {
    command: 'agent',
    flag: 'socket',
    key: 'socket',
    rest: ['--ca-address=a:1', '--namespace=foo', '--service-account=sleep'],
  },
  {
    command: 'bootstrap',
    flag: 'socket',
    key: 'socket',
    rest: ['--namespace=foo', '--service-account=sleep', '--inbound=127.0.0.1:1', '--app=127.0.0.1:2'],
  },
  { command: 'health', flag: 'socket', key: 'socket', rest: [] },
  { command: 'fleet', flag: 'socket', key: 'socket', rest: [] },
  { command: 'citadel', flag: 'status-address', key: 'statusAddress', rest: ['--jwks=j', '--token-issuer=i'] },
] as const;

const PATHS = [
  { text: '/run/sds.sock', want: '/run/sds.sock' },
  { text: './sds.sock', want: './sds.sock' },
  { text: './@sds', want: './@sds' },
  { text: '/run/@sds', want: '/run/@sds' },
  { text: '/run/a%41', want: '/run/a%41' },
  { text: '/run/a?b#c', want: '/run/a?b#c' },
  { text: '//run/sds.sock', want: '/run/sds.sock' },
  { text: 'unix:/run/sds.sock', want: '/run/sds.sock' },
  { text: 'unix:///run/sds.sock', want: '/run/sds.sock' },
  { text: 'unix:sds/sock', want: 'sds/sock' },
  { text: 'unix:///run/a%41%20%C3%A4', want: '/run/aA ä' },
  { text: `unix:///${'%61'.repeat(106)}`, want: `/${'a'.repeat(106)}` },
];
const REFUSED = [
  { name: 'an abstract name', text: '@sds/x' },
  { name: 'an abstract name as a URI', text: 'unix:@sds/x' },
  { name: 'an abstract name by the scheme of gRPC', text: 'unix-abstract:/sds' },
  { name: 'an abstract name in an escape', text: 'unix:%40sds/x' },
  { name: 'a zero byte', text: '/run/\0' },
  { name: 'a zero byte in an escape', text: 'unix:/run/%00' },
  { name: 'a path of 108 bytes', text: `/${'a'.repeat(107)}` },
  { name: 'a path of 108 bytes in 107 characters', text: `/${'a'.repeat(105)}ä` },
  { name: 'a URI without a path', text: 'unix://' },
  { name: 'a host', text: 'unix://host/run/sds.sock' },
  { name: 'a query', text: 'unix:/run/sds.sock?x' },
  { name: 'a fragment', text: 'unix:/run/sds.sock#x' },
  { name: 'a wrong escape', text: 'unix:/run/%zz' },
  { name: 'an escape that is no UTF-8', text: 'unix:/run/%ff' },
  { name: 'half of a character', text: '/run/\ud83d' },
];

for (const { command, flag, key, rest } of SETTINGS) {
  const read = (text: string) =>
    readConfig(COMMANDS[command] as CommandSpec, { args: [...rest, `--${flag}=${text}`], environment: {}, files });
  t.test(`${command} takes a socket in every form for the path that it means`, async (t) => {
    for (const { text, want } of PATHS) {
      const result = read(text);
      const value: unknown = result.kind === 'ok' ? result.config[key] : result;
      t.strictSame(value, key === 'socket' ? want : { socketPath: want }, text);
    }
  });
  for (const { name, text } of REFUSED) {
    t.test(`${command} refuses a socket with ${name}`, async (t) => {
      t.match(read(text), { kind: 'invalid', problems: [new RegExp(`^--${flag}: got .*, expected .*unix:/path`)] });
    });
  }
}
