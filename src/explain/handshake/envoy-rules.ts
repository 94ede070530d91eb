import { certificateFingerprint } from '../../pki/x509/index.js';
import type { JsonSection } from '../json-section.js';
import { distanceText } from '../time-words.js';
import type { HeldSecret, SecretReference } from './envoy-facts.js';
import { type Judgement, Rule } from './judgement.js';
import { certificatesIn, fingerprintOf, type Side, spiffeIdOf } from './side.js';

/** Which of its secrets an Envoy has to hold for its part. */
export type SecretKind = 'certificate' | 'validation-context';

const WORDS: Readonly<Record<SecretKind, string>> = { certificate: 'certificate', 'validation-context': 'bundle' };

/** In text, of node ids. */
const MAX_NAMED = 3;

/** Whether the Envoys of a side hold the newest of what its agent serves. */
export function judgeEnvoy(side: Side, kind: SecretKind): Judgement | undefined {
  const rule = new Rule(`Envoy ${side.label}`);
  const held = side.envoy === undefined ? undefined : judgeDump(rule, side, kind);
  if (held !== undefined && held.verdict !== 'ok') return held;
  const sds = side.page.section('sds');
  if (sds === undefined) return held;
  return judgeStreams(rule, side, sds, kind) ?? held;
}

function judgeStreams(rule: Rule, side: Side, sds: JsonSection, kind: SecretKind): Judgement | undefined {
  const { label, nowMs } = side;
  const subscribers = sds.list('subscribers');
  if (subscribers.length === 0) return noEnvoy(rule, side, sds);
  const wanted = subscribers.flatMap((one) =>
    one.list('names').map((name) => ({ node: one.text('node_id') || 'an Envoy without node id', name })),
  );
  const own = wanted.filter(({ name }) => isOf(side, kind, name));
  const word = WORDS[kind];
  const refused = own.find(({ name }) => name.text('state') === 'rejected');
  if (refused !== undefined) {
    const rejection = refused.name.section('last_rejection');
    const age = rejection?.timeMs('at');
    const when = age === undefined ? '' : ` ${distanceText(age, nowMs)}`;
    return rule.fail(
      'envoy-refused',
      `${refused.node} refused ${label}'s ${word}${when}: ${rejection?.text('error')}; it holds ${refused.name.text('acked') ?? 'none'}`,
    );
  }
  const behind = own.filter(({ name }) => ['unanswered', 'waiting'].includes(name.text('state') ?? ''));
  if (behind.length > 0) {
    const [{ name }] = behind as [(typeof behind)[0]];
    const ackedMs = name.timeMs('acked_at');
    const last =
      ackedMs === undefined ? 'has ACKed none yet' : `ACKed ${name.text('acked')} ${distanceText(ackedMs, nowMs)}`;
    const who = behind.slice(0, MAX_NAMED).map(({ node }) => node);
    return rule.fail(
      'envoy-behind',
      `${who.join(', ')} has not ACKed ${label}'s ${word} ${name.text('version')}, and ${last}`,
    );
  }
  if (own.length > 0) return neverServedBeside(rule, side, sds) ?? rule.ok(`holds the newest ${word} of ${label}`);
  // The bundles of many pods have versions of their own where lists or matchers come with them.
  if (side.page.text('mode') === 'node' && kind === 'validation-context') return undefined;
  return neverServed(rule, side, sds, kind);
}

/** By its kind; of many pods, by the version that is this one's. */
function isOf({ identity, page }: Side, kind: SecretKind, name: JsonSection): boolean {
  if (name.text('kind') !== kind) return false;
  if (page.text('mode') !== 'node') return true;
  const version = identity.text(kind === 'certificate' ? 'certificate_version' : 'bundle_version');
  return name.text('version') === version;
}

function neverServed(rule: Rule, side: Side, sds: JsonSection, kind: SecretKind): Judgement | undefined {
  const text = neverServedText(side, sds);
  if (text !== undefined) return rule.fail('name-never-served', text);
  return rule.warn('no-envoy', `no Envoy of ${side.label} has asked for its ${WORDS[kind]}`);
}

/** One listener or cluster of an Envoy may have it right, and another one not. */
function neverServedBeside(rule: Rule, side: Side, sds: JsonSection): Judgement | undefined {
  const text = neverServedText(side, sds);
  return text === undefined ? undefined : rule.warn('name-never-served', `${text}: what needs that one is not ready`);
}

