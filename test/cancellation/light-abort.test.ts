import t from 'tap';
import { type EndSignal, LightAbort } from '../../src/cancellation/index.js';

// Whoever listens to one must not notice that it is not Node's own.
const KINDS: readonly { name: string; make: () => { signal: EndSignal; abort: () => void } }[] = [
  {
    name: 'AbortController',
    make() {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    },
  },
  {
    name: 'LightAbort',
    make() {
      const light = new LightAbort();
      return { signal: light, abort: () => light.abort() };
    },
  },
];

for (const { name, make } of KINDS) {
  t.test(`${name}: all who listen at the end are told, once, and find it aborted`, async (t) => {
    const { signal, abort } = make();
    const told: string[] = [];
    const twice = (): void => void told.push(`twice, aborted: ${signal.aborted}`);
    const gone = (): void => void told.push('gone');
    signal.addEventListener('abort', twice, { once: true });
    signal.addEventListener('abort', twice, { once: true });
    signal.addEventListener('abort', gone, { once: true });
    signal.addEventListener('abort', () => {
      told.push('last');
      abort();
    });
    signal.removeEventListener('abort', gone);
    signal.removeEventListener('abort', () => {});
    t.notOk(signal.aborted);
    abort();
    abort();
    signal.addEventListener('abort', gone, { once: true });
    t.strictSame(told, ['twice, aborted: true', 'last']);
  });
}
