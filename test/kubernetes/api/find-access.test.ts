import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { inClusterAccess } from '../../../src/kubernetes/api/in-cluster.js';
import { findAccess, type ServerAccess } from '../../../src/kubernetes/api/index.js';
import { shortDir } from '../../support/short-dir.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Parts {
  readonly cluster?: object;
  readonly user?: object | null;
  readonly context?: object;
  readonly more?: object;
}

/** A kubeconfig of one context, as JSON, which is YAML, too; its path. */
function write(t: Test, { cluster = {}, user = {}, context = {}, more = {} }: Parts): string {
  const path = join(shortDir(t), 'config');
  const content = {
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', ...context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://api.example:6443', ...cluster } }],
    users: [{ name: 'u', user }],
    ...more,
  };
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const found = (t: Test, parts: Parts): Promise<ServerAccess> => findAccess(write(t, parts), {});

t.test('a kubeconfig says where the server is and as whom it is asked', async (t) => {
  const { url, ...rest } = await found(t, {
    cluster: { 'certificate-authority-data': base64('roots'), 'tls-server-name': 'kubernetes' },
    user: { token: 'a-token' },
    context: { namespace: 'mesh' },
  });
  t.equal(url.href, 'https://api.example:6443/');
  t.strictSame(rest, {
    serverName: 'kubernetes',
    ca: { kind: 'inline', content: Buffer.from('roots') },
    token: { kind: 'inline', content: Buffer.from('a-token') },
    clientCertificate: undefined,
    namespace: 'mesh',
  });
});

t.test('files are named relative to the kubeconfig, and a token file wins over a token', async (t) => {
  const directory = shortDir(t);
  const path = join(directory, 'config');
  const yaml = `
current-context: main
contexts: [{name: main, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://api.example/prefix", certificate-authority: pki/ca.crt}}]
users:
- name: u
  user:
    client-certificate: me.crt
    client-key: /keys/me.key
    tokenFile: token
    token: other
`;
  writeFileSync(path, yaml);
  t.match(await findAccess(path, {}), {
    ca: { kind: 'file', path: join(directory, 'pki/ca.crt') },
    token: { kind: 'file', path: join(directory, 'token') },
    clientCertificate: {
      cert: { kind: 'file', path: join(directory, 'me.crt') },
      key: { kind: 'file', path: '/keys/me.key' },
    },
    namespace: undefined,
  });
});

t.test('data wins over a file', async (t) => {
  const { ca } = await found(t, {
    cluster: { 'certificate-authority': 'ca.crt', 'certificate-authority-data': base64('roots') },
  });
  t.match(ca, { kind: 'inline' });
});

t.test('a user without credentials may be null, as kubectl writes it', async (t) => {
  t.match(await found(t, { user: null }), { token: undefined, clientCertificate: undefined });
});

t.test('of the files of KUBECONFIG the first that says something counts', async (t) => {
  const first = write(t, { more: { 'current-context': '', users: null, contexts: [] } });
  const second = write(t, { cluster: { server: 'https://other.example' }, user: { token: 'x' } });
  const access = await findAccess(undefined, { KUBECONFIG: `${first}::${second}` });
  t.equal(access.url.host, 'api.example:6443');
  t.match(access.token, { kind: 'inline' });
});