function neverServedText({ label }: Side, sds: JsonSection): string | undefined {
  const names = sds.list('never_served').map((one) => `${one.text('name')}`);
  if (names.length === 0) return undefined;
  const served = sds
    .list('names')
    .map((one) => one.text('name'))
    .filter((name) => name !== 'other');
  return `Envoys ask ${label} for ${names.join(', ')}, which it never serves (it serves ${served.join(', ')})`;
}

/** Permission for owner and group, or for all. */
const GROUP_MAY_WRITE = 0o020;
const ALL_MAY_WRITE = 0o002;

function noEnvoy(rule: Rule, { label, nowMs, page }: Side, sds: JsonSection): Judgement {
  const socket = sds.section('socket');
  const mode = Number.parseInt(socket?.text('mode') ?? '', 8);
  const lastMs = sds.timeMs('last_connection');
  const last =
    lastMs === undefined ? 'none has since the agent started' : `the last connected ${distanceText(lastMs, nowMs)}`;
  const file = `${socket?.text('path')}: mode ${socket?.text('mode')}, uid ${socket?.number('uid')}, gid ${socket?.number('gid')}`;
  const text = `no Envoy is connected to ${label}'s socket (${file}); ${last}`;
  const isLocked = (mode & ALL_MAY_WRITE) === 0 && (mode & GROUP_MAY_WRITE) === 0;
  if (isLocked) return rule.fail('socket-locked', `${text}; only its owner may connect`);
  if (page.has('output_certs'))
    return rule.warn('no-envoy', `${text}; its applications may have the files of --output-certs`);
  return rule.fail('no-envoy', text);
}

function judgeDump(rule: Rule, side: Side, kind: SecretKind): Judgement | undefined {
  const { label, envoy, nowMs } = side;
  const wanted = referencesOf(side, kind);
  const names = new Set(wanted.map(({ name }) => name));
  const ofKind = (envoy?.secrets ?? []).filter((one) => names.has(one.name) || (names.size === 0 && one.kind === kind));
  const warming = ofKind.find(({ isWarming, name }) => isWarming && names.has(name));
  if (warming !== undefined) return rule.fail('name-never-served', `Envoy of ${label} waits for ${warming.name}`);
  const held = ofKind.filter((one) => one.kind === kind && !one.isWarming && one.pem !== undefined);
  const [first] = held;
  if (first === undefined) return undefined;
  if (held.some((one) => isCurrent(side, kind, one)))
    return rule.ok(`its configuration dump has the newest ${WORDS[kind]} of ${label}`);
  const file = wanted.find(({ name }) => name === first.name)?.file;
  const what = `Envoy of ${label} holds another ${WORDS[kind]} than its agent: ${first.name}`;
  if (file !== undefined) {
    const symptom = kind === 'certificate' ? 'envoy-own-files' : 'envoy-own-roots';
    return rule.fail(symptom, `${what} from the file ${file}`);
  }
  const name = kind === 'certificate' ? spiffeIdIn(first.pem) : undefined;
  if (name !== undefined && name !== side.spiffeId) {
    const text = `${what} is for ${name}, and the agent's for ${side.spiffeId}: is it the Envoy of another workload?`;
    return rule.fail('envoy-of-another', text);
  }
  const since = first.updatedAtMs === undefined ? '' : `, since ${distanceText(first.updatedAtMs, nowMs)}`;
  return rule.fail('envoy-behind', `${what} of version ${first.version}${since}`);
}

/** What the TLS contexts of the Envoy of a side ask for. */
function referencesOf({ envoy }: Side, kind: SecretKind): readonly SecretReference[] {
  return (envoy?.contexts ?? []).flatMap((one) => (kind === 'certificate' ? one.certificates : (one.bundle ?? [])));
}

function spiffeIdIn(pem = ''): string | undefined {
  const [leaf] = certificatesIn(pem);
  return leaf && spiffeIdOf(leaf);
}

function isCurrent({ chain, anchors }: Side, kind: SecretKind, { pem = '' }: HeldSecret): boolean {
  const held = certificatesIn(pem).map(certificateFingerprint);
  const wanted = (kind === 'certificate' ? chain.slice(0, 1) : anchors).map(fingerprintOf);
  return wanted.length === 0 || wanted.every((one) => held.includes(one));
}
