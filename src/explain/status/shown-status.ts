import { JsonSection } from '../json-section.js';
import type { Style } from '../style.js';
import { distanceText, lengthText } from '../time-words.js';
import { citadelBlocks, webhookBlock } from './shown-citadel.js';
import { envoyRows, historyRows } from './shown-envoys.js';
import { sourceBlocks } from './shown-sources.js';
import { statusProblems } from './status-problems.js';
import { type Row, StatusWords } from './status-words.js';

/** The page of `/status` for people, as lines. Pure: `nowMs` is epoch milliseconds. */
export function shownStatus(document: unknown, nowMs: number, style: Style): string[] {
  const words = new StatusWords(nowMs, style);
  const shown = new ShownStatus(new JsonSection(document), words);
  const problems = statusProblems(document, nowMs);
  return [
    ...shown.lines(),
    '',
    ...(problems.length === 0 ? [shown.allValid()] : problems.map((problem) => words.paint('bad', problem))),
  ];
}

class ShownStatus {
  constructor(
    private readonly page: JsonSection,
    private readonly words: StatusWords,
  ) {}

  lines(): string[] {
    const { page, words } = this;
    const blocks = [
      this.program(),
      ...[...page.list('identities'), ...[page.section('identity') ?? []].flat()].map((one) => this.identity(one)),
      this.more(),
      ...sourceBlocks(page, words),
      ...citadelBlocks(page, words),
      this.bundles(),
      this.envoys(),
      this.output(),
      webhookBlock(page, words),
      this.past(),
    ];
    return blocks.filter((block) => block.length > 0).flatMap((block, index) => (index === 0 ? block : ['', ...block]));
  }

  /** A stream that has rejected what it got is for its Envoy to explain: what we serve is valid all the same. */
  allValid(): string {
    const names = this.page.section('sds')?.list('names') ?? [];
    const isRejected = names.some((name) => (name.section('streams')?.number('rejected') ?? 0) > 0);
    if (!isRejected) return this.words.paint('good', 'all that is served is valid');
    return this.words.paint('warning', 'all that is served is valid, but not all streams have accepted it');
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
    return [this.words.title(line), this.words.faint(`${parts.join(', ')}, hot path ${page.text('hot_path')}`)];
  }

  private identity(identity: JsonSection): string[] {
    const endMs = identity.timeMs('not_after');
    const state = endMs !== undefined && endMs <= this.words.nowMs ? 'expired' : (identity.text('svid') ?? 'none');
    const painted = this.words.paint(state === 'valid' ? 'good' : 'bad', state === 'none' ? 'no certificate' : state);
    const idle = identity.flag('idle') === true ? `, ${this.words.paint('warning', 'idle: no stream holds it')}` : '';
    const tolerance = identity.number('outage_tolerance_seconds');
    const isTooShort = identity.flag('survives_ca_outage') === false;
    return [
      `${this.words.title(identity.text('spiffe_id') ?? 'no SPIFFE ID')}  ${painted}${idle}`,
      ...this.words.rows([
        ['pod', identity.text('pod_uid')],
        ['serial', identity.text('serial')],
        ['issuer', identity.text('issuer')],
        ['key', identity.text('key_type')],
        ['source', this.source()],
        ['token', this.token(identity.section('token'))],
        ['life left', this.words.lifeLeft(endMs)],
        ['next renewal', this.words.moment(identity.timeMs('next_renewal'))],
        ['outage survived', tolerance === undefined ? undefined : `${lengthText(tolerance * 1000)} without the CA`],
        ['warning', isTooShort ? this.words.paint('warning', 'below --survive-ca-outage') : undefined],
        ['last failure', this.words.failure(identity.section('last_failure'), identity.number('failed_renewals'))],
      ]),
    ];
  }

  /** As it is compared with what the CA accepts. */
  private token(token: JsonSection | undefined): string | undefined {
    if (token === undefined) return undefined;
    const endMs = token.timeMs('expires');
    const end = endMs === undefined ? 'without end' : `expires ${distanceText(endMs, this.words.nowMs)}`;
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
      ...(count > shown ? [this.words.faint(`${shown} of ${count} identities are shown, those in trouble first`)] : []),
      ...(idle > 0 ? [this.words.faint(`${idle} of ${count} identities are idle`)] : []),
    ];
  }

  private envoys(): string[] {
    const sds = this.page.section('sds');
    if (sds === undefined) return [];
    return [
      this.words.title(
        `Envoys: ${counted(sds.number('connections'), 'connection')}, ${counted(sds.number('streams'), 'stream')}`,
      ),
      ...sds.list('names').flatMap((name) => this.name(name)),
      ...this.words.rows(envoyRows(sds, this.words)),
    ];
  }

  private bundles(): string[] {
    return this.page.list('bundles').flatMap((bundle) => [
      this.words.title(`Trust bundle ${bundle.text('version')}`),
      ...this.words.rows(
        bundle.list('roots').map((root): Row => {
          const life = this.words.lifeLeft(root.timeMs('not_after')) ?? '';
          return [root.text('fingerprint')?.slice(0, 16) ?? '', `${root.text('subject')}, ${life}`];
        }),
      ),
    ]);
  }

  private past(): string[] {
    const history = this.page.section('history');
    const rows = history === undefined ? [] : historyRows(history, this.words.nowMs);
    return rows.length === 0 ? [] : [this.words.title('Recent past'), ...this.words.rows(rows)];
  }

  private name(name: JsonSection): string[] {
    const streams = name.section('streams');
    const counts = (streams?.names() ?? [])
      .map((state) => ({ state, count: streams?.number(state) ?? 0 }))
      .filter(({ count }) => count > 0)
      .map(({ state, count }) => {
        const text = `${count} ${state}`;
        return state === 'rejected' ? this.words.paint('bad', text) : text;
      });
    const versions = name.number('versions') ?? 0;
    const version = versions > 1 ? `${versions} versions` : (name.text('version') ?? 'no version');
    const standing = counts.length === 0 ? 'no stream wants it' : counts.join(', ');
    return [
      ...this.words.rows([[name.text('name') ?? '', `${version}: ${standing}`]]),
      ...this.rejection(name.section('last_rejection')),
    ];
  }

  private rejection(rejection: JsonSection | undefined): string[] {
    if (rejection === undefined) return [];
    const blames = rejection.text('blames');
    const why = `${rejection.text('error')}${blames === undefined ? '' : ` (it speaks of the ${blames})`}`;
    const what = `rejected ${rejection.text('version')} ${this.words.age(rejection)}: ${why}`;
    return this.words.rows([['', this.words.paint('bad', what)]]);
  }

  private output(): string[] {
    const output = this.page.section('output_certs');
    if (output === undefined) return [];
    const state = output.text('state') ?? '';
    return [
      `${this.words.title(`Files written to ${output.text('path')}`)}  ${this.words.paint(state === 'failing' ? 'bad' : 'good', state)}`,
      ...this.words.rows([
        ['serial', output.text('serial')],
        ['written', this.words.moment(output.timeMs('written_at'))],
        ['last failure', this.words.failure(output.section('last_failure'), output.number('failed_writes'))],
        ...output.list('notices').map((notice): Row => {
          const failure = this.words.failure(notice.section('last_failure'), notice.number('failed_tries'));
          const sent = this.words.moment(notice.timeMs('sent_at')) ?? 'never';
          return ['told', `${notice.text('target')} ${failure ?? sent}`];
        }),
      ]),
    ];
  }
}

function counted(count: number | undefined, name: string): string {
  return `${count ?? 0} ${name}${count === 1 ? '' : 's'}`;
}
