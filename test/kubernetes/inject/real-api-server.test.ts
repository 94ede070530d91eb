import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { injectManifests } from '../../../src/app/index.js';
import { injectSettings } from '../../support/inject-settings.js';
import { KubeApiServer, kubernetesPrograms } from '../../support/kube-apiserver.js';
import { shortDir } from '../../support/short-dir.js';

/** build/test/kubernetes/inject → the project. */
const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

const programs = kubernetesPrograms();

const WAYS = [
  [],
  ['--token-source', 'stream', '--root-trust-bundle', 'sidecert.dev:citadel:root'],
  ['--classic', '--image-pull-policy', 'Never'],
  ['--inbound', 'permissive', '--capture', 'iptables', '--drain', '29s'],
  ['--capture', 'none', '--envoy-limits', 'cpu=1,memory=128Mi', '--agent-requests', 'none'],
  ['--agent', 'node'],
];

/** With probes and hooks of every kind, and nothing that Pod Security `restricted` has anything against. */
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: app }
spec:
  serviceAccountName: default
  terminationGracePeriodSeconds: 3
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: app
      image: app
      ports: [{ name: web, containerPort: 8080 }]
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
      livenessProbe: { httpGet: { path: "/live?a=b", port: web, scheme: HTTPS, httpHeaders: [{ name: A, value: b }] } }
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
      startupProbe: { grpc: { port: 8080, service: app } }
      lifecycle: { postStart: { httpGet: { path: /started, port: 8080 } } }
`;

async function injected(text: string, ...args: readonly string[]): Promise<string> {
  const result = await injectManifests('sample', text, injectSettings(...args));
  if (result.kind !== 'done') throw new Error(JSON.stringify(result));
  return result.text;
}

t.test(
  'a real API server takes what is injected, to the last field',
  { skip: programs.skip, timeout: 240_000 },
  async (t) => {
    const server = await KubeApiServer.start(t, programs);
    const file = join(shortDir(t), 'injected.yaml');
    /** What kubectl says of a manifest that is checked as if it were applied: unknown fields are errors. */
    const apply = async (namespace: string, manifest: string): Promise<string> => {
      writeFileSync(file, manifest);
      const flags = ['--dry-run=server', '--validate=strict', '-n', namespace, '-f', file];
      return server.kubectl('apply', ...flags).catch(({ stderr }: { stderr: string }) => stderr);
    };
    const samples = ['sleep', 'httpbin'].map((name) => readFileSync(`${ROOT}/samples/${name}/${name}.yaml`, 'utf8'));
    for (const args of WAYS) {
      for (const text of [...samples, POD]) {
        const said = await apply('default', await injected(text, ...args));
        t.match(said, /^(\S+ created \(server dry run\)\n)+$/, args.join(' '));
      }
    }

    await server.kubectl('create', 'namespace', 'restricted');
    await server.kubectl('label', 'namespace', 'restricted', 'pod-security.kubernetes.io/enforce=restricted');
    t.match(await apply('restricted', await injected(POD, '--capture', 'none')), 'pod/app created (server dry run)');
    const refused = await apply('restricted', await injected(POD));
    t.match(refused, /violates PodSecurity "restricted:latest"/);
    const blamed = [...refused.matchAll(/\b(?:container|init container) "([^"]+)"/g)].map(([, name]) => name);
    t.strictSame([...new Set(blamed)], ['sidecert-capture'], 'for the rules alone');
  },
);
