import type { JsonSection } from '../json-section.js';
import type { Row, StatusWords } from './status-words.js';

/** Where certificates and roots come from, and how far a move from files to a CA is: a block of lines each. Pure. */
export function sourceBlocks(page: JsonSection, words: StatusWords): string[][] {
  return [
    ...page.list('cas').map((ca) => caBlock(ca, words)),
    filesBlock(page, words),
    migrationBlock(page, words),
    ...page.list('federation').map((domain) => federationBlock(domain, words)),
  ];
}

function caBlock(ca: JsonSection, words: StatusWords): string[] {
  const isReady = ca.text('state') === 'ready';
  const state = isReady ? words.paint('good', 'ready') : words.paint('warning', 'cooling down');
  return [
    `${words.title(`CA ${ca.text('address')}`)}  ${state}`,
    ...words.rows([
      ['asked again', words.moment(ca.timeMs('cooling_until'))],
      ['last certificate', words.moment(ca.timeMs('last_certificate'))],
      ['bundle checked', words.moment(ca.timeMs('bundle_checked'))],
      ['last failure', words.failure(ca.section('last_failure'))],
    ]),
  ];
}

function filesBlock(page: JsonSection, words: StatusWords): string[] {
  const files = page.section('files');
  if (files === undefined) return [];
  const good = words.moment(files.timeMs('last_good')) ?? words.paint('bad', 'never');
  return [words.title(`Files in ${files.text('path')}`), ...words.rows([['last good', good]])];
}

function migrationBlock(page: JsonSection, words: StatusWords): string[] {
  const migration = page.section('migration');
  if (migration === undefined) return [];
  const roots = migration.section('roots');
  const holdUps = migration.list('held_up_by');
  const problem = migration.text('step_file_problem');
  const areMounted = migration.flag('ca_roots_are_mounted');
  const state = holdUps.length === 0 ? words.paint('good', 'complete') : words.paint('warning', 'not complete');
  return [
    `${words.title(`Migration from files to a CA: step ${migration.text('step')}`)}  ${state}`,
    ...words.rows([
      ['step taken', words.moment(migration.timeMs('step_since'))],
      ['step file', migration.text('step_file')],
      ['', problem && words.paint('bad', problem)],
      ...holdUps.map(
        (one): Row => ['held up by', words.paint('warning', `${one.text('detail')} (${one.text('code')})`)],
      ),
      ['served from', migration.text('served')],
      ['reason', migration.text('reason')],
      [
        'roots served',
        roots && `${roots.number('served')}: ${roots.number('files')} of files, ${roots.number('ca')} of the CA`,
      ],
      [
        'mounted roots',
        areMounted === undefined ? undefined : areMounted ? 'have those of the CA' : 'lack some of the CA',
      ],
      ...['files', 'ca'].flatMap((name) => sourceRows(name, migration.section('sources')?.section(name), words)),
    ]),
  ];
}

function sourceRows(name: string, source: JsonSection | undefined, words: StatusWords): Row[] {
  if (source === undefined) return [];
  const svid = source.text('svid') ?? 'none';
  const state = words.paint(svid === 'valid' ? 'good' : 'bad', svid === 'none' ? 'no certificate' : svid);
  const [serial, left] = [source.text('serial'), words.lifeLeft(source.timeMs('not_after'))];
  const more = [serial && `serial ${serial}`, left && `life left ${left}`].filter(Boolean);
  return [
    [name === 'ca' ? 'of the CA' : 'of the files', [state, ...more].join(', ')],
    ['', words.failure(source.section('last_failure'))],
  ];
}

function federationBlock(domain: JsonSection, words: StatusWords): string[] {
  const [count, source] = [domain.number('roots') ?? 0, domain.text('source')];
  const state =
    count === 0
      ? words.paint('bad', 'no roots')
      : words.paint('good', `${count} root${count === 1 ? '' : 's'}${source === undefined ? '' : ` (${source})`}`);
  const endpoint = domain.section('endpoint');
  const sequence = endpoint?.number('sequence');
  return [
    `${words.title(`Trust domain ${domain.text('trust_domain')}`)}  ${state}`,
    ...words.rows([
      ['file', domain.text('file')],
      ['endpoint', endpoint && `${endpoint.text('url')} (${endpoint.text('profile')})`],
      ['sequence', sequence?.toString()],
      ['last good', endpoint && (words.moment(endpoint.timeMs('last_good')) ?? words.paint('bad', 'never'))],
      ['next fetch', words.moment(endpoint?.timeMs('next_fetch'))],
      ['last failure', words.failure(endpoint?.section('last_failure'))],
    ]),
  ];
}
