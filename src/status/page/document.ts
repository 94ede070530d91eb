import { createHash } from 'node:crypto';
import { element, htmlOf, type PageView } from './view-node.js';

/** Put in by the build: `browser/page.css` and `browser/live.ts`, made small. */
declare const PAGE_STYLE: string;
declare const PAGE_SCRIPT: string;

/** The one script and the one style sheet that the page may have: whatever else gets into it does nothing. */
const sourceOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing is loaded from anywhere, no form leads anywhere, and no page may have this one in a frame. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src ${sourceOf(PAGE_SCRIPT)}`,
  `style-src ${sourceOf(PAGE_STYLE)}`,
  "connect-src 'self'",
  // The icon is a part of the page.
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** A disc: without an icon of its own a browser would ask for /favicon.ico. */
const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 8 8%22%3E%3Ccircle cx=%224%22 cy=%224%22 r=%223%22 fill=%22%23178a4a%22/%3E%3C/svg%3E';

/** The whole page, as it is without its script; that then asks for what has changed. */
export function pageDocument({ title, main }: PageView): string {
  const head = [
    '<meta charset="utf-8">',
    htmlOf(element('title', {}, title)),
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<link rel="icon" href="${ICON}">`,
    `<style>${PAGE_STYLE}</style>`,
  ];
  const body = [
    '<a class="skip" href="#main">Skip to the status</a>',
    '<nav class="bar" aria-label="This page"><a href="./">Load again</a> <span id="live" hidden>',
    '<button type="button" id="pause">Pause</button> <span id="connection" role="status"></span></span></nav>',
    htmlOf(element('main', { id: 'main', tabindex: '-1' }, ...main)),
    // Behind what it works on.
    `<script>${PAGE_SCRIPT}</script>`,
  ];
  return `<!doctype html>\n<html lang="en"><head>${head.join('\n')}</head>\n<body>${body.join('\n')}</body></html>\n`;
}
