/**
 * What the page shows, as a tree: the server writes it as HTML, and the script of a page that is open makes elements of
 * it. Texts are texts in both, so nothing that a peer sends is ever HTML. Names of tags and attributes are ours alone.
 */
export type ViewNode = string | ViewElement;

/** As it travels to the script: small, and read by position. */
export type ViewElement = readonly [tag: string, attributes: ViewAttributes, children: readonly ViewNode[]];

/** What changes on the page while it is open. */
export interface PageView {
  readonly title: string;
  readonly main: readonly ViewNode[];
}

type ViewAttributes = Readonly<Record<string, string>>;

/** What may stand where a child can: `undefined` is nothing. */
export type Child = ViewNode | undefined;

/** An element; an attribute that is `undefined` is left out. */
export function element(
  tag: string,
  attributes: Readonly<Record<string, string | undefined>>,
  ...children: readonly Child[]
): ViewElement {
  const present = Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return [tag, Object.fromEntries(present), joined(children)];
}

/** As a browser reads the HTML: two texts that follow each other are one, and an empty one is none. */
function joined(children: readonly Child[]): ViewNode[] {
  const nodes: ViewNode[] = [];
  for (const child of children) {
    if (child === undefined || child === '') continue;
    const last = nodes.at(-1);
    if (typeof child === 'string' && typeof last === 'string') nodes.splice(-1, 1, last + child);
    else nodes.push(child);
  }
  return nodes;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** The tree as HTML. */
export function htmlOf(node: ViewNode): string {
  if (typeof node === 'string') return escaped(node);
  const [tag, attributes, children] = node;
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  return `<${tag}${written.join('')}>${children.map(htmlOf).join('')}</${tag}>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}
