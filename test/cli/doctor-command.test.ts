import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert, SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

type Flags = Readonly<Record<string, string>>;

interface Scene {
  readonly ca: FakeCaServer & { readonly address: string };
  readonly token: string;
  readonly file: (name: string) => string;
  /** The flags of an agent that gets its certificate. */
  readonly flags: Flags;
}

const argsOf = (flags: Flags): string[] => Object.entries(flags).map(([name, value]) => `--${name}=${value}`);

async function scene(t: Test, options: Parameters<typeof FakeCaServer.start>[1] = {}): Promise<Scene> {
  const ca = await FakeCaServer.start(t, options);
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const token = await new TokenIssuer().token();
  writeFileSync(file('root'), ca.rootPem);
  writeFileSync(file('token'), `${token}\n`, { mode: 0o600 });
  const flags = {
    ...{ socket: file('sds'), 'ca-address': ca.address, 'ca-root': file('root'), 'token-file': file('token') },
    ...{ namespace: 'foo', 'service-account': 'sleep' },
  };
  return { ca, token, file, flags };
}

/** The lines that are not well, without what the socket has to say where there is no agent. */
async function complaints(t: Test, scene: Scene, changes: Flags = {}): Promise<{ code: unknown; lines: string[] }> {
  const { code, out, err } = await runSidecert(t, ['doctor', ...argsOf({ ...scene.flags, ...changes })]);
  t.notOk(`${out}${err}`.includes(scene.token.slice(-40)), 'no token');
  t.notMatch(`${out}${err}`, /eyJ|-----BEGIN/, 'no token and no key');
  return { code, lines: out.split('\n').filter((line) => /^(WARN|FAIL)/.test(line) && !/^FAIL +socket/.test(line)) };
}

t.test('where all is well each step is a line, and the exit code 0', async (t) => {
  const { ca, flags, token } = await scene(t);
  const agent = new SidecertProcess(t, ['agent', ...argsOf(flags)]);
  await agent.says('"svid issued"');
  await agent.says('"agent ready"');
  const { code, out, err } = await runSidecert(t, ['doctor', ...argsOf(flags)]);
  for (const line of [
    /^ok +socket +\S+\/sds: mode 0660, uid \d+, gid \d+$/m,
    /^ok +socket +an agent answers, and serves a valid certificate \(SERVING\)$/m,
    /^ok +token +.*iss https:\/\/kubernetes\S*, sub system:serviceaccount:foo:sleep, aud istio-ca, expires in 59m .*trap/m,
    /^ok +roots +.*: 1 of 1 valid, the first expires in/m,
    /^ok +CA name +127\.0\.0\.1 is an address$/m,
    /^ok +CA connection +127/m,
    /^ok +CA TLS +TLSv1\.3, X25519(MLKEM768)?; its certificate is for .*, valid, expires in/m,
    /^ok +certificate +\S+ issued spiffe:\/\/cluster\.local\/ns\/foo\/sa\/sleep, serial [0-9a-f]+, for 23h 59m; its chain/m,
    /^ok +clock +agrees/m,
  ]) {
    t.match(out, line);
  }
  t.equal(code, 0, err);
  t.notOk(out.includes(token), 'no token');
  const calls = ca.calls.length;
  const without = await runSidecert(t, ['doctor', '--no-issue', ...argsOf(flags)]);
  t.match(without, { code: 0, out: /^- +certificate +not asked for: --no-issue$/m });
  t.equal(ca.calls.length, calls);
});

t.test('the settings are those of the agent, by its environment too, and those of Istio', async (t) => {
  const { flags, ca, file } = await scene(t);
  const {
    'token-file': _,
    'ca-address': __,
    'ca-root': ___,
    namespace: ____,
    'service-account': _____,
    ...left
  } = flags;
  const env = {
    ...{ CA_ADDR: ca.address, CA_ROOT_CA: file('root'), POD_NAMESPACE: 'foo', SERVICE_ACCOUNT: 'sleep' },
    SIDECERT_TOKEN_FILE: file('token'),
  };
  const { out } = await runSidecert(t, ['doctor', ...argsOf(left)], { env });
  t.match(out, /^ok +certificate /m);
});

interface Fault {
  readonly name: string;
  readonly spoil: (scene: Scene, t: Test) => Flags | Promise<Flags>;
  readonly want: readonly RegExp[];
}

