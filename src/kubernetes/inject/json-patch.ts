import { type Change, changeOf } from './change.js';

/** One operation of a JSON Patch. (RFC 6902 §4) */
export type PatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** The JSON Patch that makes `after` of `before`: what a webhook answers. (RFC 6902) */
export function jsonPatch(before: unknown, after: unknown): PatchOperation[] {
  return operations(changeOf(before, after), '');
}

function operations(change: Change, path: string): PatchOperation[] {
  switch (change.kind) {
    case 'same':
      return [];
    case 'replace':
      return [{ op: 'replace', path, value: change.value }];
    case 'object':
      return [
        ...change.removed.map((key): PatchOperation => ({ op: 'remove', path: child(path, key) })),
        ...change.changed.flatMap(([key, inner]) => operations(inner, child(path, key))),
        ...change.added.map(([key, value]): PatchOperation => ({ op: 'add', path: child(path, key), value })),
      ];
    case 'list':
      return listOperations(change, path);
    default:
      return change satisfies never;
  }
}

/** From the end to the begin, so that each place is still that of the list before. */
function listOperations({ changed, removed, inserted }: Change & { kind: 'list' }, path: string): PatchOperation[] {
  const inner = changed.flatMap(([place, change]) => operations(change, `${path}/${place}`));
  const gone = new Set(removed);
  const added = new Map(inserted.map(({ before, values }) => [before, values]));
  const places = [...new Set([...removed, ...added.keys()])].sort((one, other) => other - one);
  const moves = places.flatMap((place) => [
    ...(gone.has(place) ? [{ op: 'remove', path: `${path}/${place}` } as const] : []),
    ...(added.get(place) ?? [])
      .toReversed()
      .map((value): PatchOperation => ({ op: 'add', path: `${path}/${place}`, value })),
  ]);
  return [...inner, ...moves];
}

/** (RFC 6901 §3) */
function child(path: string, key: string): string {
  return `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
