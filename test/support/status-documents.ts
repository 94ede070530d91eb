/** What a peer would send if it wanted to get into the page. */
export const HOSTILE = '<script>document.title = "taken"</script><img src=x onerror=alert(1)>"\'&amp;\u202e';

const HOUR_MS = 3_600_000;

const at = (distanceMs: number): string => new Date(Date.now() + distanceMs).toISOString();

const PROGRAM = { version: '0.1.0', node: '24.1.0', openssl: '3.5.1', hot_path: 'native' };

const FAILURE = { code: 'ERR_CA_UNAVAILABLE', error: 'connect ECONNREFUSED 10.0.0.7:15012', at: at(-40_000) };

interface AgentScene {
  readonly identities?: number;
  readonly subscribers?: number;
  readonly streams?: number;
  /** Where a peer decides. */
  readonly text?: string;
  /** Of Envoy; the same unless given. */
  readonly rejection?: string;
}

/** The `/status` of an agent whose CA is away and whose Envoys refuse something, with all sections that there are. */
export function agentDocument(scene: AgentScene = {}) {
  const { identities = 2, subscribers = 2, streams = 12, text = HOSTILE } = scene;
  const { rejection = text } = scene;
  return {
    ...PROGRAM,
    mode: 'node',
    ca: { address: 'istiod.istio-system.svc:15012', tls_version: 'TLSv1.3', key_exchange: 'X25519MLKEM768' },
    cas: [
      {
        address: 'istiod.istio-system.svc:15012',
        state: 'cooling_down',
        cooling_until: at(9000),
        last_failure: FAILURE,
      },
      {
        ...{ address: 'second.example:15012', state: 'ready' },
        ...{ last_certificate: at(-30_000), bundle_checked: at(-5 * HOUR_MS) },
      },
    ],
    migration: {
      ...{ step: 'files', served: 'files', reason: 'the step says so', ca_roots_are_mounted: true },
      ...{ step_since: at(-5 * HOUR_MS), step_file: '/etc/step', step_file_problem: text },
      held_up_by: [{ code: 'unacknowledged', detail: 'a stream of Envoy has not acknowledged ROOTCA' }],
      roots: { served: 2, files: 1, ca: 2 },
      sources: {
        files: { svid: 'valid', serial: '0a1b', not_after: at(9 * HOUR_MS) },
        ca: { svid: 'none', last_failure: FAILURE },
      },
    },
    sds: {
      connections: subscribers,
      streams,
      names: [
        {
          name: 'default',
          version: '5f1c0a2b',
          versions: 1,
          streams: { applied: streams - 1, rejected: 1, unanswered: 0 },
        },
        {
          ...{ name: 'ROOTCA', version: '77aa01cc', versions: 1, streams: { applied: streams } },
          last_rejection: { blames: 'trust bundle', error: rejection, version: '66aa01cc', at: at(-70_000) },
        },
      ],
      never_served: [{ name: text, streams: 3 }],
      subscriber_count: subscribers,
      subscribers: Array.from({ length: Math.min(subscribers, 100) }, (_, index) => ({
        node_id: index === 0 ? text : `sidecar~10.0.0.${index}`,
        streams: 2,
        connections: [{ connection: index + 1, pid: 4000 + index, uid: 1337 }],
        names: [
          { name: 'default', state: 'applied', version: '5f1c0a2b', acked: '5f1c0a2b', acked_at: at(-60_000) },
          { name: 'ROOTCA', state: 'applied', version: '77aa01cc', acked: '77aa01cc', acked_at: at(-60_000) },
        ],
      })),
    },
    history: {
      since: at(-2 * HOUR_MS),
      leaves: [{ at: at(-20 * 60_000), spiffe_id: spiffeId(1), serial: '0101' }],
      failures: [
        {
          at: at(-600_000),
          last_at: at(-40_000),
          spiffe_id: spiffeId(0),
          count: 7,
          code: FAILURE.code,
          error: FAILURE.error,
        },
      ],
      rejections: [{ at: at(-70_000), node_id: text, names: ['ROOTCA'], version: '66aa01cc', error: rejection }],
      bundles: [{ at: at(-80_000), trust_domain: 'cluster.local', added: [{}], removed: [], root_count: 2 }],
    },
    bundles: [
      {
        version: '77aa01cc',
        root_count: 1,
        roots: [{ subject: text, fingerprint: '5f2c0a9e11d37b46'.repeat(4), not_after: at(90_000 * HOUR_MS) }],
      },
    ],
    federation: [
      {
        ...{ trust_domain: 'partner.example', source: 'endpoint', roots: 2 },
        endpoint: {
          ...{ url: 'https://partner.example/bundle', profile: 'https_web', sequence: 7 },
          ...{ last_good: at(-5 * HOUR_MS), next_fetch: at(250_000), last_failure: { ...FAILURE, error: text } },
        },
      },
      { trust_domain: 'other.example', roots: 0, file: '/etc/other.pem' },
    ],
    identity_count: identities,
    idle_count: 1,
    identities: Array.from({ length: Math.min(identities, 500) }, (_, index) => ({
      spiffe_id: spiffeId(index),
      pod_uid: `2f9c5c3e-0000-4000-8000-${String(index).padStart(12, '0')}`,
      idle: index === 1,
      svid: 'valid',
      serial: `dd7b81ab1225e7bcec147d73${String(index).padStart(8, '0')}`,
      not_before: at(-9 * HOUR_MS),
      not_after: at(15 * HOUR_MS),
      next_renewal: at(3 * HOUR_MS),
      outage_tolerance_seconds: 43_200,
      survives_ca_outage: true,
      failed_renewals: index === 0 ? 7 : 0,
      last_failure: index === 0 ? FAILURE : undefined,
      token: { iss: 'https://kubernetes.default.svc', sub: text, aud: ['istio-ca'], expires: at(HOUR_MS) },
    })),
  };
}