const faults: readonly Fault[] = [
  {
    name: 'a token of another audience',
    async spoil({ ca, file }) {
      writeFileSync(file('token'), await new TokenIssuer().token('foo', 'sleep', { aud: ['vault'] }));
      ca.fault = { kind: 'reject', code: 16, details: 'not for us' };
      return {};
    },
    want: [
      /WARN +token +aud is vault, expected istio-ca; set the audience/,
      /FAIL +certificate +ERR_CA_REFUSED_TOKEN: .*not for us; compare iss, aud and sub/,
    ],
  },
  {
    name: 'an expired token',
    async spoil({ file }) {
      const exp = Math.floor(Date.now() / 1000) - 7200;
      writeFileSync(file('token'), await new TokenIssuer().token('foo', 'sleep', { exp }));
      return {};
    },
    want: [/FAIL +token .* expired 2h ago \(iss .*the kubelet renews/, /FAIL +certificate +ERR_TOKEN_EXPIRED/],
  },
  {
    name: 'a token of another service account',
    async spoil({ file }) {
      writeFileSync(file('token'), await new TokenIssuer().token('foo', 'httpbin'));
      return { 'no-issue': 'true' };
    },
    want: [/FAIL +token +sub is system:serviceaccount:foo:httpbin, expected system:serviceaccount:foo:sleep/],
  },
  {
    name: 'no token',
    spoil: ({ file }) => ({ 'token-file': file('none'), 'no-issue': 'true' }),
    want: [/FAIL +token +ERR_TOKEN_MISSING: .*\(ENOENT\).*; mount a projected/],
  },
  {
    name: 'a token with a byte order mark, which the agent skips',
    async spoil({ file }) {
      writeFileSync(file('token'), `\ufeff${await new TokenIssuer().token()}\n`, { mode: 0o600 });
      return { 'ca-root': file('none') };
    },
    // Nothing of the token.
    want: [/FAIL +roots +ERR_CA_ROOT_INVALID/, /FAIL +CA TLS .*not verified: there are no roots/],
  },
  {
    name: 'a header in place of a token',
    async spoil({ file }) {
      writeFileSync(file('token'), `Bearer ${await new TokenIssuer().token()}`, { mode: 0o600 });
      return { 'no-issue': 'true' };
    },
    want: [/FAIL +token .* no JWT in compact form: it begins with the word Bearer; /],
  },
  {
    name: 'a key in place of a token',
    spoil({ file }) {
      writeFileSync(file('token'), '-----BEGIN PRIVATE KEY-----\nMIG2\n-----END PRIVATE KEY-----\n', { mode: 0o600 });
      return { 'no-issue': 'true' };
    },
    want: [/FAIL +token .* bytes that are no JWT in compact form: it is PEM; /],
  },
  {
    name: 'a missing root',
    spoil: ({ file }) => ({ 'ca-root': file('none') }),
    want: [
      /FAIL +roots +ERR_CA_ROOT_INVALID: .*\(ENOENT\).*; mount the roots/,
      /FAIL +CA TLS .*not verified: there are no roots to verify it with; mend the roots first/,
    ],
  },
  {
    name: 'roots of another CA',
    spoil({ file }) {
      writeFileSync(file('root'), TestCa.root().certificatePem);
      return {};
    },
    want: [/FAIL +CA TLS +TLSv1\.3, .*; not verified: \w+; the roots of --ca-root are not those of this CA/],
  },
  {
    name: 'a CA of another name',
    spoil: () => ({ 'ca-server-name': 'istiod.istio-system.svc' }),
    want: [/FAIL +CA TLS .*, not for istiod\.istio-system\.svc; set --ca-server-name to one of its names/],
  },
  {
    name: 'a CA that is away',
    spoil({ ca }) {
      ca.stop();
      return {};
    },
    want: [/FAIL +CA connection .*connection refused \(ECONNREFUSED\); start the CA/],
  },
  {
    name: 'a name that there is not',
    spoil: () => ({ 'ca-address': 'no-such-host.invalid:15012' }),
    want: [/FAIL +CA name +no-such-host\.invalid: .*; compare --ca-address/],
  },
  {
    name: 'a CA that answers nothing',
    spoil({ ca }) {
      ca.fault = { kind: 'hang' };
      return {};
    },
    want: [/FAIL +certificate +ERR_CA_DEADLINE.*; the CA takes the connection and does not answer/],
  },
  {
    name: 'a peer that hangs before the handshake',
    spoil: async (_scene, t) => ({
      'ca-address': await listen(
        t,
        createServer(() => {}),
      ),
    }),
    want: [/FAIL +CA TLS +no handshake within 5 s; the CA hangs, or waits for plain text/],
  },
  {
    name: 'a peer in plain text',
    spoil: async (_scene, t) => ({
      'ca-address': await listen(
        t,
        createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      ),
    }),
    want: [/FAIL +CA TLS +the handshake failed: .*; the peer does not speak TLS at this port/],
  },
  {
    name: 'a clock that is ahead of ours',
    spoil({ ca }) {
      ca.fault = { kind: 'issues', leaf: { notBeforeMs: Date.now() + 180_000 } };
      return {};
    },
    want: [/WARN +clock +ours is behind that of the CA by at least 2m/],
  },
  {
    name: 'a clock that is far behind ours',
    spoil({ ca }) {
      ca.fault = { kind: 'issues', leaf: { notBeforeMs: Date.now() - 3_600_000 } };
      return {};
    },
    want: [/WARN +clock .*began 1h ago: ours is ahead/],
  },
  {
    name: 'a CA that certifies another identity',
    spoil({ ca }) {
      ca.identityOf = () => 'spiffe://cluster.local/ns/foo/sa/other';
      return {};
    },
    want: [/FAIL +certificate +ERR_SVID_IDENTITY_MISMATCH: .*; compare --namespace/],
  },
];

for (const { name, spoil, want } of faults) {
  t.test(`${name} is told in its own line`, async (t) => {
    const made = await scene(t);
    const { lines, code } = await complaints(t, made, await spoil(made, t));
    t.equal(lines.length, want.length, lines.join('\n'));
    want.forEach((pattern, index) => {
      t.match(lines[index], pattern);
    });
    t.equal(code, 1);
  });
}

t.test(
  'the socket: none, no socket, left behind, of a wrong mode, of too long a path, of something else',
  async (t) => {
    const { flags, file } = await scene(t);
    const socketLines = async (changes: Flags): Promise<string> => {
      const { out } = await runSidecert(t, ['doctor', '--no-issue', ...argsOf({ ...flags, ...changes })]);
      return out
        .split('\n')
        .filter((line) => /^\w+ +socket/.test(line))
        .join('\n');
    };
    t.match(await socketLines({}), /^FAIL +socket .*\(ENOENT\); start the agent/);
    t.match(await socketLines({ socket: file('root') }), /^FAIL +socket .* is not a socket; remove the file/);
    const long = join('/tmp', 'x'.repeat(110));
    t.match(await socketLines({ socket: long }), /^FAIL +socket +a path of 115 bytes, expected at most 107/);
    const agent = new SidecertProcess(t, ['agent', ...argsOf(flags)]);
    await agent.says('"svid issued"');
    await agent.says('"agent ready"');
    chmodSync(file('sds'), 0o600);
    t.match(await socketLines({}), /^WARN +socket .*mode 0600, uid \d+, gid \d+; expected mode 0660; an Envoy without/);
    t.match(
      await socketLines({ 'socket-mode': '0600', 'socket-group': '4242' }),
      /gid \d+, expected 4242; an Envoy of/,
    );
    agent.kill('SIGKILL');
    await agent.ended;
    t.match(await socketLines({}), /^FAIL +socket +ECONNREFUSED: the file is left from a process that has ended/m);
    rmSync(file('sds'));
    const other = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'));
    await new Promise<void>((resolve) => other.listen(file('sds'), resolve));
    t.teardown(() => other.close());
    t.match(await socketLines({}), /^FAIL +socket +what answers does not speak gRPC: .*; compare --socket/m);
  },
);

t.test('a wrong command line has exit code 2', async (t) => {
  t.match(await runSidecert(t, ['doctor', '--nonsense']), { code: 2, out: '', err: /--nonsense: got an unknown flag/ });
  const { flags } = await scene(t);
  const far = await runSidecert(t, ['doctor', ...argsOf({ ...flags, 'envoy-admin': '10.0.0.1:15000' })]);
  t.match(far, { code: 2, err: /--envoy-admin: got "10.0.0.1:15000", expected a port of this machine/ });
});

async function listen(t: Test, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}
