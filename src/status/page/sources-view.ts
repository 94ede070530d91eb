import type { JsonSection } from '../../explain/index.js';
import { code, facts, failure, lifeLeft, lines, moment, peerText, section, table, toned } from './parts.js';
import { element, type ViewElement } from './view-node.js';

/** Where certificates and roots come from, and how far a move from the one to the other is. */
export function sourcesView(page: JsonSection, nowMs: number): (ViewElement | undefined)[] {
  return [
    ...[casView(page, nowMs), filesView(page, nowMs), migrationView(page, nowMs)],
    ...[bundlesView(page, nowMs), federationView(page, nowMs), outputView(page, nowMs)],
  ];
}

/** Of one bundle: a mesh has one to three roots. */
const MAX_ROOTS = 20;

function bundlesView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const rows = page.list('bundles').flatMap((bundle) =>
    bundle
      .list('roots')
      .slice(0, MAX_ROOTS)
      .map((root) => ({
        key: `${bundle.text('version')} ${root.text('fingerprint')}`,
        cells: [
          peerText(root.text('subject') ?? root.text('error') ?? ''),
          code(bundle.text('version')) ?? '–',
          lifeLeft(root.timeMs('not_after'), nowMs) ?? '–',
          code(root.text('fingerprint')) ?? '–',
        ],
      })),
  );
  const headings = ['Root', 'Bundle version', 'Life left', 'SHA-256'];
  return section('bundles', 'Trust bundles', table('The roots that Envoys are told to trust', headings, rows));
}

function federationView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const rows = page.list('federation').map((domain) => {
    const [count, endpoint, file] = [domain.number('roots') ?? 0, domain.section('endpoint'), domain.text('file')];
    const next = moment(endpoint?.timeMs('next_fetch'), nowMs);
    return {
      key: domain.text('trust_domain') ?? '',
      cells: [
        peerText(domain.text('trust_domain') ?? ''),
        toned(count === 0 ? 'bad' : 'good', count === 0 ? 'none' : `${count}`),
        lines(
          file && element('span', {}, 'file ', code(file)),
          endpoint && element('span', {}, code(endpoint.text('url')), ` (${endpoint.text('profile')})`),
        ) ?? '–',
        endpoint === undefined
          ? '–'
          : lines(
              moment(endpoint.timeMs('last_good'), nowMs) ?? toned('bad', 'never'),
              next && element('span', {}, 'next ', next),
            ),
        failure(endpoint?.section('last_failure'), nowMs) ?? '–',
      ],
    };
  });
  const headings = ['Trust domain', 'Roots', 'From', 'Fetched', 'Last failure'];
  return section(
    'federation',
    'Other trust domains',
    table('Trust domains whose roots are served, too', headings, rows),
  );
}

function casView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const current = page.section('ca');
  const rows = page.list('cas').map((ca, index) => {
    const address = ca.text('address') ?? '';
    const agreement = ['tls_version', 'key_exchange'].map((name) => current?.text(name)).filter(Boolean);
    const isReady = ca.text('state') === 'ready';
    const again = moment(ca.timeMs('cooling_until'), nowMs);
    const checked = moment(ca.timeMs('bundle_checked'), nowMs);
    return {
      key: `${address} ${index}`,
      cells: [
        lines(
          peerText(address),
          address === current?.text('address') && agreement.length > 0
            ? toned('faint', agreement.join(', '))
            : undefined,
        ),
        lines(
          toned(isReady ? 'good' : 'warning', isReady ? 'ready' : 'cooling down'),
          again && element('span', {}, 'asked again ', again),
        ),
        lines(
          moment(ca.timeMs('last_certificate'), nowMs) ?? 'never',
          checked && element('span', {}, 'bundle checked ', checked),
        ),
        failure(ca.section('last_failure'), nowMs) ?? '–',
      ],
    };
  });
  const headings = ['Address', 'State', 'Last certificate', 'Last failure'];
  return section('cas', 'CAs', table('Each CA, in the order in which they are asked', headings, rows));
}

function filesView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const files = page.section('files');
  if (files === undefined) return undefined;
  const good = moment(files.timeMs('last_good'), nowMs) ?? toned('bad', 'never');
  return section(
    'files',
    'Files',
    facts([
      ['Directory', code(files.text('path'))],
      ['Last good', good],
    ]),
  );
}

function migrationView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const migration = page.section('migration');
  if (migration === undefined) return undefined;
  const roots = migration.section('roots');
  const areMounted = migration.flag('ca_roots_are_mounted');
  const holdUps = migration.list('held_up_by');
  const sources = migration.section('sources');
  const rows = ['files', 'ca'].flatMap((name) => {
    const source = sources?.section(name);
    if (source === undefined) return [];
    const state = source.text('svid') ?? 'none';
    const words = state === 'none' ? 'no certificate' : state;
    return {
      key: name,
      cells: [
        name,
        toned(state === 'valid' ? 'good' : 'bad', words),
        lifeLeft(source.timeMs('not_after'), nowMs) ?? '–',
        code(source.text('serial')) ?? '–',
        failure(source.section('last_failure'), nowMs) ?? '–',
      ],
    };
  });
  return section(
    'migration',
    'Migration from files to a CA',
    facts([
      ['Step', migration.text('step')],
      ['Step taken', moment(migration.timeMs('step_since'), nowMs)],
      ['Step file', stepFile(migration)],
      ['Held up by', lines(...holdUps.map((one) => toned('warning', `${one.text('detail')} (${one.text('code')})`)))],
      ['Served from', migration.text('served')],
      ['Reason', migration.text('reason')],
      [
        'Roots served',
        roots && `${roots.number('served')}: ${roots.number('files')} of files, ${roots.number('ca')} of the CA`,
      ],
      ['Peers with the mounted roots trust the CA', areMounted === undefined ? 'not known' : areMounted ? 'yes' : 'no'],
    ]),
    table('Both sources', ['Source', 'State', 'Life left', 'Serial', 'Last failure'], rows),
  );
}

function stepFile(migration: JsonSection): ViewElement | undefined {
  const problem = migration.text('step_file_problem');
  return lines(code(migration.text('step_file')), problem === undefined ? undefined : toned('bad', problem));
}

function outputView(page: JsonSection, nowMs: number): ViewElement | undefined {
  const output = page.section('output_certs');
  if (output === undefined) return undefined;
  const state = output.text('state') ?? '';
  const notices = output.list('notices').map((notice, index) => ({
    key: `${notice.text('target')} ${index}`,
    cells: [
      peerText(notice.text('target') ?? ''),
      moment(notice.timeMs('sent_at'), nowMs) ?? 'never',
      failure(notice.section('last_failure'), nowMs, notice.number('failed_tries')) ?? '–',
    ],
  }));
  return section(
    'output',
    'Files written for applications',
    facts([
      ['Directory', code(output.text('path'))],
      ['State', toned(state === 'failing' ? 'bad' : 'good', state)],
      ['Serial', code(output.text('serial'))],
      ['Written', moment(output.timeMs('written_at'), nowMs)],
      ['Last failure', failure(output.section('last_failure'), nowMs, output.number('failed_writes'))],
    ]),
    table('Who is told of new files', ['Target', 'Told', 'Last failure'], notices),
  );
}
