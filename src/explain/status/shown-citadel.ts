import type { JsonSection } from '../json-section.js';
import type { Row, StatusWords } from './status-words.js';

/** Of requests that were refused; more are for `--output json`. */
const MAX_REFUSED = 10;

/** What a Citadel signs with, and what it has refused lately: a block of lines each. Pure. */
export function citadelBlocks(page: JsonSection, words: StatusWords): string[][] {
  return [authorityBlock(page, words), requestsBlock(page, words)];
}

function authorityBlock(page: JsonSection, words: StatusWords): string[] {
  const authority = page.section('authority');
  if (authority === undefined) return [];
  const keys = page.section('token_keys');
  const maps = page.section('root_config_maps');
  const pending = maps?.number('pending') ?? maps?.text('pending');
  const problem = authority.text('problem');
  return [
    words.title('Signing certificate'),
    ...words.rows([
      ['serial', authority.text('serial')],
      ['life left', words.lifeLeft(authority.timeMs('not_after'))],
      ['roots', authority.number('bundle_size')?.toString()],
      ['root change', rootChange(authority.section('root_change'), words)],
      ['change in time', changeInTime(page.section('automatic_root_change'), words)],
      ['problem', problem && words.paint('bad', problem)],
      ['token keys', keys && `${keys.text('source')}, of ${keys.texts('issuers').join(', ')}`],
      ['keys read', words.moment(keys?.timeMs('read_at'))],
      ['config maps', maps && `${maps.number('namespaces')} namespaces, ${pending} without the roots`],
    ]),
  ];
}

/** Nothing while there is none. */
function rootChange(change: JsonSection | undefined, words: StatusWords): string | undefined {
  const step = change?.text('step');
  if (change === undefined || step === 'steady') return undefined;
  return words.paint('warning', `${step} ${words.moment(change.timeMs('since')) ?? ''}`);
}

/** Of the root, before its end. */
function changeInTime(change: JsonSection | undefined, words: StatusWords): string | undefined {
  const [state, reason] = [change?.text('state'), change?.text('reason')];
  if (change === undefined || state === undefined) return undefined;
  if (reason !== undefined) return words.paint('bad', `${state}: ${reason}`);
  return `${state} ${words.moment(change.timeMs('until')) ?? ''}`.trim();
}

function requestsBlock(page: JsonSection, words: StatusWords): string[] {
  const requests = page.section('recent_requests');
  if (requests === undefined) return [];
  return [
    words.title(`Issued ${requests.number('issued_count')}, refused ${requests.number('refused_count')} since start`),
    ...words.rows(
      requests
        .list('refused')
        .slice(0, MAX_REFUSED)
        .map((one): Row => [words.age(one), refusedText(one)]),
    ),
  ];
}

/** A claim is what an unverified token says of itself. */
function refusedText(one: JsonSection): string {
  const count = one.number('count') ?? 1;
  const from = [
    ['for', one.text('spiffe_id')],
    ['claims to be', one.text('claimed_subject')],
    ['claimed pod', one.text('claimed_pod')],
    ['from', one.text('address')],
  ].flatMap(([label, text]) => (text === undefined ? [] : `${label} ${text}`));
  const reason = `${one.text('code')}${count > 1 ? `, ${count} times` : ''}: ${one.text('reason')}`;
  return [reason, ...from].join('; ');
}

/** The webhook of an injector. Pure. */
export function webhookBlock(page: JsonSection, words: StatusWords): string[] {
  const reviews = page.section('reviews');
  if (reviews === undefined) return [];
  const bundle = page.section('ca_bundle');
  const counts = reviews.names().map((name) => `${reviews.number(name)} ${name}`);
  return [
    words.title('Webhook'),
    ...words.rows([
      ['roots', bundle?.text('state')],
      ['hosts', bundle?.texts('hosts').join(', ')],
      ['last failure', words.failure(bundle?.section('last_failure'))],
      ['reviews', counts.join(', ')],
    ]),
  ];
}
