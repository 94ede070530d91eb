import { X509Certificate } from 'node:crypto';
import { certificateFingerprint } from '../../pki/x509/index.js';
import type { JsonSection } from '../json-section.js';
import { distanceText } from '../time-words.js';
import type { HeldSecret, TlsContext } from './envoy-facts.js';
import { type Judgement, Rule } from './judgement.js';
import type { Part } from './leaf-rules.js';
import { fingerprintOf, type Side } from './side.js';

/** Which of its secrets an Envoy has to hold for its part. */
export type SecretKind = 'certificate' | 'validation-context';

const WORDS: Readonly<Record<SecretKind, string>> = { certificate: 'certificate', 'validation-context': 'bundle' };

const tls = new Rule('TLS version');
const showing = new Rule('showing');
const verification = new Rule('verification');

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
  if (own.length > 0) return rule.ok(`holds the newest ${word} of ${label}`);
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

function neverServed(rule: Rule, { label }: Side, sds: JsonSection, kind: SecretKind): Judgement | undefined {
  const names = sds.list('never_served').map((one) => `${one.text('name')}`);
  if (names.length > 0) {
    const served = sds
      .list('names')
      .map((one) => one.text('name'))
      .filter((name) => name !== 'other');
    return rule.fail(
      'name-never-served',
      `Envoys ask ${label} for ${names.join(', ')}, which it never serves (it serves ${served.join(', ')})`,
    );
  }
  return rule.warn('no-envoy', `no Envoy of ${label} has asked for its ${WORDS[kind]}`);
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
  const secrets = envoy?.secrets ?? [];
  const names = new Set(
    (envoy?.contexts ?? []).flatMap((one) => (kind === 'certificate' ? one.certificateNames : (one.bundleName ?? []))),
  );
  const warming = secrets.find(({ isWarming, name }) => isWarming && names.has(name));
  if (warming !== undefined) return rule.fail('name-never-served', `Envoy of ${label} waits for ${warming.name}`);
  const held = secrets.find((one) => one.kind === kind && !one.isWarming);
  if (held?.pem === undefined) return undefined;
  if (isCurrent(side, kind, held)) return rule.ok(`its configuration dump has the newest ${WORDS[kind]} of ${label}`);
  const since = held.updatedAtMs === undefined ? '' : `, since ${distanceText(held.updatedAtMs, nowMs)}`;
  return rule.fail(
    'envoy-behind',
    `Envoy of ${label} holds another ${WORDS[kind]} than its agent: ${held.name} of version ${held.version}${since}`,
  );
}

function isCurrent({ chain, anchors }: Side, kind: SecretKind, { pem = '' }: HeldSecret): boolean {
  const held = fingerprintsOf(pem);
  const wanted = (kind === 'certificate' ? chain.slice(0, 1) : anchors).map(fingerprintOf);
  return wanted.length === 0 || wanted.every((one) => held.includes(one));
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function fingerprintsOf(pem: string): string[] {
  return (pem.match(BLOCK) ?? []).flatMap((block) => {
    try {
      return [certificateFingerprint(new X509Certificate(block))];
    } catch {
      return [];
    }
  });
}

/** In their order. */
const VERSIONS = ['TLSv1_0', 'TLSv1_1', 'TLSv1_2', 'TLSv1_3'];

/** Whether the TLS contexts of client and server have a version in common: only where both are known. */
export function judgeTls(client: Side, server: Side): Judgement | undefined {
  const [ours, theirs] = [contextsOf(client, 'client'), contextsOf(server, 'server')];
  if (ours.length === 0 && theirs.length === 0) return undefined;
  const ranges = [...ours, ...theirs].map(rangeOf);
  const low = Math.max(...ranges.map(({ low }) => low));
  const high = Math.min(...ranges.map(({ high }) => high));
  const text = [
    ...ours.map((one) => `${client.label}'s Envoy: ${rangeText(one)}`),
    ...theirs.map((one) => `${server.label}'s Envoy: ${rangeText(one)}`),
  ].join('; ');
  return low <= high ? tls.ok(text) : tls.fail('tls-version', text);
}

function rangeOf({ minVersion, maxVersion }: TlsContext): { low: number; high: number } {
  const [low, high] = [VERSIONS.indexOf(minVersion ?? 'TLSv1_2'), VERSIONS.indexOf(maxVersion ?? 'TLSv1_3')];
  return { low, high: high < 0 ? VERSIONS.length : high };
}

function rangeText({ name, minVersion = 'TLSv1_2', maxVersion = 'TLSv1_3' }: TlsContext): string {
  return `${minVersion} to ${maxVersion}${name === '' ? '' : ` (${name})`}`;
}

/** The TLS contexts of an Envoy for its part. */
export function contextsOf({ envoy }: Side, part: Part): readonly TlsContext[] {
  return (envoy?.contexts ?? []).filter(({ side }) => side === part);
}

/** Whether the Envoy of a side shows a certificate, and that of its agent. */
export function judgeShowing(shown: Side, part: Part): Judgement | undefined {
  const contexts = contextsOf(shown, part);
  const [first] = contexts;
  if (first === undefined || contexts.some(({ certificateNames }) => certificateNames.length > 0)) return undefined;
  const { label } = shown;
  const where = first.name === '' ? part : first.name;
  if (!contexts.some(({ hasOwnCertificate }) => hasOwnCertificate)) {
    const text = `${where} of ${label}'s Envoy has no certificate in its TLS context`;
    return showing.fail('envoy-shows-none', text);
  }
  return showing.warn('envoy-own-files', `${where} of ${label}'s Envoy has a certificate of its own configuration`);
}

/** Whether the Envoy of the verifier verifies at all. */
export function judgeVerification(verifier: Side, part: Part): Judgement | undefined {
  const contexts = contextsOf(verifier, part);
  const lax = contexts.filter((one) => !one.verifies || (part === 'server' && !one.wantsClientCertificate));
  if (contexts.length === 0 || lax.length < contexts.length) return undefined;
  return verification.warn(
    'not-verified',
    `${verifier.label}'s Envoy does not verify its peer: ${lax.map(({ name }) => name).join(', ')}`,
  );
}
