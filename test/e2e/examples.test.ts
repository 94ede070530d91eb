import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { bundleSecret, SLEEP_ID, svidSecret } from '../fleet/secrets.js';
import { BackendApp } from '../support/backend-app.js';
import { askMtls, identityOf, untilServed } from '../support/mtls-client.js';
import { realEnvoys } from '../support/real-envoy.js';
import { type EnvoyFiles, envoyFiles, RunningEnvoy } from '../support/running-envoy.js';
import { SdsEndpoint } from '../support/sds-endpoint.js';
import { serialOf } from '../support/served-serial.js';
import { shortDir } from '../support/short-dir.js';
import { TestCa } from '../support/test-ca.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../../docs/envoy.md', import.meta.url)), 'utf8');

interface Tree {
  [key: string]: unknown;
}

/** The sections of docs/envoy.md that have an example. */
const EXAMPLES = [...PAGE.matchAll(/^## (.+)\n(?:(?!^## |^```).*\n)*```yaml\n((?:(?!```).*\n)*)```$/gm)].map(
  ([, title = '', yaml = '']) => ({ title, yaml }),
);

/** The section whose example needs an Envoy of 1.37, and a file. */
const INJECTING = 'With an injected token';

const [, TOKEN_SECRET = ''] = /```yaml\n(resources:\n(?:(?!```).*\n)*)```/.exec(PAGE) ?? [];

/** An example's text with the places of a test: Unix sockets instead of ports, and files that are there. */
function placed(yaml: string, files: EnvoyFiles, socketPath: string, tokenFile: string): string {
  const places = [
    ['socket_address: { address: 127.0.0.1, port_value: 15000 }', `pipe: { path: ${files.admin} }`],
    ['socket_address: { address: 0.0.0.0, port_value: 15006 }', `pipe: { path: ${files.inbound} }`],
    ['socket_address: { address: 127.0.0.1, port_value: 8080 }', `pipe: { path: ${files.app} }`],
    ['/run/sidecert/sds.sock', socketPath],
    ['/var/run/secrets/tokens/istio-token', tokenFile],
    ['/etc/envoy/sds-token.yaml', `${tokenFile}.yaml`],
  ] as const;
  return places.reduce((text, [from, to]) => text.replaceAll(from, to), yaml);
}

/**
 * Puts a part in the place of each part of that name, as the page tells its reader to; at the top when there is none.
 */
function putIn(tree: Tree, name: string, part: unknown): Tree {
  let isPut = false;
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => {
      if (key !== name) return [key, visit(inner)];
      isPut = true;
      return [key, part];
    });
    return Object.fromEntries(entries);
  };
  const changed = visit(tree) as Tree;
  return isPut ? changed : { ...changed, [name]: part };
}

t.test('the page has its examples', async (t) => {
  t.same(
    EXAMPLES.map(({ title }) => title),
    [
      ...['A stream for each secret', 'Only what changed', 'With a token in each stream', INJECTING],
      ...['One stream for all secrets', 'Polls'],
    ],
  );
});

for (const { name, path, skip } of realEnvoys()) {
  for (const { title, yaml } of EXAMPLES.filter((one) => one.title !== INJECTING || name !== 'the oldest Envoy')) {
    t.test(`the example "${title}" of docs/envoy.md works in ${name}`, { skip, timeout: 250_000 }, async (t) => {
      const directory = shortDir(t);
      const files = envoyFiles(directory);
      const tokenFile = join(directory, 'token');
      writeFileSync(tokenFile, 'a.b.c');
      writeFileSync(`${tokenFile}.yaml`, placed(TOKEN_SECRET, files, '', tokenFile));
      const endpoint = await SdsEndpoint.start(t, join(directory, 'sds'));
      await BackendApp.start(t, files.app);
      const ca = TestCa.root();
      const leaf = svidSecret(ca);
      endpoint.source.setSecrets({ default: leaf, ROOTCA: bundleSecret(ca.certificatePem) });
      // The page says of polls that the cluster leads to the other socket.
      const socketPath = title === 'Polls' ? endpoint.restPath : endpoint.socketPath;
      const read = (text: string): Tree => parse(placed(text, files, socketPath, tokenFile));
      const bootstrap = Object.entries(read(yaml)).reduce(
        (tree, [key, part]) => putIn(tree, key, part),
        read(EXAMPLES[0]?.yaml ?? ''),
      );
      const envoy = await RunningEnvoy.start(t, { path, files, bootstrap });
      await untilServed(envoy, identityOf(ca, SLEEP_ID), serialOf(leaf));
      const nobody = await askMtls(files.inbound, { trusts: ca.certificatePem });
      t.match(nobody, { kind: 'refused' });
      const bringsToken = title.includes('token');
      t.strictSame(endpoint.source.callers[0]?.authorization, bringsToken ? ['Bearer a.b.c'] : []);
      t.notMatch(await envoy.log(), /deprecated/i, 'and Envoy does not complain of it');
    });
  }
}
