import { join } from 'node:path';
import { HELM, KUBERNETES } from '../kubernetes/programs.mjs';
import { CHROMIUM_TITLE, findChromium, getChromium, whyNoChromium } from './chromium.mjs';
import { cachedEnvoy, downloadEnvoy, NO_ENVOY, OLDEST_ENVOY } from './envoy.mjs';
import { whyNoGo } from './go-program.mjs';
import { GRPC_CORE } from './grpc-core.mjs';
import { buildH2spec, findH2spec } from './h2spec.mjs';
import { buildIstioAgent, buildIstioCa, findIstioAgent, findIstioCa } from './istio-agent.mjs';
import { withLock } from './lock.mjs';
import { OTLP_PROTO } from './otlp-proto.mjs';
import { findPostgres, getPostgres, whyNoPostgres } from './postgres.mjs';
import { findPromtool, getPromtool, whyNoPromtool } from './promtool.mjs';
import { cachedPackages, downloadPackages } from './python-packages.mjs';
import { PYYAML } from './pyyaml.mjs';
import { SetupError } from './run.mjs';
import { findSofthsm, getSofthsm, whyNoSofthsm } from './softhsm.mjs';

/** What only tests need, besides an Envoy: each is fetched once, and told to the tests by a variable. */
const TOOLS = [
  {
    variable: 'ENVOY_OLDEST_PATH',
    title: `downloading Envoy ${OLDEST_ENVOY.version} for the tests (${OLDEST_ENVOY.megabytes} MB, once)`,
    find: () => cachedEnvoy(OLDEST_ENVOY),
    get: () => downloadEnvoy(OLDEST_ENVOY),
    without: 'the tests with that Envoy are skipped',
  },
  {
    variable: 'GRPC_CORE_PATH',
    title: "downloading Python's gRPC for the tests (8 MB, once)",
    find: () => cachedPackages(GRPC_CORE),
    get: () => downloadPackages(GRPC_CORE),
    without: "the tests with gRPC's C core are skipped",
  },
  {
    variable: 'PYYAML_PATH',
    title: "downloading Python's YAML reader for the tests (1 MB, once)",
    find: () => cachedPackages(PYYAML),
    get: () => downloadPackages(PYYAML),
    without: 'the test of bootstraps with a reader of YAML 1.1 is skipped',
  },
  {
    variable: 'OTLP_PROTO_PATH',
    title: "downloading OpenTelemetry's messages for the tests (1 MB, once)",
    find: () => cachedPackages(OTLP_PROTO),
    get: () => downloadPackages(OTLP_PROTO),
    without: 'the tests of traces by the official definitions are skipped',
  },
  {
    variable: 'H2SPEC_PATH',
    title: 'building h2spec for the tests (9 MB, once)',
    find: findH2spec,
    whyNot: whyNoGo,
    get: buildH2spec,
    without: 'the judge of HTTP/2 in test/net/http2/h2spec.test.ts is skipped',
  },
  {
    variable: 'ISTIO_AGENT_PATH',
    title: "building the security part of Istio's agent for the tests (20 MB, a minute, once)",
    find: findIstioAgent,
    whyNot: whyNoGo,
    get: buildIstioAgent,
    without: "the test of moving from Istio's agent and back is skipped",
  },
  {
    variable: 'ISTIO_CA_PATH',
    title: "building istiod's CA for the tests (86 MB, three minutes, once)",
    find: findIstioCa,
    whyNot: whyNoGo,
    get: buildIstioCa,
    without: "the tests with istiod's CA are skipped",
  },
  {
    variable: 'CHROMIUM_PATH',
    title: CHROMIUM_TITLE,
    find: findChromium,
    whyNot: whyNoChromium,
    get: getChromium,
    without: 'the tests of the status page fail, and are skipped with ALLOW_NO_BROWSER=1',
  },
  {
    variable: 'PROMTOOL_PATH',
    title: "downloading Debian's promtool for the tests (19 MB, 48 MB below ~/.cache/sidecert, once)",
    find: findPromtool,
    whyNot: whyNoPromtool,
    get: getPromtool,
    without: 'the tests of alerts, dashboard and metrics by Prometheus are skipped',
  },
  {
    variable: 'POSTGRES_PATH',
    title: "downloading Debian's PostgreSQL for the tests (60 MB, 200 MB below ~/.cache/sidecert, once)",
    find: findPostgres,
    whyNot: whyNoPostgres,
    get: getPostgres,
    without: 'the tests of an inventory in PostgreSQL are skipped',
  },
  {
    variable: 'SOFTHSM_PATH',
    title: "downloading Debian's SoftHSM for the tests (1 MB, 3 MB below ~/.cache/sidecert, once)",
    find: findSofthsm,
    whyNot: whyNoSofthsm,
    get: getSofthsm,
    without: 'the tests of keys in tokens are skipped',
  },
  {
    variable: 'KUBEBUILDER_ASSETS',
    title: KUBERNETES.title,
    find: () => KUBERNETES.find(),
    whyNot: whyNoKubernetes,
    get: () => KUBERNETES.get(SILENT),
    without: 'the tests with a real Kubernetes fail, and are skipped with ALLOW_NO_KUBERNETES=1',
  },
  {
    variable: 'HELM_PATH',
    title: HELM.title,
    find: () => HELM.find(),
    whyNot: whyNoKubernetes,
    get: () => HELM.get(SILENT),
    without: 'the tests of the chart fail, and are skipped with ALLOW_NO_KUBERNETES=1',
  },
];

/** The step around it is told already. */
const SILENT = { say: () => {}, step: (_title, work) => work() };

/** Why Kubernetes is not built here; `undefined` when it is. */
async function whyNoKubernetes() {
  if (process.env.ALLOW_NO_KUBERNETES === '1') return 'ALLOW_NO_KUBERNETES=1: Kubernetes and helm are not built';
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'Kubernetes is built for Linux on x86-64 alone';
  return whyNoGo();
}

/** The value of a tool's variable when there is none. */
const NO_TOOL = 'none';

/**
 * Resolves with the variables for the tests. Who goes without an Envoy, `ENVOY_PATH=none`, goes without these; and what
 * cannot be had is said, with what that costs.
 */
export async function setUpTestTools({ env, envoyPath, progress }) {
  const found = await Promise.all(
    TOOLS.map(async ({ variable, find }) => [variable, env[variable] || (await find()) || NO_TOOL]),
  );
  const variables = Object.fromEntries(found);
  const missing = TOOLS.filter(({ variable }) => variables[variable] === NO_TOOL && env[variable] !== NO_TOOL);
  if (missing.length === 0 || envoyPath === NO_ENVOY) return variables;
  await withLock(
    join('.cache', 'setup.lock'),
    () => {},
    async () => {
      for (const tool of missing) variables[tool.variable] = (await tool.find()) ?? (await getTool(tool, progress));
    },
  );
  return variables;
}

async function getTool({ title, whyNot, get, without }, progress) {
  const reason = await whyNot?.();
  if (reason !== undefined) {
    progress.say(`set-up: ${reason}: ${without}`);
    return NO_TOOL;
  }
  try {
    return await progress.step(title, get);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    progress.say(`set-up: ${error.message}\n${without}`);
    return NO_TOOL;
  }
}
