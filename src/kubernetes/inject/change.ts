/** How one value becomes another, so that what stays can be left as it was written. */
export type Change =
  | { readonly kind: 'same' }
  | { readonly kind: 'replace'; readonly value: unknown }
  | {
      readonly kind: 'object';
      readonly removed: readonly string[];
      readonly added: readonly (readonly [key: string, value: unknown])[];
      readonly changed: readonly (readonly [key: string, change: Change])[];
    }
  | {
      /** Of a list whose items have names, or keep their places. Places are those of the list before. */
      readonly kind: 'list';
      readonly removed: readonly number[];
      readonly inserted: readonly { readonly before: number; readonly values: readonly unknown[] }[];
      readonly changed: readonly (readonly [place: number, change: Change])[];
    };

type Fields = Readonly<Record<string, unknown>>;

/** What makes `after` of `before`; both are values of JSON. */
export function changeOf(before: unknown, after: unknown): Change {
  // What an injection leaves as it is, it does not copy.
  if (Object.is(before, after)) return { kind: 'same' };
  if (isFields(before) && isFields(after)) return objectChange(before, after);
  if (Array.isArray(before) && Array.isArray(after)) return listChange(before, after);
  return { kind: 'replace', value: after };
}

function objectChange(before: Fields, after: Fields): Change {
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const added = Object.entries(after).filter(([key]) => !Object.hasOwn(before, key));
  const changed = Object.entries(after).flatMap(([key, value]): [string, Change][] => {
    const change: Change = Object.hasOwn(before, key) ? changeOf(before[key], value) : { kind: 'same' };
    return change.kind === 'same' ? [] : [[key, change]];
  });
  return removed.length + added.length + changed.length === 0
    ? { kind: 'same' }
    : { kind: 'object', removed, added, changed };
}

function listChange(before: readonly unknown[], after: readonly unknown[]): Change {
  const oldNames = namesOf(before);
  const newNames = namesOf(after);
  if (oldNames === undefined || newNames === undefined) return plainListChange(before, after);
  const placeOf = new Map(oldNames.map((name, place) => [name, place]));
  const isNew = new Set(newNames);
  const kept = newNames.filter((name) => placeOf.has(name));
  const isInOrder = kept.join('\n') === oldNames.filter((name) => isNew.has(name)).join('\n');
  if (!isInOrder) return { kind: 'replace', value: after };
  const inserted = new Map<number, unknown[]>();
  const changed: [number, Change][] = [];
  const waiting: unknown[] = [];
  newNames.forEach((name, at) => {
    const place = placeOf.get(name);
    if (place === undefined) {
      waiting.push(after[at]);
      return;
    }
    if (waiting.length > 0) inserted.set(place, waiting.splice(0));
    const change = changeOf(before[place], after[at]);
    if (change.kind !== 'same') changed.push([place, change]);
  });
  if (waiting.length > 0) inserted.set(before.length, waiting);
  const removed = oldNames.flatMap((name, place) => (isNew.has(name) ? [] : [place]));
  if (removed.length + inserted.size + changed.length === 0) return { kind: 'same' };
  return {
    kind: 'list',
    removed,
    inserted: [...inserted].map(([place, values]) => ({ before: place, values })),
    changed,
  };
}

/** By place: what has no name is not looked for elsewhere. */
function plainListChange(before: readonly unknown[], after: readonly unknown[]): Change {
  if (before.length !== after.length) return { kind: 'replace', value: after };
  const changes = before.map((item, place): [number, Change] => [place, changeOf(item, after[place])]);
  const changed = changes.filter(([, { kind }]) => kind !== 'same');
  if (changed.length === 0) return { kind: 'same' };
  const areWithin = changed.every(([, { kind }]) => kind !== 'replace');
  return areWithin ? { kind: 'list', removed: [], inserted: [], changed } : { kind: 'replace', value: after };
}

/** The names of the items, if each has one of its own. */
function namesOf(list: readonly unknown[]): string[] | undefined {
  const names = list.map((item) => (isFields(item) && Object.hasOwn(item, 'name') ? item.name : undefined));
  const texts = names.filter((name) => typeof name === 'string' && !name.includes('\n'));
  return texts.length === list.length && new Set(texts).size === list.length ? texts.map(String) : undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
