import type { PatchOperation } from '../../src/kubernetes/inject/index.js';

/** Applies a JSON Patch as an API server does. (RFC 6902 §4) */
export function patched(document: unknown, operations: readonly PatchOperation[]): unknown {
  const result = structuredClone({ document });
  for (const operation of operations) {
    const [last = '', ...parents] = ['document', ...operation.path.split('/').slice(1)].map(unescaped).reverse();
    const target = parents.reverse().reduce<unknown>(childOf, result);
    if (Array.isArray(target)) {
      const isAdd = operation.op === 'add';
      target.splice(Number(last), isAdd ? 0 : 1, ...('value' in operation ? [operation.value] : []));
    } else if (typeof target === 'object' && target !== null) {
      if (operation.op === 'remove') Reflect.deleteProperty(target, last);
      else Reflect.set(target, last, operation.value);
    } else throw new Error(`nothing at ${operation.path}`);
  }
  return result.document;
}

const unescaped = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

const childOf = (value: unknown, key: string): unknown =>
  Object.entries(Object(value)).find(([name]) => name === key)?.[1];
