// Keeps an open page up to date: asks for what it shows now, and changes the elements that differ. Without it the page
// is a document. Every text becomes a text node, so what a peer has sent is never HTML.
import type { PageView, ViewElement, ViewNode } from '../view-node.js';

/** The server makes the page once a second at most, however many watch it. */
const POLL_MS = 2000;

/** Between two tries while there is no answer: longer each time, up to half a minute. */
const MAX_PAUSE_MS = 30_000;

/** The server gives a connection ten seconds. */
const ANSWER_MS = 8000;

const SVG = 'http://www.w3.org/2000/svg';

/** Names an element among its siblings, so that it stays the same one when others come and go. */
const KEY = 'data-key';

const main = byId('main');
const pause = byId('pause');
const connection = byId('connection');

let isPaused = false;
let failures = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found;
}

/** Makes the children of an element those that are wanted. What has the focus, or is folded open, stays so. */
function patchChildren(parent: Element, wanted: readonly ViewNode[]): void {
  const keyed = new Map<string, Element>();
  const kept = new Set(wanted.map((node) => (typeof node === 'string' ? undefined : node[1][KEY])));
  for (const child of [...parent.children]) {
    const key = child.getAttribute(KEY);
    if (key === null) continue;
    // First of all: one that need not move for those that stay keeps its focus.
    if (kept.has(key)) keyed.set(key, child);
    else child.remove();
  }
  let next = parent.firstChild;
  for (const node of wanted) {
    const reused = reusable(node, next, keyed);
    const current = reused ?? created(node, parent);
    if (current === next) next = next.nextSibling;
    else parent.insertBefore(current, next);
    if (reused !== undefined) patch(reused, node);
  }
  while (next !== null) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** What is there already and can become this node. */
function reusable(node: ViewNode, next: ChildNode | null, keyed: ReadonlyMap<string, Element>): ChildNode | undefined {
  if (typeof node === 'string') return next?.nodeType === Node.TEXT_NODE ? next : undefined;
  const [tag, attributes] = node;
  const key = attributes[KEY];
  if (key !== undefined) {
    const found = keyed.get(key);
    return found?.localName === tag ? found : undefined;
  }
  return next instanceof Element && next.localName === tag && !next.hasAttribute(KEY) ? next : undefined;
}

function patch(current: ChildNode, node: ViewNode): void {
  if (typeof node === 'string') {
    // A text that is set is told by screen readers, even if it is the same.
    if (current.nodeValue !== node) current.nodeValue = node;
    return;
  }
  if (!(current instanceof Element)) return;
  const [tag, attributes, children] = node;
  for (const [name, value] of Object.entries(attributes)) {
    if (current.getAttribute(name) !== value) current.setAttribute(name, value);
  }
  for (const name of current.getAttributeNames()) {
    const isOfUser = tag === 'details' && name === 'open';
    if (!(name in attributes) && !isOfUser) current.removeAttribute(name);
  }
  patchChildren(current, children);
}

function created(node: ViewNode, parent: Element): ChildNode {
  if (typeof node === 'string') return document.createTextNode(node);
  return createdElement(node, parent);
}

function createdElement([tag, attributes, children]: ViewElement, parent: Element): Element {
  const isSvg = tag === 'svg' || parent.namespaceURI === SVG;
  const made = isSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  for (const child of children) made.append(created(child, made));
  return made;
}

async function load(): Promise<void> {
  try {
    const response = await fetch('page.json', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const view: PageView = await response.json();
    document.title = view.title;
    patchChildren(main, view.main);
    failures = 0;
    tell('live');
  } catch {
    failures += 1;
    if (failures === 1) tell(`no answer since ${new Date().toISOString().slice(11, 19)} UTC: what is below is old`);
  }
  plan();
}

/** Says it once: what is set again is told again. */
function tell(text: string): void {
  if (connection.textContent !== text) connection.textContent = text;
  document.body.classList.toggle('old', failures > 0);
}

function plan(): void {
  clearTimeout(timer);
  if (isPaused || document.hidden) return;
  timer = setTimeout(load, Math.min(POLL_MS * 2 ** failures, MAX_PAUSE_MS));
}

pause.addEventListener('click', () => {
  isPaused = !isPaused;
  pause.textContent = isPaused ? 'Go on' : 'Pause';
  tell(isPaused ? 'paused' : 'live');
  plan();
});
// A hidden page costs nothing.
document.addEventListener('visibilitychange', plan);

byId('live').hidden = false;
tell('live');
plan();