/** The `/status` of a Citadel that has issued and refused. */
export function citadelDocument(scene: { readonly text?: string; readonly reason?: string } = {}) {
  const { text = HOSTILE } = scene;
  const { reason = text } = scene;
  return {
    ...PROGRAM,
    trust_domain: 'cluster.local',
    authority: {
      ...{ serial: '0abc', not_before: at(-100 * HOUR_MS), not_after: at(8000 * HOUR_MS), bundle_size: 1 },
      root_change: { step: 'staged', since: at(-80 * HOUR_MS) },
    },
    online_intermediate: {
      ...{ serial: '0def', not_before: at(-500 * HOUR_MS), not_after: at(220 * HOUR_MS), problem: text },
      next: { serial: '0123', signs_from: at(HOUR_MS) },
    },
    policy: { path: '/etc/sidecert/policy.yaml', rules: 3, problem: text },
    trail: { directory: '/var/lib/sidecert/trail', head: 'ab', pending: 0, lost: 2, failure: 'ENOSPC' },
    recent_requests: {
      issued_count: 1204,
      refused_count: 3,
      issued: [
        {
          ...{ at: at(-4000), spiffe_id: spiffeId(0), serial: '0101', not_after: at(24 * HOUR_MS) },
          ...{ address: '10.0.0.9', pod: 'workload-0-5d9c', cluster_id: text, connection: 7 },
        },
      ],
      refused: [
        {
          ...{ at: at(-9000), code: 'ERR_TOKEN_EXPIRED', reason, cluster_id: 'Kubernetes', connection: 8, count: 3 },
          ...{ claimed_subject: 'system:serviceaccount:foo:sleep', claimed_pod: 'sleep-7f' },
        },
      ],
    },
  };
}

function spiffeId(index: number): string {
  return `spiffe://cluster.local/ns/foo/sa/workload-${index}`;
}
