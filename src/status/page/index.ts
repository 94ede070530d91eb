/**
 * status/page: the page for people at `/`. What is shown is decided once, as a tree, from the document that `/status`
 * has; `browser/` is what runs in the browser. A file of its own in what ships, loaded when a client first asks.
 */
import type { JsonValue } from '../status-pages.js';
import { CONTENT_SECURITY_POLICY, pageDocument } from './document.js';
import { pageView } from './page-view.js';

/** The page at one moment. */
export interface ShownPage {
  readonly html: string;
  /** What the script of an open page asks for. */
  readonly json: string;
  readonly contentSecurityPolicy: string;
}

/** The page that shows this document of `/status`; `nowMs` is epoch milliseconds. */
export function shownPage(document: JsonValue, nowMs: number): ShownPage {
  const view = pageView(document, nowMs);
  return { html: pageDocument(view), json: JSON.stringify(view), contentSecurityPolicy: CONTENT_SECURITY_POLICY };
}
