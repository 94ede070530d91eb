import t from 'tap';
import { injectManifests } from '../../../src/app/index.js';
import { injectSettings } from '../../support/inject-settings.js';

/** A Deployment whose pod has these fields besides one container; `pod` is written in YAML's flow form. */
function deployment(pod: string, metadata = '{}'): string {
  return [
    'apiVersion: apps/v1',
    'kind: Deployment',
    'metadata: { name: httpbin, namespace: foo }',
    `spec: { template: { metadata: ${metadata}, spec: ${pod} } }`,
    '',
  ].join('\n');
}

const POD = '{ containers: [{ name: app }] }';

const annotated = (name: string, value: string): string =>
  deployment(POD, `{ annotations: { sidecert.dev/${name}: ${JSON.stringify(value)} } }`);

const AT = 'file.yaml:1: Deployment foo/httpbin: spec.template.';

async function problemsOf(text: string, ...flags: readonly string[]): Promise<readonly string[]> {
  const result = await injectManifests('file.yaml', text, injectSettings(...flags));
  return result.kind === 'invalid' ? result.problems : [];
}

const CASES: readonly { what: string; text: string; flags?: readonly string[]; problems: readonly string[] }[] = [
  {
    what: 'broken YAML',
    text: 'kind: Pod\nspec: [1, 2\n',
    problems: ['file.yaml:3:1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  },
  {
    what: 'a key that is there twice',
    text: 'kind: Pod\nkind: Pod\n',
    problems: ['file.yaml:2:1: Map keys must be unique'],
  },
  {
    what: 'a pod without a spec',
    text: 'apiVersion: v1\nkind: Pod\nmetadata: { name: bare }\n',
    problems: ['file.yaml:1: Pod bare: spec: got nothing, expected the spec of a pod'],
  },
  {
    what: 'containers that are none',
    text: deployment('{ containers: {}, initContainers: [1], volumes: [{}] }'),
    problems: [
      `${AT}spec.containers: got {}, expected a list of containers`,
      `${AT}spec.initContainers[0]: got 1, expected a container`,
      `${AT}spec.volumes[0].name: got nothing, expected a name`,
    ],
  },
  {
    what: 'a pod without containers',
    text: deployment('{ containers: [] }'),
    problems: [`${AT}spec.containers: got [], expected at least one`],
  },
  {
    what: 'mounted files of one pod with the agent of a node',
    text: deployment(POD, '{ annotations: { sidecert.dev/identity-source: "file,ca", sidecert.dev/agent: node } }'),
    problems: [`${AT}metadata.annotations: identity-source: got file,ca, expected ca with agent node`],
  },
  {
    what: 'mounted files beside tokens of streams',
    text: annotated('identity-source', 'file,ca'),
    flags: ['--token-source', 'stream'],
    problems: [`${AT}metadata.annotations: identity-source: got file,ca, expected ca with token-source stream`],
  },
  {
    what: 'a CA that is there twice',
    text: annotated('ca-address', 'a:1 b:2 a:1'),
    problems: [`${AT}metadata.annotations: ca-address: got "a:1" twice, expected each CA once`],
  },
  {
    what: 'no CA',
    text: annotated('ca-address', ' '),
    problems: [`${AT}metadata.annotations: ca-address: got nothing, expected one or several`],
  },
  {
    what: 'names for some of the CAs',
    text: annotated('ca-server-name', 'a b'),
    problems: [
      `${AT}metadata.annotations: ca-server-name: got 2 for 1 of ca-address, expected one for all, or one for each`,
    ],
  },
  {
    what: 'an outage that no certificate survives',
    text: annotated('survive-ca-outage', '23h'),
    problems: [
      `${AT}metadata.annotations: survive-ca-outage: got 82800s, expected at most 77760s, nine tenths of the life that is asked for`,
    ],
  },
  {
    what: 'a header whose value may be a secret',
    text: annotated('ca-header', 'authorization=Bearer-x'),
    problems: [
      `${AT}metadata.annotations["sidecert.dev/ca-header"]: got "authorization=…", expected NAME=VALUE, NAME of letters, digits, "-", "_" and ".", neither one that the agent sets itself nor grpc-… nor …-bin, VALUE printable ASCII`,
    ],
  },
  {
    what: 'an impossible port',
    text: deployment('{ containers: [{ name: app, ports: [{ containerPort: 70000 }] }] }'),
    problems: [`${AT}spec.containers[0].ports[0].containerPort: got 70000, expected a port from 1 to 65535`],
  },
  {
    what: 'a probe of a port that has no such name',
    text: deployment('{ containers: [{ name: app, livenessProbe: { httpGet: { port: web } } }] }'),
    problems: [
      `${AT}spec.containers[0].livenessProbe.httpGet.port: got "web", expected a port from 1 to 65535, or the name of a port of the container`,
    ],
  },
  {
    what: 'an annotation that is no text',
    text: deployment(POD, '{ annotations: { sidecar.istio.io/inject: false } }'),
    problems: [`${AT}metadata.annotations["sidecar.istio.io/inject"]: got false, expected a string`],
  },
  {
    what: 'an annotation of a value that cannot be',
    text: annotated('inbound-ports', '80,99999'),
    problems: [
      `${AT}metadata.annotations["sidecert.dev/inbound-ports"]: got "99999", expected a port from 1 to 65535, or * for all`,
    ],
  },
  {
    what: 'annotations that exclude each other',
    text: deployment(
      POD,
      '{ annotations: { sidecert.dev/upstreams: "a.b:80=spiffe://cluster.local/x a.b:80=spiffe://cluster.local/y" } }',
    ),
    problems: [`${AT}metadata.annotations: upstreams: got a.b:80 twice, expected each HOST:PORT once`],
  },
  {
    what: 'a status that kube-inject has not written',
    text: annotated('status', '{"version":1}'),
    problems: [
      `${AT}metadata.annotations["sidecert.dev/status"]: got "{\\"version\\":1}", expected what kube-inject wrote`,
    ],
  },
  {
    what: 'names, ports and users of the sidecar',
    text: deployment(
      '{ securityContext: { runAsUser: 1337 }, containers: [{ name: istio-proxy, ports: [{ containerPort: 15006 }] }, { name: app, securityContext: { runAsUser: 0 } }, { name: app }], volumes: [{ name: sidecert-token }] }',
    ),
    problems: [
      `${AT}spec.containers[0].name: got "istio-proxy", expected another name: it is one of the sidecar's`,
      `${AT}spec.containers[0].ports[0].containerPort: got 15006, expected another port: it is one of the sidecar's`,
      `${AT}spec.containers[2].name: got "app", expected each name once`,
      `${AT}spec.securityContext.runAsUser: got 1337, expected another user: it is Envoy's, which is not captured`,
      `${AT}spec.volumes[0].name: got "sidecert-token", expected another name: it is one of the sidecar's`,
    ],
  },
  {
    what: 'several ports, of which none is named, where nothing is captured',
    text: deployment('{ containers: [{ name: app, ports: [{ containerPort: 80 }, { containerPort: 81 }] }] }'),
    flags: ['--capture', 'none'],
    problems: [`${AT}spec.containers: got the ports 80, 81, expected one, or app-port, with capture none`],
  },
];

for (const { what, text, flags = [], problems } of CASES) {
  t.test(`${what}: object, field, what was found and what was expected`, async (t) => {
    t.strictSame(await problemsOf(text, ...flags), problems);
  });
}

t.test('an unknown annotation is told with those that there are', async (t) => {
  const [problem = '', ...others] = await problemsOf(annotated('capture-ports', '80'));
  t.strictSame(others, []);
  t.ok(
    problem.startsWith(`${AT}metadata.annotations["sidecert.dev/capture-ports"]: got an unknown annotation, expected`),
  );
  t.match(problem, /\binbound-ports\b/);
});

t.test('the problems of all documents are told at once, each with its line', async (t) => {
  const text = `${deployment('{ containers: [] }')}---\n# Another.\n${deployment('{}')}`;
  t.strictSame(await problemsOf(text), [
    `${AT}spec.containers: got [], expected at least one`,
    `${AT.replace(':1:', ':7:')}spec.containers: got nothing, expected a list of containers`,
  ]);
});

t.test('more upstreams than an argument has room for are refused before they are applied', async (t) => {
  const upstreams = Array.from(
    { length: 90 },
    (_, at) => `service-${at}.foo:80=spiffe://cluster.local/ns/foo/sa/s${at}`,
  );
  const [problem = ''] = await problemsOf(annotated('upstreams', upstreams.join(' ')));
  t.match(problem, /: got a bootstrap of \d+ bytes, expected at most 131000: with fewer upstreams$/);
});

t.test('aliases of aliases without end are refused', async (t) => {
  const levels = Array.from(
    { length: 12 },
    (_, at) => `l${at}: &l${at} [${Array(9).fill(at === 0 ? 'x' : `*l${at - 1}`)}]`,
  );
  t.strictSame(await problemsOf(levels.join('\n')), [
    'file.yaml:1:1: Excessive alias count indicates a resource exhaustion attack',
  ]);
});
