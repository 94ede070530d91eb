import { JsonSection } from '../json-section.js';
import type { Style } from '../style.js';
import { distanceText, lengthText } from '../time-words.js';
import { envoyRows, historyRows, type Row } from './shown-envoys.js';
import { statusProblems } from './status-problems.js';

/** Wide enough for `last certificate`. */
const LABEL_WIDTH = 18;

/** The page of `/status` for people, as lines. Pure: `nowMs` is epoch milliseconds. */
export function shownStatus(document: unknown, nowMs: number, style: Style): string[] {
  const shown = new ShownStatus(new JsonSection(document), nowMs, style);
  const problems = statusProblems(document, nowMs);
  return [
    ...shown.lines(),
    '',
    ...(problems.length === 0 ? [shown.allValid()] : problems.map((problem) => style.paint('bad', problem))),
  ];
}

class ShownStatus {
  constructor(
    private readonly page: JsonSection,
    private readonly nowMs: number,
    private readonly style: Style,
  ) {}

  lines(): string[] {
    const { page } = this;
    const blocks = [
      this.program(),
      ...[...page.list('identities'), ...[page.section('identity') ?? []].flat()].map((one) => this.identity(one)),
      this.more(),
      ...page.list('cas').map((ca) => this.ca(ca)),
      this.files(),
      this.authority(),
      this.bundles(),
      this.envoys(),
      this.output(),
      this.webhook(),
      this.past(),
    ];
    return blocks.filter((block) => block.length > 0).flatMap((block, index) => (index === 0 ? block : ['', ...block]));
  }

  /** A stream that has rejected what it got is for its Envoy to explain: what we serve is valid all the same. */
  allValid(): string {
    const names = this.page.section('sds')?.list('names') ?? [];
    const isRejected = names.some((name) => (name.section('streams')?.number('rejected') ?? 0) > 0);
    if (!isRejected) return this.style.paint('good', 'all that is served is valid');
    return this.style.paint('warning', 'all that is served is valid, but not all streams have accepted it');
  }

  private program(): string[] {
    const { page } = this;
    const role = page.has('identities')
      ? `agent (${page.text('mode') ?? 'sidecar'} mode)`
      : page.has('authority')
        ? `citadel of ${page.text('trust_domain')}`
        : 'injector';
    const line = `sidecert ${page.text('version')}, ${role}`;
    const parts = ['node', 'openssl'].map((name) => `${name} ${page.text(name)}`);
    return [this.title(line), this.faint(`${parts.join(', ')}, hot path ${page.text('hot_path')}`)];
  }

  private identity(identity: JsonSection): string[] {
    const endMs = identity.timeMs('not_after');
    const state = endMs !== undefined && endMs <= this.nowMs ? 'expired' : (identity.text('svid') ?? 'none');
    const painted = this.style.paint(state === 'valid' ? 'good' : 'bad', state === 'none' ? 'no certificate' : state);
    const idle = identity.flag('idle') === true ? `, ${this.style.paint('warning', 'idle: no stream holds it')}` : '';
    const tolerance = identity.number('outage_tolerance_seconds');
    const isTooShort = identity.flag('survives_ca_outage') === false;
    return [
      `${this.title(identity.text('spiffe_id') ?? 'no SPIFFE ID')}  ${painted}${idle}`,
      ...this.rows([
        ['pod', identity.text('pod_uid')],
        ['serial', identity.text('serial')],
        ['issuer', identity.text('issuer')],
        ['key', identity.text('key_type')],
        ['source', this.source()],
        ['token', this.token(identity.section('token'))],
        ['life left', this.lifeLeft(endMs)],
        ['next renewal', this.moment(identity.timeMs('next_renewal'))],
        ['outage survived', tolerance === undefined ? undefined : `${lengthText(tolerance * 1000)} without the CA`],
        ['warning', isTooShort ? this.style.paint('warning', 'below --survive-ca-outage') : undefined],
        ['last failure', this.failure(identity.section('last_failure'), identity.number('failed_renewals'))],
      ]),
    ];
  }

