import { type Kind, path } from './kinds.js';

/** A database in which certificates can be looked up. */
export type InventoryPlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string };

const SQLITE = 'sqlite:';

export const inventoryPlace: Kind<InventoryPlace> = {
  placeholder: 'sqlite:PATH|postgresql://…',
  expected: 'sqlite:PATH or postgresql://USER@HOST/DATABASE, with the password elsewhere: PGPASSFILE or PGPASSWORD',
  shown: (value) => value.replace(/(:\/\/[^:/@]*):.*@/s, '$1:***@').replace(/(password=)[^&]*/g, '$1***'),
  parse(value, files) {
    if (value.startsWith(SQLITE)) {
      const file = path.parse(value.slice(SQLITE.length), files);
      return file === undefined ? undefined : { kind: 'sqlite', path: file };
    }
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const isPostgres = url?.protocol === 'postgresql:' || url?.protocol === 'postgres:';
    // All users of the machine see a command line, and settings are shown.
    return isPostgres && url.password === '' && !url.searchParams.has('password')
      ? { kind: 'postgres', url: value }
      : undefined;
  },
};
