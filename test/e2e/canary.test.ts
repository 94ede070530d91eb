import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inspect } from 'node:util';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { CREATE_CERTIFICATE, encodeCertificateRequest } from '../../src/agent/ca-client/ca-codec.js';
import { freePorts } from '../../src/demo/free-ports.js';
import { ProjectedVolume } from '../../src/demo/kubernetes/projected-volume.js';
import { until } from '../../src/demo/polling.js';
import { openGrpcClient } from '../../src/net/grpc/index.js';
import { kill, startMesh } from '../support/mesh.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoy } from '../support/real-envoy.js';
import { openSdsClient, type SdsClient } from '../support/sds-client.js';
import { SecretHunt } from '../support/secret-hunt.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TokenIssuer } from '../support/test-tokens.js';

const { path: envoyPath, skip } = realEnvoy();

/** Renewals come after 2.7 to 3.3 s; while one fails on a machine that is busy, the certificate must not expire. */
const LIVES = { ttlSeconds: 40, renewAt: 0.075 };

const keyPem = (): Buffer =>
  Buffer.from(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  );
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

t.test('the hunt finds a planted secret in whatever form a careless line gives it', async (t) => {
  const hunt = new SecretHunt();
  const pem = keyPem();
  const der = Buffer.from(pem.toString().replace(/-----[^-]+-----|\n/g, ''), 'base64');
  const token = await new TokenIssuer({ alg: 'RS256' }).token();
  const [header, payload = '', signature = ''] = token.split('.');
  hunt.addPrivateKey('key', pem);
  hunt.addToken('token', token);
  const hex = der.toString('hex');
  const planted = [
    { form: 'PEM', text: pem.toString(), finds: ['PRIVATE KEY', 'key'] },
    { form: 'PEM in JSON', text: JSON.stringify({ error: pem.toString() }), finds: ['PRIVATE KEY', 'key'] },
    { form: 'a line of PEM', text: pem.toString().split('\n')[2] ?? '', finds: ['key'] },
    { form: 'a cut value', text: `…${der.toString('base64').slice(50, 74)}…`, finds: ['key'] },
    { form: 'base64url', text: der.toString('base64url'), finds: ['key'] },
    {
      form: 'base64 of a longer message',
      text: Buffer.concat([Buffer.from('x'), der]).toString('base64'),
      finds: ['key'],
    },
    { form: 'hexadecimal', text: hex, finds: ['key'] },
    { form: 'hexadecimal in capitals', text: hex.toUpperCase().slice(40, 72), finds: ['key'] },
    { form: 'openssl text', text: hex.replace(/../g, '$&:').replace(/.{45}/g, '    $&\n'), finds: ['key'] },
    { form: 'an inspected Buffer', text: inspect(der.subarray(36)), finds: ['key'] },
    { form: 'a Buffer as JSON', text: JSON.stringify(pem), finds: ['key'] },
    { form: 'a whole token', text: `authorization: Bearer ${token}`, finds: ['token'] },
    { form: 'its payload', text: payload, finds: ['token'] },
    { form: 'a piece of its signature', text: signature.slice(100, 124), finds: ['token'] },
    { form: 'its header, which is no secret', text: `${header}.`, finds: [] },
    { form: 'another key', text: keyPem().toString().split('\n')[2] ?? '', finds: [] },
    { form: 'anything else', text: randomBytes(3000).toString('base64'), finds: [] },
  ];
  for (const { form, text, finds } of planted) t.strictSame(hunt.findIn(text), finds, form);
});

/** Takes, ACKs and remembers so many certificates of a stream. */
async function followKeys(client: SdsClient, hunt: SecretHunt, name: string, count: number): Promise<void> {
  client.request({ names: ['default'], nodeId: name });
  for (let seen = 1; seen <= count; seen += 1) {
    const response = await client.expectResponse();
    const key = response.secrets[0]?.tlsCertificate?.privateKey?.inlineBytes ?? Buffer.alloc(0);
    hunt.addPrivateKey(`key ${seen} of ${name}`, Buffer.from(key));
    client.ack(response);
  }
}

/** Citadel and an agent for each way to pass a token, with all that they say at `--log-level debug`. */
async function startAll(t: Test) {
  const directory = shortDir(t);
  const file = (name: string): string => join(directory, name);
  const issuer = new TokenIssuer({ alg: 'RS256' });
  await writeFile(file('jwks.json'), JSON.stringify(issuer.jwks));
  const volume = new ProjectedVolume(file('tokens'), 'token', Date.now);
  const [port = 0] = await freePorts(1);
  const processes: SidecertProcess[] = [];
  const start = (...args: string[]): SidecertProcess => {
    const process = new SidecertProcess(t, [...args, '--log-level', 'debug']);
    processes.push(process);
    return process;
  };
  const startCitadel = (caDirectory: string): SidecertProcess =>
    start(
      ...['citadel', '--listen', `127.0.0.1:${port}`, '--ca-dir', caDirectory, '--jwks', file('jwks.json')],
      ...['--token-issuer', issuer.issuer, '--root-cert-out', file('root.pem')],
    );
  const startAgent = (tokenSource: string): SidecertProcess =>
    start(
      ...['agent', '--socket', file(tokenSource), '--ca-address', `127.0.0.1:${port}`, '--ca-root', file('root.pem')],
      ...['--token-source', tokenSource, '--token-file', volume.path],
      ...['--ttl', `${LIVES.ttlSeconds}s`, '--renew-at', String(LIVES.renewAt)],
      ...['--namespace', 'foo', '--service-account', 'sleep'],
    );
  return { directory, file, issuer, volume, port, processes, start, startCitadel, startAgent };
}

