import { distanceText, type JsonSection, lengthText } from '../../explain/index.js';
import { lifeBar } from './life-bar.js';
import { code, failure, lifeLeft, lines, moment, peerText, section, type TableRow, table, toned } from './parts.js';
import { type Child, element, type ViewElement } from './view-node.js';

/** As many as a person looks through; those in trouble come first, and `/status` has more. */
const MAX_SHOWN = 100;

/** The identities of an agent, or the one of an injector, with their lives as bars. */
export function identitiesView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const own = page.section('identity');
  const all = own === undefined ? page.list('identities') : [own];
  const shown = all.slice(0, MAX_SHOWN);
  const count = Math.max(page.number('identity_count') ?? 0, all.length);
  const idle = page.number('idle_count') ?? 0;
  const headings = ['Identity', 'State', 'Life', 'Next renewal', 'Last failure'];
  const rows = shown.map((identity, index) => identityRow(identity, index, nowMs));
  return section(
    'identities',
    'Identities',
    count > shown.length ? note(`${shown.length} of ${count} are shown, those in trouble first`) : undefined,
    idle > 0 ? note(`${idle} of ${count} are idle: no stream holds them`) : undefined,
    table('Each workload identity, and how far the life of its certificate has gone', headings, rows),
    rows.length === 0 && page.has('identities') ? note('none yet') : undefined,
  );
}

function identityRow(identity: JsonSection, index: number, nowMs: number): TableRow {
  const spiffeId = identity.text('spiffe_id') ?? 'no SPIFFE ID';
  const podUid = identity.text('pod_uid');
  return {
    key: podUid ?? `${spiffeId} ${index}`,
    cells: [
      lines(peerText(spiffeId), podUid && toned('faint', `pod ${podUid}`), serialOf(identity)),
      lines(stateOf(identity, nowMs), ...remarks(identity)),
      lines(...life(identity, nowMs)),
      moment(identity.timeMs('next_renewal'), nowMs) ?? '–',
      lines(
        failure(identity.section('last_failure'), nowMs, identity.number('failed_renewals')) ?? '–',
        // What its text asks to compare.
        identity.has('last_failure') ? tokenOf(identity.section('token'), nowMs) : undefined,
      ),
    ],
  };
}

function serialOf(identity: JsonSection): ViewElement | undefined {
  const serial = identity.text('serial');
  return serial === undefined ? undefined : element('span', { class: 'faint' }, 'serial ', code(serial));
}

function tokenOf(token: JsonSection | undefined, nowMs: number): ViewElement | undefined {
  if (token === undefined) return undefined;
  const expiresMs = token.timeMs('expires');
  const parts = [
    `iss ${token.text('iss')}`,
    `sub ${token.text('sub')}`,
    `aud ${token.texts('aud').join(', ')}`,
    ...(expiresMs === undefined ? [] : [`expires ${distanceText(expiresMs, nowMs)}`]),
  ];
  return element('span', { class: 'faint' }, 'token: ', peerText(parts.join(', ')));
}

/** The page may be older than the certificate: the end decides. */
function stateOf(identity: JsonSection, nowMs: number): ViewElement {
  const endMs = identity.timeMs('not_after');
  const state = endMs !== undefined && endMs <= nowMs ? 'expired' : (identity.text('svid') ?? 'none');
  return toned(state === 'valid' ? 'good' : 'bad', state === 'none' ? 'no certificate' : state);
}

function remarks(identity: JsonSection): Child[] {
  const tolerance = identity.number('outage_tolerance_seconds');
  const isTooShort = identity.flag('survives_ca_outage') === false;
  return [
    identity.flag('idle') === true ? toned('warning', 'idle: no stream holds it') : undefined,
    tolerance === undefined ? undefined : toned('faint', `survives ${lengthText(tolerance * 1000)} without the CA`),
    isTooShort ? toned('warning', 'below --survive-ca-outage') : undefined,
  ];
}

function life(identity: JsonSection, nowMs: number): Child[] {
  const [beginMs, endMs] = [identity.timeMs('not_before'), identity.timeMs('not_after')];
  return [
    lifeBar({ beginMs, endMs, renewalMs: identity.timeMs('next_renewal') }, nowMs),
    lifeLeft(endMs, nowMs) ?? '–',
  ];
}

function note(text: string): ViewElement {
  return element('p', { class: 'faint' }, text);
}