  /** As it is compared with what the CA accepts. */
  private token(token: JsonSection | undefined): string | undefined {
    if (token === undefined) return undefined;
    const endMs = token.timeMs('expires');
    const end = endMs === undefined ? 'without end' : `expires ${distanceText(endMs, this.nowMs)}`;
    return `iss ${token.text('iss')}, sub ${token.text('sub')}, aud ${token.texts('aud').join(' ')}, ${end}`;
  }

  private source(): string | undefined {
    const files = this.page.section('files')?.text('path');
    const ca = this.page.section('ca');
    // One that moves from files to a CA has both.
    const isOfCa = this.page.section('migration')?.text('served') === 'ca';
    if (files !== undefined && !isOfCa) return `files in ${files}`;
    if (ca === undefined) return undefined;
    const parts = [ca.text('tls_version'), ca.text('key_exchange')].filter((part) => part !== undefined);
    return [`CA ${ca.text('address')}`, ...parts].join(', ');
  }

  private more(): string[] {
    const { page } = this;
    const count = page.number('identity_count') ?? 0;
    const shown = page.list('identities').length;
    const idle = page.number('idle_count') ?? 0;
    return [
      ...(count > shown ? [this.faint(`${shown} of ${count} identities are shown, those in trouble first`)] : []),
      ...(idle > 0 ? [this.faint(`${idle} of ${count} identities are idle`)] : []),
    ];
  }

  private ca(ca: JsonSection): string[] {
    const isReady = ca.text('state') === 'ready';
    const state = isReady ? this.style.paint('good', 'ready') : this.style.paint('warning', 'cooling down');
    return [
      `${this.title(`CA ${ca.text('address')}`)}  ${state}`,
      ...this.rows([
        ['asked again', this.moment(ca.timeMs('cooling_until'))],
        ['last certificate', this.moment(ca.timeMs('last_certificate'))],
        ['last failure', this.failure(ca.section('last_failure'))],
      ]),
    ];
  }

  private files(): string[] {
    const files = this.page.section('files');
    if (files === undefined) return [];
    const good = this.moment(files.timeMs('last_good')) ?? this.style.paint('bad', 'never');
    return [this.title(`Files in ${files.text('path')}`), ...this.rows([['last good', good]])];
  }

  private authority(): string[] {
    const { page } = this;
    const authority = page.section('authority');
    if (authority === undefined) return [];
    const keys = page.section('token_keys');
    const maps = page.section('root_config_maps');
    const pending = maps?.number('pending') ?? maps?.text('pending');
    return [
      this.title('Signing certificate'),
      ...this.rows([
        ['serial', authority.text('serial')],
        ['life left', this.lifeLeft(authority.timeMs('not_after'))],
        ['roots', authority.number('bundle_size')?.toString()],
        ['token keys', keys && `${keys.text('source')}, of ${keys.texts('issuers').join(', ')}`],
        ['keys read', this.moment(keys?.timeMs('read_at'))],
        ['config maps', maps && `${maps.number('namespaces')} namespaces, ${pending} without the roots`],
      ]),
    ];
  }

  private envoys(): string[] {
    const sds = this.page.section('sds');
    if (sds === undefined) return [];
    return [
      this.title(
        `Envoys: ${counted(sds.number('connections'), 'connection')}, ${counted(sds.number('streams'), 'stream')}`,
      ),
      ...sds.list('names').flatMap((name) => this.name(name)),
      ...this.rows(envoyRows(sds, this.nowMs, this.style)),
    ];
  }

  private bundles(): string[] {
    return this.page.list('bundles').flatMap((bundle) => [
      this.title(`Trust bundle ${bundle.text('version')}`),
      ...this.rows(
        bundle.list('roots').map((root): Row => {
          const life = this.lifeLeft(root.timeMs('not_after')) ?? '';
          return [root.text('fingerprint')?.slice(0, 16) ?? '', `${root.text('subject')}, ${life}`];
        }),
      ),
    ]);
  }

  private past(): string[] {
    const history = this.page.section('history');
    const rows = history === undefined ? [] : historyRows(history, this.nowMs);
    return rows.length === 0 ? [] : [this.title('Recent past'), ...this.rows(rows)];
  }

