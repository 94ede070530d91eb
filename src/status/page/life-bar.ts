import { lengthText } from '../../explain/index.js';
import { element, type ViewElement } from './view-node.js';

/** A life in epoch milliseconds; `undefined` is what is not known. */
export interface Life {
  readonly beginMs: number | undefined;
  readonly endMs: number | undefined;
  readonly renewalMs?: number | undefined;
}

/** The bar is this wide in units of its own: the screen decides about pixels. */
const WIDTH = 1000;

const HEIGHT = 20;

/** Of the mark of the next renewal: seen on a phone, too. */
const MARK_WIDTH = 8;

/**
 * A life as a bar: what has gone of it, and where the next renewal is. An image with a text of its own, since all that
 * it shows stands beside it in words. Without begin or end there is none.
 */
export function lifeBar({ beginMs, endMs, renewalMs }: Life, nowMs: number): ViewElement | undefined {
  if (beginMs === undefined || endMs === undefined || endMs <= beginMs) return undefined;
  const placeOf = (ms: number): number =>
    Math.round(Math.min(1, Math.max(0, (ms - beginMs) / (endMs - beginMs))) * WIDTH);
  const passed = placeOf(nowMs);
  const rect = (name: string, x: number, width: number): ViewElement =>
    element('rect', { class: name, x: String(x), y: '0', width: String(width), height: String(HEIGHT) });
  const renewal =
    renewalMs === undefined ? undefined : rect('renewal', Math.min(placeOf(renewalMs), WIDTH - MARK_WIDTH), MARK_WIDTH);
  return element(
    'svg',
    {
      ...{ class: endMs <= nowMs ? 'life over' : 'life', viewBox: `0 0 ${WIDTH} ${HEIGHT}` },
      ...{ preserveAspectRatio: 'none', role: 'img', 'aria-label': words({ beginMs, endMs, renewalMs }, nowMs) },
    },
    rect('track', 0, WIDTH),
    rect('passed', 0, passed),
    renewal,
  );
}

function words({ beginMs, endMs, renewalMs }: Life & { beginMs: number; endMs: number }, nowMs: number): string {
  const percent = Math.floor((100 * (nowMs - beginMs)) / (endMs - beginMs));
  const renewal = renewalMs === undefined ? undefined : (100 * (renewalMs - beginMs)) / (endMs - beginMs);
  const parts = [
    `life of ${lengthText(endMs - beginMs)}`,
    nowMs >= endMs ? 'over' : `${Math.max(0, percent)} % have passed`,
    ...(renewal === undefined ? [] : [`renewal at ${Math.round(renewal)} %`]),
  ];
  return parts.join(', ');
}
