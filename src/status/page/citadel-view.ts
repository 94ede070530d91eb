import type { JsonSection } from '../../explain/index.js';
import { lifeBar } from './life-bar.js';
import {
  code,
  facts,
  failure,
  lifeLeft,
  lines,
  moment,
  peerText,
  section,
  type TableRow,
  table,
  toned,
} from './parts.js';
import { type Child, element, type ViewElement } from './view-node.js';

/** What a Citadel signs with, and what it has issued and refused. */
export function citadelView(page: JsonSection, nowMs: number): (ViewElement | undefined)[] {
  return [authorityView(page, nowMs), requestsView(page, nowMs)];
}

function authorityView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const authority = page.section('authority');
  if (authority === undefined) return undefined;
  const keys = page.section('token_keys');
  const maps = page.section('root_config_maps');
  const pending = maps?.number('pending') ?? maps?.text('pending');
  const [beginMs, endMs] = [authority.timeMs('not_before'), authority.timeMs('not_after')];
  return section(
    'authority',
    'Signing certificate',
    facts([
      ['Trust domain', code(page.text('trust_domain'))],
      ['Serial', code(authority.text('serial'))],
      ['Life left', lines(lifeBar({ beginMs, endMs }, nowMs), lifeLeft(endMs, nowMs))],
      ['Online intermediate', intermediateText(page.section('online_intermediate'), nowMs)],
      ['Roots', authority.number('bundle_size')?.toString()],
      ['Change of the root', rootChange(authority.section('root_change'), nowMs)],
      ['Change before its end', changeInTime(page.section('automatic_root_change'), nowMs)],
      ['Token keys', keys && `${keys.text('source')}, of ${keys.texts('issuers').join(', ')}`],
      ['Keys read', moment(keys?.timeMs('read_at'), nowMs)],
      ['Policy', policyText(page.section('policy'))],
      ['Trail', trailText(page.section('trail'))],
      ['Config maps', maps && `${maps.number('namespaces')} namespaces, ${pending} without the roots`],
    ]),
  );
}

function intermediateText(intermediate: JsonSection | undefined, nowMs: number): Child {
  if (intermediate === undefined) return undefined;
  const [beginMs, endMs] = [intermediate.timeMs('not_before'), intermediate.timeMs('not_after')];
  const [next, problem] = [intermediate.section('next'), intermediate.text('problem')];
  return lines(
    code(intermediate.text('serial')),
    lifeBar({ beginMs, endMs }, nowMs),
    lifeLeft(endMs, nowMs),
    next && element('span', {}, 'the next one signs ', moment(next.timeMs('signs_from'), nowMs)),
    problem === undefined ? undefined : toned('bad', problem),
  );
}

/** Nothing while there is none. */
function rootChange(change: JsonSection | undefined, nowMs: number): Child {
  const step = change?.text('step');
  if (change === undefined || step === 'steady') return undefined;
  return lines(step, moment(change.timeMs('since'), nowMs));
}

function changeInTime(change: JsonSection | undefined, nowMs: number): Child {
  const [state, reason] = [change?.text('state'), change?.text('reason')];
  if (state === undefined) return undefined;
  return lines(
    reason === undefined ? state : toned('bad', state),
    moment(change?.timeMs('until'), nowMs),
    reason === undefined ? undefined : peerText(reason),
  );
}

function policyText(policy: JsonSection | undefined): Child {
  if (policy === undefined) return undefined;
  const problem = policy.text('problem');
  return lines(
    code(policy.text('path')),
    `${policy.number('rules')} rules`,
    problem === undefined ? undefined : element('span', { class: 'bad' }, peerText(problem)),
  );
}

function trailText(trail: JsonSection | undefined): Child {
  if (trail === undefined) return undefined;
  const [failure, lost] = [trail.text('failure'), trail.number('lost') ?? 0];
  return lines(
    code(trail.text('directory')),
    `${trail.number('pending')} records pending`,
    lost > 0 ? toned('bad', `${lost} records lost`) : undefined,
    failure === undefined ? undefined : toned('bad', failure),
  );
}

function requestsView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const requests = page.section('recent_requests');
  if (requests === undefined) return undefined;
  const issued = requests.list('issued').map((one, index) => issuedRow(one, index, nowMs));
  const refused = requests.list('refused').map((one, index) => refusedRow(one, index, nowMs));
  return section(
    'requests',
    'Issued and refused',
    facts([
      ['Issued since start', String(requests.number('issued_count') ?? 0)],
      ['Refused since start', String(requests.number('refused_count') ?? 0)],
    ]),
    table('The last certificates issued', ['Identity', 'Issued', 'Life left', 'Serial', 'Caller'], issued),
    table('The last requests refused', ['Reason', 'Refused', 'Caller'], refused),
  );
}

function issuedRow(one: JsonSection, index: number, nowMs: number): TableRow {
  return {
    key: one.text('serial') ?? String(index),
    cells: [
      peerText(one.text('spiffe_id') ?? ''),
      moment(one.timeMs('at'), nowMs),
      lifeLeft(one.timeMs('not_after'), nowMs),
      code(one.text('serial')) ?? '–',
      callerOf(one),
    ],
  };
}

function refusedRow(one: JsonSection, index: number, nowMs: number): TableRow {
  const count = one.number('count') ?? 1;
  return {
    key: `${one.text('code')} ${one.number('connection')} ${one.text('spiffe_id')} ${index}`,
    cells: [
      lines(
        element('strong', { class: 'bad' }, one.text('code') ?? ''),
        peerText(one.text('reason') ?? ''),
        one.has('spiffe_id') ? peerText(one.text('spiffe_id') ?? '') : undefined,
        count > 1 ? toned('faint', `${count} times`) : undefined,
      ),
      moment(one.timeMs('at'), nowMs),
      callerOf(one),
    ],
  };
}

/** What it says of itself is unverified, so the connection comes with it. */
function callerOf(one: JsonSection): Child {
  const [name, cluster, address] = [one.text('pod'), one.text('cluster_id'), one.text('address')];
  const [subject, pod] = [one.text('claimed_subject'), one.text('claimed_pod')];
  return lines(
    subject && element('span', {}, 'claims to be ', peerText(subject)),
    pod && element('span', {}, 'claimed pod ', peerText(pod)),
    name && peerText(`pod ${name}`),
    cluster && element('span', {}, 'cluster ', peerText(cluster)),
    `${address === undefined ? '' : `${address}, `}connection ${one.number('connection')}`,
  );
}

/** The webhook of an injector. */
export function webhookView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const reviews = page.section('reviews');
  if (reviews === undefined) return undefined;
  const bundle = page.section('ca_bundle');
  const counts = reviews.names().map((name) => `${reviews.number(name)} ${name}`);
  return section(
    'webhook',
    'Webhook',
    facts([
      ['Roots', bundle?.text('state')],
      ['Hosts', bundle?.texts('hosts').join(', ')],
      ['Last failure', failure(bundle?.section('last_failure'), nowMs)],
      ['Reviews', counts.length === 0 ? 'none yet' : counts.join(', ')],
    ]),
  );
}
