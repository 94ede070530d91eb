import { configuredCas, type DoctorConfig, servedWorkloads } from '../config/index.js';
import { type DoctorPlan, type ExaminedCa, type Finding, loadDoctor, Style } from '../explain/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, hasColours, print } from './process.js';

type Doctor = Awaited<ReturnType<typeof loadDoctor>>;

/** `sidecert doctor`. Resolves with 1 when a step has failed. */
export async function runDoctor(config: DoctorConfig): Promise<number> {
  const doctor = await loadDoctor();
  const style = new Style(hasColours(process.stdout));
  let code: number = Exit.ok;
  await doctor.examine(planOf(config, doctor), (finding: Finding) => {
    if (finding.verdict === 'fail') code = Exit.failed;
    print(`${redact(doctor.findingLine(finding, style))}\n`);
  });
  return code;
}

/** Of one that moves from files to a CA, the way to the CA is what may fail. */
function servedBy(config: DoctorConfig) {
  const served = servedWorkloads(config);
  return served.kind === 'files-and-ca' ? served.issued : served;
}

function planOf(config: DoctorConfig, doctor: Doctor): DoctorPlan {
  const served = servedBy(config);
  const { certificateNames, bundleNames, allBundlesNames, envoyAdmin, tokenAudiences } = config;
  const { namespace, serviceAccount, tokenFile: path } = config;
  const isOwn = served.kind === 'own-token' && path !== undefined;
  return {
    socket: { path: config.socket, mode: config.socketMode, group: config.socketGroup },
    podSockets: config.podSockets,
    cas: served.kind === 'mounted-files' ? [] : casOf(config),
    token: isOwn
      ? {
          ...{ path, audiences: tokenAudiences, subject: `system:serviceaccount:${namespace}:${serviceAccount}` },
          isOptional: config.caClientCert !== undefined,
        }
      : undefined,
    issue: issueOf(config, served, doctor),
    envoy: envoyAdmin && { admin: envoyAdmin, servedNames: [...certificateNames, ...bundleNames, ...allBundlesNames] },
    now: Date.now,
  };
}

function casOf(config: DoctorConfig): ExaminedCa[] {
  return configuredCas(config).map((ca) => ({
    ...ca.address,
    tls: 'isPlaintext' in ca ? undefined : { rootFile: ca.rootFile, serverName: ca.serverName },
  }));
}

function issueOf(config: DoctorConfig, served: ReturnType<typeof servedBy>, doctor: Doctor): DoctorPlan['issue'] {
  if (config.isWithoutIssue) return { why: '--no-issue' };
  if (served.kind !== 'own-token') return { why: 'the tokens come with the streams of Envoy' };
  const { keyType, ttlMs, clusterId, certSigner = '', caHeaders, hotPath, caClientCert } = config;
  return {
    spiffeId: served.spiffeId.toString(),
    ...doctor.workloadCredentials({
      tokenFile: served.tokenFile,
      clientCertificateDirectory: caClientCert,
      now: Date.now,
    }),
    ...{ keyType, ttlMs, clusterId, certSigner, hotPath },
    headers: Object.fromEntries(caHeaders.map(({ name, value }) => [name, value])),
  };
}