t.test(
  'no key and no token occurs in what the processes say and show, whatever goes wrong',
  { timeout: 250_000 },
  async (t) => {
    const { file, issuer, volume, port, processes, start, startCitadel, startAgent } = await startAll(t);
    const hunt = new SecretHunt();
    const mint = async (name: string, from = issuer, serviceAccount = 'sleep'): Promise<string> => {
      const token = await from.token('foo', serviceAccount, { jti: name });
      hunt.addToken(name, token);
      return token;
    };
    let citadel = startCitadel(file('ca'));
    await citadel.says('"citadel ready"');
    hunt.addPrivateKey('key of the CA', await readFile(file('ca/ca-key.pem')));
    await volume.write(await mint('token of the file'));
    const [byFile, byStream] = [startAgent('file'), startAgent('stream')];
    await Promise.all([byFile.says('"agent ready"'), byStream.says('"agent ready"')]);
    const good = await mint('token of the stream');

    await t.test('rotations pass, and a proxy that names secrets in its complaint', async (t) => {
      const ofFile = openSdsClient(t, file('file'));
      const ofStream = openSdsClient(t, file('stream'), bearer(good));
      await Promise.all([followKeys(ofFile, hunt, 'file', 3), followKeys(ofStream, hunt, 'stream', 3)]);
      const talkative = openSdsClient(t, file('file'));
      talkative.request({ names: ['default'], nodeId: await mint('token as a node id') });
      const response = await talkative.expectResponse();
      const pem = Buffer.from(response.secrets[0]?.tlsCertificate?.privateKey?.inlineBytes ?? []);
      hunt.addPrivateKey('key that is rejected', pem);
      talkative.nack(response, `Failed to load private key ${pem}, sent with ${good}`);
      await byFile.says('"sds secret rejected by its proxy"');
    });

    await t.test('streams are refused, whatever they bring', async (t) => {
      const stranger = new TokenIssuer({ alg: 'RS256' });
      const [foreign, other] = [
        await mint('foreign token', stranger),
        await mint('token of httpbin', issuer, 'httpbin'),
      ];
      const broken = await mint('broken token');
      const refused = [foreign, other, broken.slice(0, -200), broken.replaceAll('.', ' '), broken.replace('.', '.!')];
      for (const token of refused) {
        const { code } = await openSdsClient(t, file('stream'), bearer(token)).ended;
        t.ok([status.UNAUTHENTICATED, status.PERMISSION_DENIED].includes(code), status[code]);
      }
      const basic = await openSdsClient(t, file('stream'), { authorization: `Basic ${broken}` }).ended;
      t.equal(basic.code, status.UNAUTHENTICATED);
    });

    await t.test('Citadel refuses what is no CSR, and tokens of all kinds', async (t) => {
      const channel = openGrpcClient({ address: `127.0.0.1:${port}`, rootPem: await readFile(file('root.pem')) });
      t.teardown(() => channel.close());
      const pem = keyPem();
      hunt.addPrivateKey('key in place of a CSR', pem);
      const disguised = pem.toString().replaceAll('PRIVATE KEY', 'CERTIFICATE REQUEST');
      const token = await mint('token of a caller');
      const calls = [
        { csr: disguised, token, code: status.INVALID_ARGUMENT },
        { csr: disguised.slice(28, 150), token, code: status.INVALID_ARGUMENT },
        { csr: token, token, code: status.INVALID_ARGUMENT },
        { csr: disguised, token: token.slice(0, -9), code: status.UNAUTHENTICATED },
        { csr: disguised, token: `${token}, ${token}`, code: status.UNAUTHENTICATED },
      ];
      for (const { csr, token, code } of calls) {
        const request = encodeCertificateRequest(Buffer.from(csr), 60_000);
        const call = { metadata: { ...bearer(token), clusterid: token }, deadlineMs: Date.now() + 10_000 };
        const error = await channel.unary(CREATE_CERTIFICATE, request, call).then(
          () => t.fail('it must be refused'),
          (error: { code: status; details: string }) => error,
        );
        t.match(error, { code });
        t.strictSame(hunt.findIn(inspect(error, { depth: 9 })), [], 'the caller is told no secret either');
      }
    });

    await t.test('the token file is corrupted, and holds a key instead', async () => {
      const wrongFile = keyPem();
      hunt.addPrivateKey('key in place of a token', wrongFile);
      const cut = (await mint('half a token')).slice(0, 300);
      for (const content of [cut, `${cut}\n${cut}`, wrongFile.toString(), '{"access_token":']) {
        const since = byFile.log.place;
        await volume.write(content);
        await byFile.says('"ERR_TOKEN_MALFORMED"', since);
      }
      const since = byFile.log.place;
      await volume.write(await mint('token of the file anew'));
      await byFile.says('"svid rotated"', since);
    });

    await t.test('Citadel is away, and comes back', async (t) => {
      const shown = citadel.osView();
      const [sinceFile, sinceStream] = [byFile.log.place, byStream.log.place];
      citadel.kill('SIGKILL');
      t.equal(await citadel.ended, 'SIGKILL');
      await Promise.all([
        byFile.says('"svid renewal failed"', sinceFile),
        byStream.says('"svid renewal failed"', sinceStream),
      ]);
      citadel = startCitadel(file('ca'));
      const client = openSdsClient(t, file('stream'), bearer(good));
      await Promise.all([
        citadel.says('"citadel ready"'),
        byFile.says('"svid rotated"', sinceFile),
        followKeys(client, hunt, 'stream after the return', 2),
      ]);
      t.strictSame(hunt.findIn(shown), []);
    });

    await t.test('settings are wrong, and a CA directory is broken', async (t) => {
      const token = await mint('token in place of a path');
      const wrong = start('agent', '--token-file', token, '--namespace', 'foo', '--service-account', 'sleep', token);
      t.equal(await wrong.ended, 2);
      // What a running Citadel keeps beside its keys comes and goes, and `cp` of Node.js copies no socket.
      const filter = (path: string): boolean => basename(path) !== '.citadels';
      await cp(file('ca'), file('broken'), { recursive: true, filter });
      await truncate(file('broken/ca-key.pem'), 150);
      t.equal(await startCitadel(file('broken')).ended, 1);
    });

    const shown = [citadel, byFile, byStream].map((process) => process.osView());
    const lines = [];
    for (const process of [citadel, byFile, byStream]) {
      process.kill('SIGTERM');
      const { code, err } = await process.whole();
      t.equal(code, 0);
      lines.push(...err.trimEnd().split('\n'));
    }
    t.strictSame(
      lines.filter((line) => !/^\{"ts":.*\}$/.test(line)),
      [],
      'a log has JSON lines only',
    );
    const whole = await Promise.all(processes.map((process) => process.whole()));
    const said = whole.map(({ out, err }) => `${out}\n${err}`);
    for (const line of ['sds request', 'sds stream ended', 'certificate refused', 'ca request failed, trying again']) {
      t.match(said.join('\n'), line, `"${line}" was logged: the hunt saw the level of debug and the failures`);
    }
    t.strictSame(hunt.findIn(said.join('\n')), [], `none of ${hunt.names.length} secrets is in the output`);
    t.strictSame(hunt.findIn(shown.join('\n')), [], 'none is in a command line or an environment');
  },
);

