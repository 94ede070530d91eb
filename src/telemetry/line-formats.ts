import type { LogFields } from './fields.js';
import type { LogLevel } from './logger.js';

/** One line without its newline: the time (RFC 3339), the level, the message, then the fields. */
export type LineFormat = (time: string, level: LogLevel, message: string, fields: LogFields) => string;

/** For machines: one JSON object with `ts`, `level`, `msg` and the fields. */
export const jsonLine: LineFormat = (ts, level, msg, fields) => JSON.stringify({ ts, level, msg, ...fields });

/** Most messages are shorter: their fields begin in one column. */
const MESSAGE_COLUMNS = 44;

const LEVEL_COLUMNS = 5;

/** Of SGR: an error red, a warning yellow, what is of protocol faint. (ECMA-48 §8.3.117) */
const COLOURS: Readonly<Record<LogLevel, string>> = { debug: '2', info: '0', warn: '33', error: '31' };

/** A value that needs no quotes to be told from the next field. */
const PLAIN = /^[\w.:/@+%~[\]-]+$/;

/**
 * Characters that a terminal obeys or that turn the direction of a text, and that JSON leaves as they are: a peer has a
 * hand in values. (C1 controls; Unicode TR 9 §2)
 */
const OBEYED = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** For people: the same in columns, `name=value`; with colours for a terminal. */
export function textLine({ hasColours }: { readonly hasColours: boolean }): LineFormat {
  const paint = (code: string, text: string): string => (hasColours ? `\u001b[${code}m${text}\u001b[0m` : text);
  return (time, level, message, fields) => {
    const named = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${paint('2', `${name}=`)}${valueText(value)}`);
    const head = `${time} ${paint(COLOURS[level], level.toUpperCase().padEnd(LEVEL_COLUMNS))} `;
    const said = named.length === 0 ? message : message.padEnd(MESSAGE_COLUMNS);
    return [head + (level === 'error' ? paint('1', said) : said), ...named].join(' ');
  };
}

function valueText(value: unknown): string {
  const text = String(value);
  if (PLAIN.test(text)) return text;
  return JSON.stringify(text).replace(OBEYED, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
