import t from 'tap';
import { COMMANDS, readConfig } from '../../src/config/index.js';

const files = { whyUnreadable: () => undefined, read: () => Buffer.alloc(0) };
const WORKLOAD = ['--namespace=foo', '--service-account=sleep'];
const UPSTREAM = 'a.foo=127.0.0.1:1=spiffe://cluster.local/ns/foo/sa/a';

function problems(...args: string[]): readonly string[] {
  const result = readConfig(COMMANDS.bootstrap, { args: [...WORKLOAD, ...args], environment: {}, files });
  return result.kind === 'invalid' ? result.problems : [];
}

const inbound = (address: string, app = '127.0.0.1:2'): string[] => [`--inbound=${address}`, `--app=${app}`];
const outbound = (address: string): string[] => [`--outbound=${address}`, `--upstream=${UPSTREAM}`];

const addresses = [
  { args: inbound('localhost:15006'), problem: /^--inbound: got "localhost:15006", expected an IP address/ },
  { args: inbound('a.example:15006'), problem: /^--inbound: got "a.example:15006", expected an IP address/ },
  { args: outbound('localhost:15001'), problem: /^--outbound: got "localhost:15001", expected an IP address/ },
  { args: [...inbound('[::1]:1'), '--admin=localhost:1'], problem: /^--admin: got "localhost:1", expected an IP add/ },
  { args: inbound('[::1]:1', 'localhost:0'), problem: /^--app: got "localhost:0", expected .* port from 1 to 65535/ },
  {
    args: inbound('[::ffff:127.0.0.1]:7'),
    problem: /^--inbound: got "\[::ffff:127.0.0.1\]:7", expected an IP address to/,
  },
  { args: inbound('[0:0:0:0:0:FFFF:7f00:1]:7'), problem: /^--inbound: got/ },
  { args: inbound('[fe80::1]:7'), problem: /^--inbound: got/ },
  { args: inbound('[ff02::1]:7'), problem: /^--inbound: got/ },
  { args: inbound('239.1.2.3:7'), problem: /^--inbound: got/ },
  { args: inbound('255.255.255.255:7'), problem: /^--inbound: got/ },
  { args: inbound('::1:15006'), problem: /^--inbound: got "::1:15006", expected an IP address to listen on \(an IPv6/ },
];
for (const { args, problem } of addresses) {
  t.test(`${args.join(' ')} is refused`, async (t) => {
    t.match(problems(...args), [problem]);
  });
}

const IPV6 = { one: '[0:0:0:0:0:0:0:1]:7', same: '[::1]:7' };
const ports = [
  { args: [...inbound('127.0.0.1:7'), ...outbound('127.0.0.1:7')], flags: '--outbound .* than --inbound' },
  { args: [...inbound('0.0.0.0:7'), ...outbound('127.0.0.1:7')], flags: '--outbound .* than --inbound' },
  { args: [...inbound('127.0.0.1:7'), ...outbound('0.0.0.0:7')], flags: '--outbound .* than --inbound' },
  { args: [...inbound(IPV6.one), ...outbound(IPV6.same)], flags: '--outbound .* than --inbound' },
  { args: [...inbound('[::]:7'), ...outbound('[::1]:7')], flags: '--outbound .* than --inbound' },
  { args: inbound('127.0.0.1:15000'), flags: '--inbound .* than --admin' },
  { args: outbound('0.0.0.0:15000'), flags: '--outbound .* than --admin' },
  { args: inbound('0.0.0.0:7', 'localhost:7'), flags: '--app .* than --inbound' },
  { args: inbound('127.0.0.1:7', '127.0.0.1:15000'), flags: '--app .* than --admin' },
];
for (const { args, flags } of ports) {
  const [flag = '', expected = ''] = flags.split(' .* ');
  t.test(`${args.join(' ')} is refused: one port`, async (t) => {
    t.match(problems(...args), [new RegExp(`^${flag}: got "[^"]+", expected another address and port ${expected}$`)]);
  });
}

t.test('one port on other addresses, port 0 twice and IPv4 beside IPv6 are no collisions', async (t) => {
  t.strictSame(problems(...inbound('127.0.0.1:7'), ...outbound('127.0.0.2:7')), []);
  t.strictSame(problems(...inbound('127.0.0.1:0'), ...outbound('127.0.0.1:0')), []);
  t.strictSame(problems(...inbound('0.0.0.0:7'), ...outbound('[::]:7')), []);
  t.strictSame(problems(...inbound('10.0.0.1:7', '127.0.0.1:7')), []);
});

t.test('a name of an upstream stands once', async (t) => {
  const again = 'a.foo=[::1]:2=spiffe://cluster.local/ns/foo/sa/b';
  t.strictSame(problems(...outbound('127.0.0.1:7'), `--upstream=${again}`), [
    `--upstream: got "${again}", expected each NAME once, and a.foo is another's`,
  ]);
});

t.test('the names of clusters of our own are no names of upstreams', async (t) => {
  for (const name of ['sds_agent', 'local_app']) {
    const upstream = `${name}=127.0.0.1:1=spiffe://cluster.local/ns/foo/sa/a`;
    t.match(problems('--outbound=127.0.0.1:7', `--upstream=${upstream}`), [/^--upstream: got/], name);
  }
});

t.test('certificate and trust bundle have two names', async (t) => {
  t.match(problems(...inbound('127.0.0.1:7'), '--bundle-name=default'), [/^--bundle-name: got "default"/]);
});