const secret = 'eyJhbGciOiJSUzI1NiJ9.c2VjcmV0';
const refused: readonly { readonly name: string; readonly parts: Parts; readonly says: RegExp }[] = [
  {
    name: 'an exec plugin',
    parts: { user: { exec: { command: 'aws' } } },
    says: /user "u", exec: got a value, expected token, tokenFile or client-certificate: it is not supported$/,
  },
  { name: 'an auth provider', parts: { user: { 'auth-provider': {} } }, says: /user "u", auth-provider: got a value/ },
  { name: 'a password', parts: { user: { username: 'a', password: 'b' } }, says: /user "u", username: got a value/ },
  { name: 'impersonation', parts: { user: { as: 'admin' } }, says: /user "u", as: got a value/ },
  {
    name: 'a server that is not verified',
    parts: { cluster: { 'insecure-skip-tls-verify': true } },
    says: /cluster "c", insecure-skip-tls-verify: got true, expected certificate-authority/,
  },
  { name: 'a proxy', parts: { cluster: { 'proxy-url': 'http://p' } }, says: /cluster "c", proxy-url: got a value/ },
  { name: 'no server', parts: { cluster: { server: '' } }, says: /cluster "c", server: got no text, expected a text/ },
  {
    name: 'another scheme',
    parts: { cluster: { server: 'ftp://a' } },
    says: /server: got "ftp:\/\/a", expected a URL/,
  },
  {
    name: 'credentials over plain text',
    parts: { cluster: { server: 'http://api.example' }, user: { token: secret } },
    says: /user "u": got credentials for http:\/\/api.example, expected https/,
  },
  { name: 'no such context', parts: { more: { 'current-context': 'x' } }, says: /got no context "x", expected one of/ },
  { name: 'no current context', parts: { more: { 'current-context': '' } }, says: /got no current-context/ },
  { name: 'no such user', parts: { context: { user: 'x' } }, says: /got no user "x"/ },
  { name: 'no such cluster', parts: { context: { cluster: 'x' } }, says: /got no cluster "x"/ },
  { name: 'half a certificate', parts: { user: { 'client-key': 'k' } }, says: /got one of client-certificate and cl/ },
  { name: 'a token of numbers', parts: { user: { token: 12345678 } }, says: /user "u", token: got no text, expected/ },
];

for (const { name, parts, says } of refused) {
  t.test(`a kubeconfig with ${name} is refused`, async (t) => {
    const failure = found(t, parts);
    await t.rejects(failure, { code: 'ERR_KUBERNETES_CONFIG_INVALID', message: says });
    await failure.catch(({ message }) => t.notMatch(message, /eyJ|12345678/));
  });
}

t.test('a kubeconfig that is no YAML is refused without quoting it', async (t) => {
  const path = join(shortDir(t), 'config');
  writeFileSync(path, `users:\n- user: {token: ${secret}\nx: [`);
  const failure = findAccess(path, {});
  await t.rejects(failure, { code: 'ERR_KUBERNETES_CONFIG_INVALID', message: /config: got no YAML at line \d+ \(/ });
  await failure.catch(({ message }) => t.notMatch(message, /eyJ/));
  for (const text of ['', '- a', 'text', 'a: &x 1\nb: *x\n']) {
    writeFileSync(path, text);
    await t.rejects(findAccess(path, {}), { code: 'ERR_KUBERNETES_CONFIG_INVALID' }, JSON.stringify(text));
  }
  await t.rejects(findAccess(join(path, 'none'), {}), { message: /^kubeconfig .*none: got not a directory/ });
});

t.test('in a pod it is the service account', async (t) => {
  const directory = shortDir(t);
  writeFileSync(join(directory, 'namespace'), 'istio-system');
  const environment = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443' };
  const { url, ...rest } = await inClusterAccess(environment, directory);
  t.equal(url.href, 'https://10.96.0.1:6443/');
  t.strictSame(rest, {
    serverName: undefined,
    ca: { kind: 'file', path: join(directory, 'ca.crt') },
    token: { kind: 'file', path: join(directory, 'token') },
    clientCertificate: undefined,
    namespace: 'istio-system',
  });
  const six = await inClusterAccess({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, join(directory, 'none'));
  t.equal(six.url.href, 'https://[fd00::1]/');
  t.equal(six.namespace, undefined);
  const wrong = { KUBERNETES_SERVICE_HOST: 'a b', KUBERNETES_SERVICE_PORT: 'x' };
  await t.rejects(inClusterAccess(wrong, directory), {
    code: 'ERR_KUBERNETES_CONFIG_INVALID',
    message: /got \["a b","x"\], expected host and port$/,
  });
});

t.test('a named kubeconfig wins over the pod, and the pod over KUBECONFIG', async (t) => {
  const path = write(t, {});
  const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBECONFIG: path };
  t.equal((await findAccess(path, pod)).url.host, 'api.example:6443');
  t.equal((await findAccess(undefined, pod)).url.host, '10.96.0.1');
  mkdirSync(join(shortDir(t), '.kube'));
  await t.rejects(findAccess(undefined, { KUBECONFIG: '' }), { message: /^no API server: got no kubeconfig/ });
});