  private name(name: JsonSection): string[] {
    const streams = name.section('streams');
    const counts = (streams?.names() ?? [])
      .map((state) => ({ state, count: streams?.number(state) ?? 0 }))
      .filter(({ count }) => count > 0)
      .map(({ state, count }) => {
        const text = `${count} ${state}`;
        return state === 'rejected' ? this.style.paint('bad', text) : text;
      });
    const versions = name.number('versions') ?? 0;
    const version = versions > 1 ? `${versions} versions` : (name.text('version') ?? 'no version');
    const standing = counts.length === 0 ? 'no stream wants it' : counts.join(', ');
    return [
      ...this.rows([[name.text('name') ?? '', `${version}: ${standing}`]]),
      ...this.rejection(name.section('last_rejection')),
    ];
  }

  private rejection(rejection: JsonSection | undefined): string[] {
    if (rejection === undefined) return [];
    const blames = rejection.text('blames');
    const why = `${rejection.text('error')}${blames === undefined ? '' : ` (it speaks of the ${blames})`}`;
    const what = `rejected ${rejection.text('version')} ${this.age(rejection)}: ${why}`;
    return this.rows([['', this.style.paint('bad', what)]]);
  }

  private output(): string[] {
    const output = this.page.section('output_certs');
    if (output === undefined) return [];
    const state = output.text('state') ?? '';
    return [
      `${this.title(`Files written to ${output.text('path')}`)}  ${this.style.paint(state === 'failing' ? 'bad' : 'good', state)}`,
      ...this.rows([
        ['serial', output.text('serial')],
        ['written', this.moment(output.timeMs('written_at'))],
        ['last failure', this.failure(output.section('last_failure'), output.number('failed_writes'))],
        ...output.list('notices').map((notice): Row => {
          const failure = this.failure(notice.section('last_failure'), notice.number('failed_tries'));
          const sent = this.moment(notice.timeMs('sent_at')) ?? 'never';
          return ['told', `${notice.text('target')} ${failure ?? sent}`];
        }),
      ]),
    ];
  }

  private webhook(): string[] {
    const { page } = this;
    if (!page.has('reviews')) return [];
    const bundle = page.section('ca_bundle');
    const reviews = page.section('reviews');
    const counts = reviews?.names().map((name) => `${reviews.number(name)} ${name}`);
    return [
      this.title('Webhook'),
      ...this.rows([
        ['roots', bundle?.text('state')],
        ['hosts', bundle?.texts('hosts').join(', ')],
        ['last failure', this.failure(bundle?.section('last_failure'))],
        ['reviews', counts?.join(', ')],
      ]),
    ];
  }

  private failure(failure: JsonSection | undefined, inARow?: number): string | undefined {
    if (failure === undefined) return undefined;
    const count = inARow !== undefined && inARow > 1 ? `, ${inARow} in a row` : '';
    const text = `${failure.text('code')} ${this.age(failure)}${count}: ${failure.text('error')}`;
    return this.style.paint(inARow === 0 ? 'faint' : 'bad', text);
  }

  private age(event: JsonSection): string {
    const atMs = event.timeMs('at');
    return atMs === undefined ? 'at an unknown time' : distanceText(atMs, this.nowMs);
  }

  private lifeLeft(endMs: number | undefined): string | undefined {
    if (endMs === undefined) return undefined;
    const isOver = endMs <= this.nowMs;
    const text = isOver ? `none, it expired ${distanceText(endMs, this.nowMs)}` : lengthText(endMs - this.nowMs);
    return `${isOver ? this.style.paint('bad', text) : text} ${this.faint(`(${isoTime(endMs)})`)}`;
  }

  private moment(ms: number | undefined): string | undefined {
    return ms === undefined ? undefined : `${distanceText(ms, this.nowMs)} ${this.faint(`(${isoTime(ms)})`)}`;
  }

  private rows(rows: readonly Row[]): string[] {
    return rows.flatMap(([label, text]) => (text === undefined ? [] : [`  ${label.padEnd(LABEL_WIDTH)}${text}`]));
  }

  private title(text: string): string {
    return this.style.paint('title', text);
  }

  private faint(text: string): string {
    return this.style.paint('faint', text);
  }
}

function counted(count: number | undefined, name: string): string {
  return `${count ?? 0} ${name}${count === 1 ? '' : 's'}`;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
