import { JsonSection, statusProblems } from '../../explain/index.js';
import { citadelView, webhookView } from './citadel-view.js';
import { envoysView } from './envoys-view.js';
import { eventsView } from './events-view.js';
import { identitiesView } from './identities-view.js';
import { counted, isoTime } from './parts.js';
import { sourcesView } from './sources-view.js';
import { element, type PageView, type ViewElement } from './view-node.js';

/** More of them have one cause, and are in the table of the identities. */
const MAX_PROBLEMS = 10;

/** The document of `/status` for people. Pure: `nowMs` is epoch milliseconds. */
export function pageView(document: unknown, nowMs: number): PageView {
  const page = new JsonSection(document);
  const problems = statusProblems(document, nowMs);
  const role = roleOf(page);
  const parts = [
    header(page, role),
    summary(page, problems),
    identitiesView(page, nowMs),
    eventsView(page, nowMs),
    ...citadelView(page, nowMs),
    ...sourcesView(page, nowMs),
    envoysView(page, nowMs),
    webhookView(page, nowMs),
    element('p', { class: 'faint', 'data-key': 'time' }, `as of ${isoTime(nowMs)}`),
  ];
  return {
    title: `${problems.length === 0 ? 'valid' : counted(problems.length, 'problem')} · sidecert ${role}`,
    main: parts.filter((part) => part !== undefined),
  };
}

function roleOf(page: JsonSection): string {
  if (page.has('identities')) return `agent (${page.text('mode') ?? 'sidecar'} mode)`;
  return page.has('authority') ? `citadel of ${page.text('trust_domain')}` : 'injector';
}

function header(page: JsonSection, role: string): ViewElement {
  const versions = ['node', 'openssl'].map((name) => `${name} ${page.text(name)}`).join(', ');
  return element(
    'header',
    { 'data-key': 'program' },
    element('h1', {}, `sidecert ${role}`),
    element(
      'p',
      { class: 'faint' },
      `sidecert ${page.text('version')}, ${versions}, hot path ${page.text('hot_path')}`,
    ),
  );
}

/** In the words of `sidecert status`. Told by screen readers when it changes, and only then. */
function summary(page: JsonSection, problems: readonly string[]): ViewElement {
  const attributes = { role: 'status', 'data-key': 'summary' };
  if (problems.length === 0) {
    const names = page.section('sds')?.list('names') ?? [];
    const isRejected = names.some((name) => (name.section('streams')?.number('rejected') ?? 0) > 0);
    return isRejected
      ? element('div', { ...attributes, class: 'summary warning' }, ALL_VALID, ', but not all streams have accepted it')
      : element('div', { ...attributes, class: 'summary good' }, ALL_VALID);
  }
  const shown = problems.slice(0, MAX_PROBLEMS).map((problem) => element('li', {}, problem));
  const more = problems.length - shown.length;
  const items = more > 0 ? [...shown, element('li', {}, `and ${more} more`)] : shown;
  return element('div', { ...attributes, class: 'summary bad' }, element('ul', {}, ...items));
}

const ALL_VALID = 'all that is served is valid';
