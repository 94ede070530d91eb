import { messageOf } from '../../errors/index.js';
import { nearest, parseBoundedJson } from '../../text/index.js';
import { JsonSection } from '../json-section.js';
import { askLocally, type LocalTarget, targetText } from '../local-http.js';
import { distanceText } from '../time-words.js';
import { type Finding, Step } from './finding.js';

interface EnvoySettings {
  readonly admin: LocalTarget;
  /** What the agent serves. Names of SPIFFE IDs and of files are served besides. */
  readonly servedNames: readonly string[];
}

/** A config dump of a mesh has tens of megabytes; the masks below leave little of it. */
const LIMITS = { timeoutMs: 5000, maxBytes: 16 * 1024 * 1024 };
const BOUNDS = { maxDepth: 64, maxParts: 1_000_000 };

const [admin, listeners, secrets, certificates] = ['Envoy admin', 'listeners', 'secrets', 'certificates'].map(
  (name) => new Step(`${name}`),
) as [Step, Step, Step, Step];

/** What an Envoy says of itself: listeners and secrets that wait, updates that failed, the certificates it holds. */
export async function examineEnvoy({ admin: target, servedNames }: EnvoySettings, nowMs: number): Promise<Finding[]> {
  try {
    const dump = await ask(target, '/config_dump');
    const stats = await ask(target, '/stats?format=json&filter=sds');
    const certs = await ask(target, '/certs');
    return [
      admin.ok(`${targetText(target)} answers`),
      ...listenerFindings(dump),
      ...secretFindings(dump, servedNames),
      ...updateFindings(stats),
      ...certificateFindings(certs, nowMs),
    ];
  } catch (error) {
    return [
      admin.fail(
        `${targetText(target)}: ${messageOf(error)}`,
        'compare --envoy-admin with admin.address of the bootstrap of Envoy, and look whether it runs',
      ),
    ];
  }
}

async function ask(target: LocalTarget, path: string): Promise<JsonSection> {
  const { status, body } = await askLocally(target, path, LIMITS);
  if (status !== 200) throw new Error(`got HTTP status ${status} for ${path}, expected the admin pages of an Envoy`);
  try {
    return new JsonSection(parseBoundedJson(body, BOUNDS));
  } catch {
    throw new Error(`got no JSON for ${path}, expected the admin pages of an Envoy`);
  }
}

function part(dump: JsonSection, type: string): JsonSection {
  const parts = dump.list('configs');
  return parts.find((one) => one.text('@type')?.endsWith(`.${type}`)) ?? new JsonSection({});
}

function listenerFindings(dump: JsonSection): Finding[] {
  const dynamic = part(dump, 'ListenersConfigDump').list('dynamic_listeners');
  const warming = dynamic.filter((one) => one.has('warming_state')).map((one) => `${one.text('name')}`);
  const failed = dynamic.filter((one) => one.has('error_state')).map((one) => `${one.text('name')}`);
  return [
    ...(warming.length === 0
      ? []
      : [listeners.fail(`warming: ${warming.join(', ')}`, 'they wait for their secrets or routes: see below')]),
    ...(failed.length === 0 ? [] : [listeners.fail(`rejected: ${failed.join(', ')}`, 'the log of Envoy says why')]),
    ...(warming.length + failed.length === 0 ? [listeners.ok('none is warming')] : []),
  ];
}

function secretFindings(dump: JsonSection, servedNames: readonly string[]): Finding[] {
  const held = part(dump, 'SecretsConfigDump');
  const active = held.list('dynamic_active_secrets').map((one) => `${one.text('name')}`);
  const warming = held.list('dynamic_warming_secrets').map((one) => `${one.text('name')}`);
  return [
    ...(active.length === 0 ? [] : [secrets.ok(`Envoy has ${active.join(', ')}`)]),
    ...warming.map((name) => waiting(name, servedNames)),
    ...(active.length + warming.length === 0
      ? [secrets.warn('Envoy asks for none', 'its bootstrap has no sds_secret_configs, or none that is in use')]
      : []),
  ];
}

/** The agent never answers for a name that it does not know, and Envoy waits for ever. */
function waiting(name: string, servedNames: readonly string[]): Finding {
  const isServed = servedNames.includes(name) || /^(?:spiffe:\/\/|file-cert:|file-root:)/.test(name);
  if (isServed) return secrets.fail(`Envoy waits for ${name}`, 'the steps above say why the agent has none');
  const meant = nearest(name, servedNames);
  return secrets.fail(
    `Envoy waits for ${name}, which the agent does not serve (it serves ${servedNames.join(', ')})`,
    `mend the name in the bootstrap of Envoy, or set --certificate-name${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  );
}

/** (Envoy, "SDS statistics") */
const FAILURE = /(?:^|\.)sds\.(.+)\.(update_rejected|update_failure|init_fetch_timeout)$/;

function updateFindings(stats: JsonSection): Finding[] {
  return stats.list('stats').flatMap((one) => {
    const [, name, what] = FAILURE.exec(one.text('name') ?? '') ?? [];
    const count = one.number('value') ?? 0;
    if (name === undefined || count === 0) return [];
    const text = `${what} of ${name}: ${count} since Envoy started`;
    if (what !== 'update_rejected') return [secrets.warn(text, 'the agent was away, or had no certificate yet')];
    return [
      secrets.warn(text, 'Envoy did not accept a secret: sidecert status and the log of the agent have its words'),
    ];
  });
}

function certificateFindings(certs: JsonSection, nowMs: number): Finding[] {
  const leaves = certs.list('certificates').flatMap((one) => one.list('cert_chain').slice(0, 1));
  return leaves.map((leaf) => {
    const endMs = leaf.timeMs('expiration_time') ?? Number.NaN;
    const names = leaf.list('subject_alt_names').map((name) => name.text('uri') ?? name.text('dns') ?? 'another name');
    const text = `Envoy holds ${names.join(', ') || 'one without names'}, serial ${leaf.text('serial_number')}`;
    if (endMs > nowMs) return certificates.ok(`${text}, expires ${distanceText(endMs, nowMs)}`);
    return certificates.fail(
      `${text}, which has expired`,
      'the agent has not renewed it, or Envoy has lost its stream',
    );
  });
}