t.test('no key and no token occurs in what a mesh of real Envoys says', { skip, timeout: 250_000 }, async (t) => {
  process.env.SIDECERT_LOG_LEVEL = 'debug';
  t.teardown(() => delete process.env.SIDECERT_LOG_LEVEL);
  const { cluster, nextCertificate } = await startMesh(t, { envoyPath, ...LIVES });
  const hunt = new SecretHunt();
  const { workloads } = cluster.plan;
  const follow = async ({ name, tokenSource, socketPath }: (typeof workloads)[number]): Promise<void> => {
    const token = await cluster.token(name).read();
    hunt.addToken(`token of ${name}`, token);
    await followKeys(openSdsClient(t, socketPath, tokenSource === 'stream' ? bearer(token) : {}), hunt, name, 3);
  };
  await Promise.all(workloads.map(follow));
  await Promise.all(
    workloads.map(async ({ name }) => {
      const reissued = nextCertificate(name);
      kill(cluster.agent(name));
      await reissued;
    }),
  );
  t.equal(hunt.names.length, 4 * workloads.length);
  // The Envoys complain of the agents that died, and what they say takes its way to a file.
  const logs = await until('the complaints', AbortSignal.timeout(PATIENCE_MS), async () => {
    const all = await logsBelow(cluster.workloadsDirectory, cluster.citadelDirectory);
    return /\[warning\]\[config\]/.test(all) ? all : undefined;
  });
  t.match(logs, /"level":"debug"/);
  t.strictSame(hunt.findIn(logs), []);
});

/** All that the processes of a mesh have written until now. */
async function logsBelow(...directories: readonly string[]): Promise<string> {
  const files = directories.map(async (directory) => {
    const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('log'));
    return Promise.all(names.map((name) => readFile(join(directory, name), 'latin1')));
  });
  return (await Promise.all(files)).flat().join('\n');
}
